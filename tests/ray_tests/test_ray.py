"""Whole files over a local Ray cluster of two actors, one of which is killed half-way: nothing lost, nothing twice.

pip install -c constraints.txt "langchain-consensus[ray]"
pytest -m ray tests/ray_tests

The model is a tiny random one, and its items are made up; with LANGCHAIN_CONSENSUS_RAY_MODEL it is that model, and the
items are the first 200 of `arc_easy/dev.jsonl` in the folder LANGCHAIN_CONSENSUS_DATA.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.ray

ITEMS = 200


@dataclass(frozen=True, kw_only=True)
class Job:
    """A file of items, the model that ranks them, and where outputs go."""

    folder: Path
    items: Path
    model: str


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray")
    model, items = os.environ.get("LANGCHAIN_CONSENSUS_RAY_MODEL"), folder / "items.jsonl"
    if model:
        lines_of_task = (Path(os.environ["LANGCHAIN_CONSENSUS_DATA"]) / "arc_easy/dev.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines_of_task[:ITEMS]]
    else:
        model = str(folder / "model")
        tiny_model("qwen2").save_pretrained(model)
        tiny_tokenizer().save_pretrained(model)
        rows = made_up()
    with items.open("w") as file:
        for number, row in enumerate(rows):
            one = {"id": f"q{number}", "question": row["question"], "choices": row["choices"]}
            file.write(json.dumps(one) + "\n")
    return Job(folder=folder, items=items, model=model)


def made_up():
    dice, words = random.Random(0), ["yes", "no", "it", "is", "the", "answer", "what", "which"]
    for number in range(ITEMS):
        choices = [f"{' '.join(dice.choices(words, k=3))} {place}" for place in range(4)]
        yield {"question": f"{' '.join(dice.choices(words, k=6))} {number}?", "choices": choices}


def started(job, output, *options):
    command = [sys.executable, "-m", "langchain_consensus.cli", "rank", "--input", job.items, "--output", output]
    command += ["--model", job.model, "--batch-size", "4", "--solver", "log_time_flow"]
    return subprocess.Popen([*map(str, command), *options], stderr=subprocess.PIPE, text=True)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def actors(process):
    """The processes below this one that hold an engine."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "MapWorker" in "".join(child.cmdline()[:1]):
                found.append(child)
    return found


def wait_for(output, count, process):
    until = time.monotonic() + 1800
    while process.poll() is None and len(output.read_bytes().splitlines() if output.exists() else ()) < count:
        assert time.monotonic() < until, "the run does not get on"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def alone(job):
    """What one process gives."""
    output = job.folder / "alone.jsonl"
    process = started(job, output)
    process.communicate()
    assert process.returncode == 0
    return lines(output)


def check_same(found, alone):
    assert [one["id"] for one in found] == [f"q{number}" for number in range(ITEMS)]
    differences, decided = [], 0
    for one, other in zip(found, alone, strict=True):
        mine, theirs = ({candidate["text"]: candidate for candidate in line["candidates"]} for line in (one, other))
        assert mine.keys() == theirs.keys()
        for text, view, condition in product(mine, ("generator", "discriminator"), ("correct", "incorrect")):
            differences.append(abs(mine[text][view][condition] - theirs[text][view][condition]))
        if other["margin"] > 1e-3:
            assert one["answer"] == other["answer"]
            decided += 1
    print(f"{len(differences)} log-probabilities differ by at most {np.max(differences):.1e}; {decided} same choices")
    assert np.max(differences) <= 1e-4  # false of a NaN too
    assert decided > ITEMS / 2


def test_a_killed_actor_costs_no_item_and_doubles_none(job, alone):
    output = job.folder / "killed.jsonl"
    process = started(job, output, "--ray", "local", "--ray-actors", "2")
    wait_for(output, 40, process)
    there = actors(process)
    assert len(there) == 2
    there[0].kill()
    _, said = process.communicate()
    assert process.returncode == 0, said
    check_same(lines(output), alone)


def test_an_interrupted_run_is_continued(job, alone):
    output = job.folder / "continued.jsonl"
    output.write_text("".join(json.dumps(one) + "\n" for one in alone[:150]))
    meta = job.folder / "alone.jsonl.meta.json"
    (job.folder / "continued.jsonl.meta.json").write_text(meta.read_text())
    process = started(job, output, "--ray", "local", "--ray-actors", "1")
    _, said = process.communicate()
    assert process.returncode == 0, said
    check_same(lines(output), alone)


def test_a_model_that_is_not_there_is_one_clear_error(job):
    output = job.folder / "none.jsonl"
    process = started(job, output, "--ray", "local", "--ray-actors", "1", "--model", str(job.folder / "no model"))
    _, said = process.communicate()
    assert process.returncode != 0
    assert "no model" in said
    assert "Traceback" not in said
