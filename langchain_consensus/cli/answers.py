"""The answers to questions of the command line: computed in one batch, shown one after the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from langchain_consensus.cli import engines
from langchain_consensus.cli.exits import ABSTAINED, FAILED
from langchain_consensus.cli.pipeline import each_ranked
from langchain_consensus.cli.records import question_record, write_line
from langchain_consensus.cli.show import print_lines, print_ranking, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.consensus import Consensus
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking import Ranking

__all__ = ["show_answers"]

T = TypeVar("T")


def show_answers(
    questions: Sequence[Question],
    rank: Callable[[Sequence[T]], list[Ranking]],
    batch: Sequence[T],
    consensus: Consensus,
    settings: RunSettings,
    *,
    as_json: bool,
) -> int:
    """The exit code, after every answer is on stdout and every failure on stderr.

    Args:
        questions: What is asked.
        rank: A method of `consensus` that takes `batch`.
        batch: What is ranked, one for each question.
        consensus: The pipeline; its model is loaded first.
        settings: The options.
        as_json: Whether lines of JSON are written, failures among them.
    """
    if settings.wording != "auto":
        for question in questions:
            consensus.used_wording().generator_prompt(question, correctness=1)  # raises where it cannot be asked so
    engines.load(consensus, cache_dir=settings.model.cache_dir)
    threshold = settings.min_confidence
    before = time.perf_counter()
    outcomes = each_ranked(rank, batch)
    seconds = f"{time.perf_counter() - before:.1f} s" + (f" for {len(batch)} questions" if len(batch) > 1 else "")
    records = [
        question_record(question.text, outcome, min_confidence=threshold)
        for question, outcome in zip(questions, outcomes, strict=True)
    ]
    for number, record in enumerate(records):
        if "error" in record:
            say(f"error: {record['question']!r} failed: {record['error']}")
        if as_json:
            write_line(record)
        elif "error" not in record:
            print_lines(*[""] * (number > 0))
            print_ranking(record, question=record["question"], min_confidence=threshold, cost=seconds)
    if any("error" in record for record in records):
        return FAILED
    return ABSTAINED if any(record["abstained"] for record in records) else 0
