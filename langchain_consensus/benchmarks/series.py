"""How the engine's cost grows: its time against the number of candidates, its memory against the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.benchmarks.entries import Scope, digest_of
from langchain_consensus.benchmarks.limits import scoring_work
from langchain_consensus.benchmarks.methods import OursScoring
from langchain_consensus.benchmarks.race import Turns, take_turns
from langchain_consensus.benchmarks.records import MethodRecord, WorkloadRecord
from langchain_consensus.benchmarks.requests import distinct_strings
from langchain_consensus.benchmarks.rounds import complete_rounds, load_range, notes_on
from langchain_consensus.benchmarks.workloads import arc, rag

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.benchmarks.measure import Method
    from langchain_consensus.benchmarks.run import Run
    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.benchmarks.workloads import Workload

__all__ = ["BATCHES", "CANDIDATE_COUNTS", "run_batches", "run_candidates"]

CANDIDATE_COUNTS = (2, 8, 32, 128)
BATCHES = (10, 200)


def run_candidates(subject: Subject, data: Path, questions: int, *, run: Run) -> WorkloadRecord | None:
    """Time of the engine for 2, 8, 32 and 128 candidates of the same contexts of `rag`."""
    series = {str(n): rag(subject, data, questions, candidates=n) for n in CANDIDATE_COUNTS}
    return _series(subject, "candidates", series, run=run)


def run_batches(subject: Subject, data: Path, *, run: Run) -> WorkloadRecord | None:
    """Memory of the engine for 10 and for 200 questions of `arc` in one call."""
    series = {str(n): arc(subject, data, n) for n in BATCHES}
    return _series(subject, "batch", series, run=run)


def _series(subject: Subject, name: str, series: dict[str, Workload], *, run: Run) -> WorkloadRecord | None:
    strings = {key: distinct_strings(subject.tokens, one.requests) for key, one in series.items()}
    methods: dict[str, Method] = {
        key: OursScoring(subject=subject, requests=one.requests, strings=strings[key]) for key, one in series.items()
    }
    work = {key: scoring_work(subject.model, some) for key, some in strings.items()}
    largest = list(series)[-1]
    run.say(f"{name}: {', '.join(methods)}")
    content = [(*one.prefix, -1, *one.continuation) for some in strings.values() for one in some]
    run.journal.begin(
        Scope(workload=name, questions=series[largest].questions, methods=list(methods), content=digest_of(content))
    )
    if len(complete_rounds(run.journal, name, list(methods))) < run.rounds:
        first = next(iter(methods.values()))
        first.prepare()
        first.run()
        turns = Turns(workload=name, model=subject.model, methods=methods, work=work, speeds=False)
        take_turns(turns, run.journal, rounds=run.rounds, clock=run.clock, say=run.say)
    rounds = complete_rounds(run.journal, name, list(methods))
    if not rounds:
        return None
    timings = [one for found in rounds.values() for one in found.values()]
    return WorkloadRecord(
        name=name,
        questions=series[largest].questions,
        facts=series[largest].facts,
        strings=len(strings[largest]),
        string_tokens=sum(len(s.prefix) + len(s.continuation) for s in strings[largest]),
        forest_tokens=work[largest].tokens,
        forest_head_rows=work[largest].head_rows,
        methods=[MethodRecord.of(key, [found[key] for found in rounds.values()]) for key in methods],
        notes=notes_on(timings, rounds=rounds, wanted=run.rounds),
        rounds=len(rounds),
        load=load_range(timings),
    )
