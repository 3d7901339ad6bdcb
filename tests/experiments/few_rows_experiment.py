"""What it costs that few rows are filled up to one of some lengths: sampling with them, and with every length.

    python -m tests.experiments.few_rows_experiment --data DIR --model qwen2.5-coder-0.5b-instruct

Questions of TriviaQA's development set, eight draws each, the two ways in turns; printed are the median ratios of their
times, with questions that were not asked before and with the same ones again, whose code is compiled by then; and the
memory that a process of each way has come to hold.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from langchain_consensus import EquilibriumRankingLLM
from langchain_consensus.engine import few_rows

WAYS = {"lengths": few_rows.LENGTHS, "all": tuple(range(2, few_rows.LENGTHS[-1] + 1))}
TURNS, TOGETHER = 6, 4


def questions(data):
    """The first questions of the task."""
    lines = (data / "triviaqa" / "dev.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines[: (TURNS + 1) * TOGETHER]]


def seconds(llm, way, asked):
    """How long it takes to answer `asked`, one by one, on the lengths of `way`."""
    few_rows.LENGTHS = WAYS[way]
    began = time.perf_counter()
    for question in asked:
        llm.generate([question])
    return time.perf_counter() - began


def ratio(llm, turns):
    """The median over turns of the time with some lengths against that with all; who begins alternates."""
    ratios = []
    for turn, asked in enumerate(turns):
        order = list(WAYS) if turn % 2 else list(reversed(WAYS))
        times = {way: seconds(llm, way, asked) for way in order}
        ratios.append(times["lengths"] / times["all"])
    return statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--memory-of", choices=list(WAYS), help="this process measures that way's memory alone")
    options = parser.parse_args()
    llm = EquilibriumRankingLLM.from_model_id(options.model, num_candidates=8, max_new_tokens=24)
    asked = questions(options.data)
    groups = [asked[start : start + TOGETHER] for start in range(0, len(asked), TOGETHER)]
    if options.memory_of is not None:
        llm.generate(asked[:1])
        before = psutil.Process().memory_full_info().uss
        for group in groups:
            seconds(llm, options.memory_of, group)
        print(
            f"{options.memory_of}: {(psutil.Process().memory_full_info().uss - before) / 1e6:.0f} MB more", flush=True
        )
        return
    for way in WAYS:
        seconds(llm, way, groups[-1])
    print(f"questions not asked before: {ratio(llm, groups[:TURNS]):.2f} of the time")
    print(f"one and the same questions: {ratio(llm, groups[:1] * TURNS):.2f} of the time", flush=True)
    for way in WAYS:
        command = [sys.executable, "-m", "tests.experiments.few_rows_experiment", "--data", options.data]
        subprocess.run([*map(str, command), "--model", options.model, "--memory-of", way], check=True)


if __name__ == "__main__":
    main()
