"""Stored items with random scores, as `eval` writes them."""

import json
import random

from langchain_consensus.evaluation.stored import StoredRun, stored_item
from langchain_consensus.evaluation.tasks import TASKS
from langchain_consensus.evaluation.wordings import evaluation_wording


def scores(rng, spread=2.0):
    words = [-rng.random() * spread for _ in range(2)]
    return {
        "characters": rng.randint(3, 30),
        "generator": {
            "correct": rng.gauss(-8, spread),
            "incorrect": rng.gauss(-9, spread),
            "tokens": rng.randint(1, 7),
        },
        "discriminator": {"correct": words[0] - 0.7, "incorrect": words[1] - 0.7},
    }


def given_lines(count, seed=0, candidates=4):
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        gold = rng.randrange(candidates)
        lines.append(
            {
                "id": f"item-{number}",
                "candidates": [
                    {"position": k, "count": 1, "key": str(k), "right": {"accuracy": k == gold}, **scores(rng)}
                    for k in range(candidates)
                ],
            }
        )
    return lines


def drawn_lines(count, seed=0, strings=6, answers=3):
    """Strings of `answers` keys (the first of them empty: no answer), drawn up to three times each."""
    rng = random.Random(seed)
    lines = []
    for number in range(count):
        gold = str(rng.randrange(1, answers))
        keys = [str(rng.randrange(answers)) for _ in range(strings)]
        keys = ["" if key == "0" else key for key in keys]
        lines.append(
            {
                "id": f"item-{number}",
                "candidates": [
                    {
                        "position": k,
                        "count": rng.randint(1, 3),
                        "key": key,
                        "right": {"accuracy": key == gold},
                        "text": f"text {k}",
                        **scores(rng),
                    }
                    for k, key in enumerate(keys)
                ],
                "greedy": {"text": "x", "key": gold, "right": {"accuracy": rng.random() < 0.5}},
            }
        )
    return lines


def items(lines):
    return [stored_item(line, where="test") for line in lines]


def run_of(lines, tmp_path=None, wording="chat_qa", task="arc_easy"):
    return StoredRun(path=tmp_path, settings=settings(wording, task), notes={}, items=tuple(items(lines)))


def settings(wording="chat_qa", task="arc_easy"):
    return {
        "task": TASKS[task].model_dump(mode="json"),
        "wording": evaluation_wording(wording).model_dump(mode="json"),
        "model": "some-model",
    }


def write_run(path, lines, **about):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    meta = {"settings": settings(**about), "notes": {"versions": {"python": "3"}}}
    path.with_name(path.name + ".meta.json").write_text(json.dumps(meta), "utf-8")
    return path
