"""Whole files over a local Ray cluster of two actors, one of which is killed half-way: nothing lost, nothing twice.

pip install -c constraints.txt "langchain-consensus[ray]"
pytest -m ray tests/ray_tests
"""

import contextlib
import json
import random
import subprocess
import sys
import time

import psutil
import pytest

from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.ray

ITEMS = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model and a file of items."""
    path = tmp_path_factory.mktemp("ray")
    tiny_model("qwen2").save_pretrained(path / "model")
    tiny_tokenizer().save_pretrained(path / "model")
    dice, words = random.Random(0), ["yes", "no", "it", "is", "the", "answer", "what", "which"]
    with (path / "items.jsonl").open("w") as file:
        for number in range(ITEMS):
            choices = [f"{' '.join(dice.choices(words, k=3))} {place}" for place in range(4)]
            question = f"{' '.join(dice.choices(words, k=6))} {number}?"
            file.write(json.dumps({"id": f"q{number}", "question": question, "choices": choices}) + "\n")
    return path


def started(folder, output, *options):
    command = [sys.executable, "-m", "langchain_consensus.cli", "rank", "--input", folder / "items.jsonl"]
    command += ["--model", folder / "model", "--output", output, "--batch-size", "4", "--solver", "log_time_flow"]
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
    until = time.monotonic() + 600
    while process.poll() is None and len(output.read_bytes().splitlines() if output.exists() else ()) < count:
        assert time.monotonic() < until, "the run does not get on"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def alone(folder):
    """What one process gives."""
    output = folder / "alone.jsonl"
    process = started(folder, output)
    process.communicate()
    assert process.returncode == 0
    return lines(output)


def check_same(found, alone):
    assert [one["id"] for one in found] == [f"q{number}" for number in range(ITEMS)]
    for one, other in zip(found, alone, strict=True):
        scores = {candidate["text"]: candidate for candidate in other["candidates"]}
        for candidate in one["candidates"]:
            same = scores[candidate["text"]]
            for view in ("generator", "discriminator"):
                assert candidate[view] == pytest.approx(same[view], abs=1e-4)
        if other["margin"] > 1e-3:
            assert one["answer"] == other["answer"]


def test_a_killed_actor_costs_no_item_and_doubles_none(folder, alone):
    output = folder / "killed.jsonl"
    process = started(folder, output, "--ray", "local", "--ray-actors", "2")
    wait_for(output, 40, process)
    there = actors(process)
    assert len(there) == 2
    there[0].kill()
    _, said = process.communicate()
    assert process.returncode == 0, said
    check_same(lines(output), alone)


def test_an_interrupted_run_is_continued(folder, alone):
    output = folder / "continued.jsonl"
    output.write_text("".join(json.dumps(one) + "\n" for one in alone[:150]))
    meta = folder / "alone.jsonl.meta.json"
    (folder / "continued.jsonl.meta.json").write_text(meta.read_text())
    process = started(folder, output, "--ray", "local", "--ray-actors", "1")
    _, said = process.communicate()
    assert process.returncode == 0, said
    check_same(lines(output), alone)


def test_a_model_that_is_not_there_is_one_clear_error(folder):
    output = folder / "none.jsonl"
    process = started(folder, output, "--ray", "local", "--ray-actors", "1", "--model", str(folder / "no model"))
    _, said = process.communicate()
    assert process.returncode != 0
    assert "no model" in said
    assert "Traceback" not in said
