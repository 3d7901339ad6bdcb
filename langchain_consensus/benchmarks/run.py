"""One workload in, its record out: methods are made, calibrated, raced, checked against each other and the forest.

Whatever the journal holds already is not measured again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_consensus.benchmarks.calibration import calibrated
from langchain_consensus.benchmarks.checks import check_forest, largest_difference
from langchain_consensus.benchmarks.entries import Check, Scope, Speed, digest_of
from langchain_consensus.benchmarks.limits import sampling_work, scoring_work
from langchain_consensus.benchmarks.measure import measured
from langchain_consensus.benchmarks.methods import OursSampling, OursScoring, canonical_draws
from langchain_consensus.benchmarks.peers import SAMPLING_PEERS, SCORING_PEERS, Padded
from langchain_consensus.benchmarks.profile import profiled
from langchain_consensus.benchmarks.race import Turns, limit_of, take_turns
from langchain_consensus.benchmarks.records import MethodRecord, WorkloadRecord
from langchain_consensus.benchmarks.requests import distinct_strings
from langchain_consensus.benchmarks.rounds import complete_rounds, load_range, notes_on

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.benchmarks.calibration import Calibration, PeerMaker
    from langchain_consensus.benchmarks.journal import Journal
    from langchain_consensus.benchmarks.limits import Work
    from langchain_consensus.benchmarks.measure import Method
    from langchain_consensus.benchmarks.race import Clock
    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.benchmarks.workloads import Workload

    Say = Callable[[str], None]

__all__ = ["Run", "run_sampling", "run_scoring"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What all workloads of a run share.

    Attributes:
        rounds: How often every method has its turn.
        journal: Where measurements are kept.
        clock: How long the run may take.
        say: Told of the progress.
        profile: Whether the engine is also run once under PyTorch's profiler.
    """

    rounds: int
    journal: Journal
    clock: Clock
    say: Say
    profile: bool = False


def run_scoring(subject: Subject, workload: Workload, *, peers: Sequence[str], run: Run) -> WorkloadRecord | None:
    """Scores the workload's strings by the engine and by each peer in turn.

    Args:
        subject: The model.
        workload: A scoring workload.
        peers: Names of peers; those that cannot score are left out.
        run: Rounds, journal and clock.

    Returns:
        The record of the complete rounds; `None` if there is none yet.
    """
    strings = distinct_strings(subject.tokens, workload.requests)

    def make(name: str, items: Sequence[Any], size: int) -> Any:
        return SCORING_PEERS[name](subject=subject, strings=items, batch_size=size)

    race = _Race(
        subject=subject,
        workload=workload,
        ours=OursScoring(subject=subject, requests=workload.requests, strings=strings),
        makers={name: partial(make, name) for name in peers if name in SCORING_PEERS},
        items=strings,
        lengths=[len(s.prefix) + len(s.continuation) for s in strings],
        work=scoring_work(subject.model, strings),
    )
    return race.record(run)


