"""Does comparing a lone answer with rivals tell right answers from wrong ones better than the raw verdict?

    python -m tests.experiments.rivals_experiment triviaqa --data DATA --limit 200 --output rivals.jsonl
    python -m tests.experiments.rivals_experiment agent --limit 64 --output rivals.jsonl

`triviaqa`: the model's own greedy answers (or, with `--draws 8`, those on which eight draws agree; other questions are
left out), right by the task's grader. `agent`: the good and bad answers of `data/`, as the middleware would judge them.
Everything comes from the same views of the same answers, so that all columns are paired. The file gets one line an
answer, and one that is there is continued; lines of other settings in it are left alone.
"""

import argparse
import json
import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from langchain_consensus import Consensus, Rule, SamplingSettings, TransformersEngine
from langchain_consensus.candidates import given
from langchain_consensus.evaluation.grading import grader_for
from langchain_consensus.evaluation.items import items_of
from langchain_consensus.evaluation.sources import rows_of
from langchain_consensus.evaluation.tasks import task_named
from langchain_consensus.evaluation.wordings import evaluation_wording
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import probability_against
from tests.experiments.agent_experiment import DATA, question_of_row, read

RAW, LOWER = "raw verdict", "the lower of raw verdict and er_discriminator against the best rival"
RULES = tuple(rule for rule in Rule if rule is not Rule.MAJORITY)
TOGETHER = 4
"""Answers that are one batch; no number depends on it but in the last digits."""
SAMPLES = 2000


def scores_of(ranking):
    """What each way of judging says of the answer, higher for right; the raw verdict where there is no rival."""
    answer, rivals = ranking.candidates[0], ranking.rivals
    found = {RAW: answer.verdict, "log P(y | correct) a token": answer.generator_correct / max(answer.tokens, 1)}
    for rule in RULES:
        ruled = replace(ranking, rule=rule)
        against = [probability_against(ruled, answer.position, one.position) for one in rivals]
        found[f"{rule.value} against the best rival"] = min(against, default=answer.verdict)
    lower = min(answer.verdict, found["er_discriminator against the best rival"])
    policy = answer.scores[Rule.ER_DISCRIMINATOR] if rivals else answer.verdict
    odds = [log_odds(one) for one in rivals]
    relative = log_odds(answer) - sum(odds) / len(odds) if odds else log_odds(answer)
    return {
        **found,
        LOWER: lower,
        "er_discriminator's policy itself": policy,
        "verdict less the rivals' mean": relative,
    }


def log_odds(candidate):
    """Of the raw verdict; far out they all mean "certain"."""
    return float(np.clip(candidate.verdict_correct - candidate.verdict_incorrect, -30, 30))


def line_of(ranking, *, right, group, is_right):
    """What is written of an answer; `is_right` also says how many rivals are right answers in truth."""
    rivals = [one.text for one in ranking.rivals]
    return {
        "group": group,
        "right": bool(right),
        "answer": ranking.answer,
        "rivals": rivals,
        "rivals_right": sum(map(is_right, rivals)) if is_right else None,
        "preferred": bool(rivals) and ranking.margin < 0,
        "scores": scores_of(ranking),
        "tokens": ranking.usage.sampled_tokens,
    }


def triviaqa(options, consensus, done):
    """(id, line) for the model's own lone answers to a batch of questions at a time."""
    task = task_named("triviaqa")
    grader = grader_for(task.kind)
    greedy = options.draws == 1
    sampling = SamplingSettings(n=options.draws, max_new_tokens=32, temperature=0.0 if greedy else 1.0)
    wording = evaluation_wording(task.chat_wording)
    consensus = replace(consensus, wording=wording, sampling=sampling, answer_key=grader.key)
    items = items_of(task, rows_of(task, options.data), wording)
    random.Random(0).shuffle(items)
    for batch in batches([item for item in items[: options.limit] if item.id not in done]):
        drawn = consensus.draw([item.question for item in batch])
        alone = [(item, one) for item, one in zip(batch, drawn, strict=True) if len(one.items) == 1]
        rankings = iter(consensus.rank([one for _, one in alone]))
        lone = {item.id for item, _ in alone}
        for item in batch:
            if item.id not in lone:
                yield item.id, {"skipped": "several answers"}
                continue
            ranking = next(rankings)

            def is_right(text, item=item):
                return grader.grades(text, item)["accuracy"]

            yield item.id, line_of(ranking, right=is_right(ranking.answer), group=item.id, is_right=is_right)


