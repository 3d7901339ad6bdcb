"""`eval` on real weights: an independent script counts its scores alike, and a killed run ends with the same bytes."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import recount

QUESTIONS = Path(__file__).parent / "data/questions.jsonl"


def command(out, task):
    program = [sys.executable, "-m", "langchain_consensus.cli", "eval", "--task", task, "--output", out]
    return [*map(str, program), "--model", "gemma-3-270m", "--batch-size", "1"]


def evaluate(out, task):
    done = subprocess.run(command(out, task), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    file = tmp_path_factory.mktemp("task") / "questions.toml"
    shutil.copy(QUESTIONS, file.parent)
    file.write_text(f'name = "questions"\nkind = "choice"\ndata = "{QUESTIONS.name}"\n')
    return file


def test_a_killed_run_is_continued_to_the_same_bytes_and_counted_alike_by_an_independent_script(task, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    evaluate(whole, task)
    scores = killed / "questions.qa.jsonl"
    with subprocess.Popen(command(killed, task), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (scores.exists() and scores.stat().st_size):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert len(scores.read_bytes().splitlines()) < 6
    evaluate(killed, task)
    assert {p.name: p.read_bytes() for p in killed.iterdir()} == {p.name: p.read_bytes() for p in whole.iterdir()}
    lines = [json.loads(line) for line in scores.read_text("utf-8").splitlines()]
    summary = json.loads((killed / "questions.qa.summary.json").read_text("utf-8"))
    methods = summary["metrics"]["accuracy"]["methods"]
    for method, right in recount.rights(lines, "sum").items():
        assert methods[method]["accuracy"]["right"] == sum(right), method