def run_sampling(subject: Subject, workload: Workload, *, peers: Sequence[str], run: Run) -> WorkloadRecord | None:
    """Draws from the workload's prompts by the engine and by each peer in turn; arguments as in `run_scoring`.

    Afterwards the engine's own log-probabilities of its draws are compared with plain transformers on the same tokens.
    """
    ours = OursSampling(subject=subject, workload=workload)
    prompts = [subject.tokens.prompt_ids(prompt) for prompt in workload.prompts]

    def make(name: str, items: Sequence[Any], size: int) -> Any:
        assert workload.settings is not None
        return SAMPLING_PEERS[name](subject=subject, prompts=items, settings=workload.settings, batch_size=size)

    race = _Race(
        subject=subject,
        workload=workload,
        ours=ours,
        makers={name: partial(make, name) for name in peers if name in SAMPLING_PEERS},
        items=prompts,
        lengths=[len(ids) for ids in prompts],
        work=sampling_work(subject.model, prompts, workload),
    )
    record = race.record(run)
    if record is None:
        return None
    found = run.journal.of(Check, workload.name)
    if not found:
        ours.prepare()
        strings, logprobs = canonical_draws(subject, workload, ours.run())
        again = Padded(subject=subject, strings=strings, batch_size=1).run()
        check = Check(workload=workload.name, strings=len(strings), difference=largest_difference(logprobs, again))
        run.journal.add(check)
        found = [check]
    checked = replace(record.methods[0], difference=found[0].difference)
    facts = {**record.facts, "draws_checked": found[0].strings}
    return replace(record, methods=[checked, *record.methods[1:]], facts=facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Race:
    """The engine, its peers and what they work on."""

    subject: Subject
    workload: Workload
    ours: Method
    makers: dict[str, PeerMaker]
    items: Sequence[Any]
    lengths: Sequence[int]
    work: Work

    def record(self, run: Run) -> WorkloadRecord | None:
        """Measures what is missing and sums up what is complete."""
        name = self.workload.name
        run.say(
            f"{name}: {len(self.items)} strings, {sum(self.lengths)} tokens, "
            f"{self.work.tokens} of them distinct, {self.work.head_rows} rows needed"
        )
        content = [one if isinstance(one, list) else (*one.prefix, -1, *one.continuation) for one in self.items]
        run.journal.begin(
            Scope(
                workload=name,
                questions=self.workload.questions,
                methods=["ours", *self.makers],
                content=digest_of(content),
            )
        )
        sizes = self._calibrated(run)
        methods: dict[str, Method] = {"ours": self.ours}
        for peer, found in sizes.items():
            if found.batch_size is not None:
                methods[peer] = self.makers[peer](self.items, found.batch_size)
        if len(complete_rounds(run.journal, name, list(methods))) < run.rounds:
            self._raced(run, methods, sizes)
        return self._summed_up(run, list(methods), sizes)

    def _raced(self, run: Run, methods: dict[str, Method], sizes: dict[str, Calibration]) -> None:
        self.ours.prepare()
        # It warms the engine up, as the calibration has warmed the peers, and finds a wrong engine before hours pass.
        first = measured(self.subject.model, self.ours.run)
        check_forest([first], self.work)
        turns = Turns(
            workload=self.workload.name,
            model=self.subject.model,
            methods=methods,
            batches={peer: found.batch_size for peer, found in sizes.items() if found.batch_size is not None},
            work={"ours": self.work},
            reference=self.ours.scores(first.result),
            expected={"ours": first.seconds, **{peer: found.expected for peer, found in sizes.items()}},
        )
        take_turns(turns, run.journal, rounds=run.rounds, clock=run.clock, say=run.say)

    def _calibrated(self, run: Run) -> dict[str, Calibration]:
        sizes = {}
        for name, make in self.makers.items():
            sizes[name] = calibrated(
                make, self.items, self.lengths, workload=self.workload.name, method=name, journal=run.journal
            )
            tried = ", ".join(f"{size}: {seconds:.2f} s" for size, seconds in sizes[name].tried.items())
            run.say(f"calibration  {name}: batch size {sizes[name].batch_size} ({tried or 'none fits the memory'})")
        return sizes

    def _summed_up(self, run: Run, methods: list[str], sizes: dict[str, Calibration]) -> WorkloadRecord | None:
        name = self.workload.name
        rounds = complete_rounds(run.journal, name, methods)
        if not rounds:
            return None
        ours, *others = [
            MethodRecord.of(
                method,
                [found[method] for found in rounds.values()],
                tried=sizes[method].tried if method in sizes else None,
            )
            for method in methods
        ]
        timings = [one for found in rounds.values() for one in found.values() if one.method in methods]
        return WorkloadRecord(
            name=name,
            questions=self.workload.questions,
            facts=self.workload.facts,
            strings=len(self.items),
            string_tokens=sum(self.lengths),
            forest_tokens=self.work.tokens,
            forest_head_rows=self.work.head_rows,
            methods=[ours, *others],
            ratios={one.name: one.median / ours.median for one in others},
            limit=limit_of(self.work, [one for one in run.journal.of(Speed, name) if one.round in rounds], ours.median),
            notes=[
                f"{peer} was left out: not even a batch of one fits the free memory"
                for peer in sizes
                if peer not in methods
            ]
            + notes_on(timings, rounds=rounds, wanted=run.rounds),
            rounds=len(rounds),
            load=load_range(timings),
            profile=profiled(self.ours) if run.profile else [],
        )