def agent(options, consensus, done):
    """(id, line) for the answers of the agent experiment, development and test."""
    consensus = replace(consensus, wording=wording_named("agent_answer"))
    rows = [row for part in ("_dev", "") for row in read(DATA / f"agent_answers{part}.jsonl")]
    for batch in batches([row for row in rows[: options.limit] if row["id"] not in done]):
        asked = [given(question_of_row(row, "context"), [row["answer"]]) for row in batch]
        for row, ranking in zip(batch, consensus.rank(asked), strict=True):
            group = row["id"].rpartition("-")[0]
            yield row["id"], line_of(ranking, right=row["good"], group=group, is_right=None)


def batches(items):
    """The items, a few at a time."""
    waiting = iter(items)
    while batch := list(islice(waiting, TOGETHER)):
        yield batch


def report(lines):
    """Prints the area under the ROC curve of every way, and how far it is from the raw verdict's, with intervals."""
    lines = [line for line in lines if "scores" in line]
    right = np.array([line["right"] for line in lines])
    found = sum(bool(line["rivals"]) for line in lines)
    print(f"{len(lines)} lone answers, {right.sum()} right; rivals found for {found}", end="")
    print(f", preferred to {sum(line['preferred'] for line in lines)}", end="")
    if lines and lines[0]["rivals_right"] is not None:
        rivals = sum(len(line["rivals"]) for line in lines)
        print(f"; {sum(line['rivals_right'] for line in lines)} of {rivals} rivals are right", end="")
    print(f"; {sum(line['tokens'] for line in lines) / max(len(lines), 1):.0f} tokens drawn for each")
    if len(set(right)) < 2:
        print("no area: the answers are all right or all wrong")
        return
    values = {name: np.array([line["scores"][name] for line in lines]) for name in lines[0]["scores"]}
    values = {name: np.nan_to_num(one, neginf=-1e6, posinf=1e6) for name, one in values.items()}
    samples = list(resampled([line["group"] for line in lines], right))
    raw = np.array([area_of(right[rows], values[RAW][rows]) for rows in samples])
    for name, scores in values.items():
        areas = np.array([area_of(right[rows], scores[rows]) for rows in samples])
        low, high = np.quantile(areas, (0.025, 0.975))
        less, more = np.quantile(areas - raw, (0.025, 0.975))
        area = area_of(right, scores)
        gain = area - area_of(right, values[RAW])
        print(f"  {name}: {area:.3f} [{low:.3f}, {high:.3f}], less raw {gain:+.3f} [{less:+.3f}, {more:+.3f}]")


def area_of(right, scores):
    """The area under the ROC curve, by ranks: thousands of samples would take scikit-learn's minutes."""
    good = right.sum()
    return (rankdata(scores)[right].sum() - good * (good + 1) / 2) / (good * (len(right) - good))


def resampled(groups, right):
    """Rows of bootstrap samples of whole groups that hold right and wrong answers."""
    rng, places = np.random.default_rng(0), {}
    for row, group in enumerate(groups):
        places.setdefault(group, []).append(row)
    rows = [np.array(one) for one in places.values()]
    for _ in range(SAMPLES):
        chosen = np.concatenate([rows[place] for place in rng.integers(len(rows), size=len(rows))])
        if len(set(right[chosen])) == 2:
            yield chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["triviaqa", "agent"])
    parser.add_argument("--data", type=Path, help="triviaqa: the folder of the tasks")
    parser.add_argument("--limit", type=int, default=200, help="questions, or answers of the agent")
    parser.add_argument("--draws", type=int, default=1, help="triviaqa: 1 is the greedy answer")
    parser.add_argument("--rivals", type=int, default=4)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    if options.what == "triviaqa" and options.data is None:
        parser.error("triviaqa needs --data")
    setting = {name: getattr(options, name) for name in ("what", "draws", "rivals", "model")}
    kept = [line for line in (read(options.output) if options.output.exists() else []) if line["setting"] == setting]
    consensus = Consensus(engine=TransformersEngine(options.model), rivals=options.rivals)
    run = triviaqa if options.what == "triviaqa" else agent
    with options.output.open("a", encoding="utf-8") as file:
        for name, line in run(options, consensus, {line["id"] for line in kept}):
            kept.append({"setting": setting, "id": name, **line})
            file.write(json.dumps(kept[-1], ensure_ascii=False) + "\n")
            file.flush()
    report(kept)


if __name__ == "__main__":
    main()
