"""How the engine's cost grows: its time against the number of candidates, its memory against the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.benchmarks.checks import check_forest
from langchain_consensus.benchmarks.limits import scoring_work
from langchain_consensus.benchmarks.methods import OursScoring
from langchain_consensus.benchmarks.race import take_turns
from langchain_consensus.benchmarks.records import MethodRecord, WorkloadRecord
from langchain_consensus.benchmarks.requests import distinct_strings
from langchain_consensus.benchmarks.workloads import arc, rag

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from langchain_consensus.benchmarks.measure import Method
    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.benchmarks.workloads import Workload

    Say = Callable[[str], None]

__all__ = ["BATCHES", "CANDIDATE_COUNTS", "run_batches", "run_candidates"]

CANDIDATE_COUNTS = (2, 8, 32, 128)
BATCHES = (10, 200)


def run_candidates(subject: Subject, data: Path, questions: int, *, repeats: int, say: Say) -> WorkloadRecord:
    """Time of the engine for 2, 8, 32 and 128 candidates of the same contexts of `rag`."""
    series = {str(n): rag(subject, data, questions, candidates=n) for n in CANDIDATE_COUNTS}
    return _series(subject, "candidates", series, repeats=repeats, say=say)


def run_batches(subject: Subject, data: Path, *, repeats: int, say: Say) -> WorkloadRecord:
    """Memory of the engine for 10 and for 200 questions of `arc` in one call."""
    series = {str(n): arc(subject, data, n) for n in BATCHES}
    return _series(subject, "batch", series, repeats=repeats, say=say)


def _series(subject: Subject, name: str, series: dict[str, Workload], *, repeats: int, say: Say) -> WorkloadRecord:
    strings = {key: distinct_strings(subject.tokens, one.requests) for key, one in series.items()}
    methods: dict[str, Method] = {
        key: OursScoring(subject=subject, requests=one.requests, strings=strings[key]) for key, one in series.items()
    }
    say(f"{name}: {', '.join(methods)}")
    first = next(iter(methods.values()))
    first.prepare()
    first.run()
    turns = take_turns(subject.model, methods, repeats=repeats, say=say, rates=False)
    work = {key: scoring_work(subject.model, some) for key, some in strings.items()}
    for key in methods:
        check_forest(turns.measurements[key], work[key])
    largest = list(series)[-1]
    return WorkloadRecord(
        name=name,
        questions=series[largest].questions,
        facts=series[largest].facts,
        strings=len(strings[largest]),
        string_tokens=sum(len(s.prefix) + len(s.continuation) for s in strings[largest]),
        forest_tokens=work[largest].tokens,
        forest_head_rows=work[largest].head_rows,
        methods=[MethodRecord.of(key, turns.measurements[key]) for key in methods],
    )
