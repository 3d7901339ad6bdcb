"""Does the model know which answers mean the same? The numbers are in docs/experiments.md.

    python -m tests.experiments.meanings_experiment --data DATA --limit 100 --output meanings.jsonl

Of each question of TriviaQA with at least two names of its answer that are not equal after normalisation, two names are
a pair that means the same, and one of them with the answer of the question before is a pair that does not.
"""

import argparse
import json
import random
from math import log
from pathlib import Path

from sklearn.metrics import roc_auc_score

from langchain_consensus import Question, TransformersEngine
from langchain_consensus.candidates import given
from langchain_consensus.engine import ScoreRequest
from langchain_consensus.evaluation.grading import squad_normalised
from langchain_consensus.evaluation.sources import rows_of
from langchain_consensus.evaluation.tasks import task_named
from langchain_consensus.meanings import Meanings, merged_by_meaning


class Seen:
    """An engine whose last scores are kept."""

    def __init__(self, engine):
        self.engine, self.is_chat, self.last = engine, engine.is_chat, []

    def score(self, requests: list[ScoreRequest]):
        found = self.engine.score(requests)
        self.last = [float(one.logprobs[1] - one.logprobs[0]) for one in found.scores]
        return found


def pairs_of(rows):
    """(question, first, second, whether they mean the same), two for each question that has two names."""
    before = None
    for row in rows:
        names = list({squad_normalised(name): name for name in row.answers}.values())
        if len(names) < 2:
            continue
        first, second = names[:2]
        yield row.question, first, second, True
        if before is not None:
            yield row.question, first, before, False
        before = first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="questions")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows = list(rows_of(task_named("triviaqa"), options.data).rows)
    random.Random(0).shuffle(rows)
    pairs = list(pairs_of(rows))[: 2 * options.limit]
    engine, lines = Seen(TransformersEngine(options.model)), []
    with options.output.open("w", encoding="utf-8") as file:
        for question, first, second, same in pairs:
            merged_by_meaning(engine, [given(Question(text=question), [first, second])], Meanings())
            line = {"question": question, "first": first, "second": second, "same": same, "log_odds": engine.last}
            lines.append(line)
            file.write(json.dumps(line) + "\n")
    weaker = [min(line["log_odds"]) for line in lines]
    same = [line["same"] for line in lines]
    print(f"{len(lines)} pairs, {sum(same)} the same; AUROC {roc_auc_score(same, weaker):.3f}")
    for least in (0.5, 0.7, 0.9):
        merged = [one >= log(least / (1 - least)) for one in weaker]
        right = sum(m for m, s in zip(merged, same, strict=True) if s)
        wrong = sum(m for m, s in zip(merged, same, strict=True) if not s)
        print(
            f"  from {least}: merged {right} of {sum(same)} that are, {wrong} of {len(same) - sum(same)} that are not"
        )


if __name__ == "__main__":
    main()
