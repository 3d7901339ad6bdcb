"""How many tokens drawing in rounds saves, and what it costs in accuracy; the numbers are in docs/experiments.md.

    python -m tests.experiments.rounds_experiment --data DATA --task triviaqa --limit 100 --output rounds.jsonl

Every question is drawn 16 times at once, and the rounds are then played on these draws, which are those that the rounds
would make (`test_draws_in_rounds_are_the_draws_at_once`). The file gets one line a question; an existing one is
continued.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np

from langchain_consensus import Consensus, Rounds, Rule, SamplingSettings, TransformersEngine
from langchain_consensus.draws import drawn, gathered
from langchain_consensus.engine import SampleResult, Usage
from langchain_consensus.evaluation.comparison import Resampled
from langchain_consensus.evaluation.grading import grader_for
from langchain_consensus.evaluation.items import items_of
from langchain_consensus.evaluation.sources import rows_of
from langchain_consensus.evaluation.tasks import task_named
from langchain_consensus.evaluation.wordings import evaluation_wording
from langchain_consensus.rounds import asked_in_rounds

RULES = (Rule.ER_DISCRIMINATOR, Rule.MAJORITY)
DRAWS = 16


class Replay:
    """A question whose draws are known; ranking is real."""

    def __init__(self, consensus, samples):
        self.consensus, self.samples, self.tokens, self.draws = consensus, samples, 0, 0

    def draw_some(self, questions, *, first, n):
        some = self.samples[first : first + n]
        self.draws += n
        self.tokens += sum(one.tokens for one in some)
        return SampleResult(samples=(some,) * len(questions), usage=Usage(sampled_tokens=self.tokens))

    def gather(self, question, samples, usage):
        return gathered(question, samples, usage, answer_key=self.consensus.answer_key)

    def rank(self, batch):
        return self.consensus.rank(batch)


def results_of(item, samples, engine, wording, grader, risk):
    """The item's line: for every rule, fixed draws and rounds, whether it is right, and the tokens drawn."""
    line = {"id": item.id, "tokens": sum(one.tokens for one in samples)}
    for rule in RULES:
        consensus = Consensus(engine=engine, wording=wording, rule=rule, answer_key=grader.key)
        [fixed] = consensus.rank([gathered(item.question, samples, Usage(), answer_key=grader.key)])
        replay = Replay(consensus, samples)
        [found] = asked_in_rounds(replay, [item.question], Rounds(risk=risk), rule=rule, temperature=1.0)
        line[rule.value] = {
            "fixed": grader.grades(fixed.answer, item)["accuracy"],
            "rounds": grader.grades(found.answer, item)["accuracy"],
            "same": grader.key(fixed.answer) == grader.key(found.answer),
            "tokens": replay.tokens,
            "draws": replay.draws,
        }
    return line


def report(lines):
    """Prints accuracy of both, the paired difference with its 95% interval, and the share of tokens drawn."""
    total = sum(line["tokens"] for line in lines)
    for rule in RULES:
        rows = [line[rule.value] for line in lines]
        right = {way: np.array([row[way] for row in rows]) for way in ("fixed", "rounds")}
        gain = Resampled(right).difference("rounds", "fixed")
        fixed, in_rounds = (sum(row) / len(rows) for row in right.values())
        tokens, draws = sum(row["tokens"] for row in rows), sum(row["draws"] for row in rows)
        print(f"{rule.value}: {len(rows)} questions, fixed {fixed:.3f}, rounds {in_rounds:.3f}")
        print(f"  difference {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")
        print(f"  same answer {sum(row['same'] for row in rows)}")
        print(f"  tokens {tokens} of {total}, {tokens / total:.0%}; draws {draws / len(rows):.1f} of {DRAWS}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--task", choices=("triviaqa", "nq_open", "gsm8k"), default="triviaqa")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--max-new-tokens", type=int, default=32)
    parser.add_argument("--risk", type=float, default=0.05)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    task = task_named(options.task)
    engine, wording, grader = (
        TransformersEngine(options.model),
        evaluation_wording(task.chat_wording),
        grader_for(task.kind),
    )
    items = items_of(task, rows_of(task, options.data), wording)
    random.Random(0).shuffle(items)
    done = options.output.read_text(encoding="utf-8").splitlines() if options.output.exists() else []
    lines = [json.loads(line) for line in done]
    settings = SamplingSettings(n=DRAWS, max_new_tokens=options.max_new_tokens)
    with options.output.open("a", encoding="utf-8") as file:
        for item in items[len(lines) : options.limit]:
            [samples] = drawn(engine, wording, [item.question], settings).samples
            lines.append(results_of(item, samples, engine, wording, grader, options.risk))
            file.write(json.dumps(lines[-1]) + "\n")
            file.flush()
    report(lines)


if __name__ == "__main__":
    main()
