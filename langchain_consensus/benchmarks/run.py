"""One workload in, its record out: methods are made, calibrated, raced, checked against each other and the forest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_consensus.benchmarks.checks import check_forest, largest_difference
from langchain_consensus.benchmarks.limits import sampling_work, scoring_work
from langchain_consensus.benchmarks.measure import measured
from langchain_consensus.benchmarks.methods import OursSampling, OursScoring, canonical_draws
from langchain_consensus.benchmarks.peers import SAMPLING_PEERS, SCORING_PEERS, Padded
from langchain_consensus.benchmarks.race import calibrated, limit_of, take_turns
from langchain_consensus.benchmarks.records import MethodRecord, WorkloadRecord
from langchain_consensus.benchmarks.requests import distinct_strings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.benchmarks.limits import Work
    from langchain_consensus.benchmarks.measure import Method
    from langchain_consensus.benchmarks.race import Calibration, PeerMaker, Turns
    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.benchmarks.workloads import Workload

    Say = Callable[[str], None]

__all__ = ["run_sampling", "run_scoring"]


def run_scoring(
    subject: Subject, workload: Workload, *, peers: Sequence[str], repeats: int, say: Say
) -> WorkloadRecord:
    """Scores the workload's strings by the engine and by each peer in turn.

    Args:
        subject: The model.
        workload: A scoring workload.
        peers: Names of peers; those that cannot score are left out.
        repeats: Rounds.
        say: Told of the progress.
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
    return race.run(repeats, say)


def run_sampling(
    subject: Subject, workload: Workload, *, peers: Sequence[str], repeats: int, say: Say
) -> WorkloadRecord:
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
    record = race.run(repeats, say)
    ours.prepare()
    strings, logprobs = canonical_draws(subject, workload, ours.run())
    again = Padded(subject=subject, strings=strings, batch_size=1).run()
    checked = replace(record.methods[0], difference=largest_difference(logprobs, again))
    facts = {**record.facts, "draws_checked": len(strings)}
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

    def run(self, repeats: int, say: Say) -> WorkloadRecord:
        say(
            f"{self.workload.name}: {len(self.items)} strings, {sum(self.lengths)} tokens, "
            f"{self.work.tokens} of them distinct, {self.work.head_rows} rows needed"
        )
        sizes = self._calibrated(say)
        methods: dict[str, Method] = {"ours": self.ours}
        for name, found in sizes.items():
            if found.batch_size is not None:
                methods[name] = self.makers[name](self.items, found.batch_size)
        self.ours.prepare()
        # It warms the engine up, as the calibration has warmed the peers, and finds a wrong engine before hours pass.
        check_forest([measured(self.subject.model, self.ours.run)], self.work)
        turns = take_turns(self.subject.model, methods, repeats=repeats, say=say)
        check_forest(turns.measurements["ours"], self.work)
        return self._record(methods, sizes, turns)

    def _calibrated(self, say: Say) -> dict[str, Calibration]:
        sizes = {}
        for name, make in self.makers.items():
            sizes[name] = calibrated(make, self.items, self.lengths)
            tried = ", ".join(f"{size}: {seconds:.2f} s" for size, seconds in sizes[name].tried.items())
            say(f"calibration  {name}: batch size {sizes[name].batch_size} ({tried or 'none fits the memory'})")
        return sizes

    def _record(self, methods: dict[str, Method], sizes: dict[str, Calibration], turns: Turns) -> WorkloadRecord:
        scores = {name: one.scores(turns.measurements[name][0].result) for name, one in methods.items()}
        ours = MethodRecord.of("ours", turns.measurements["ours"])
        others = [
            MethodRecord.of(
                name,
                turns.measurements[name],
                difference=largest_difference(scores["ours"], scores[name]),
                batch_size=sizes[name].batch_size,
                tried=sizes[name].tried,
            )
            for name in methods
            if name != "ours"
        ]
        missing = [name for name in sizes if name not in methods]
        return WorkloadRecord(
            name=self.workload.name,
            questions=self.workload.questions,
            facts=self.workload.facts,
            strings=len(self.items),
            string_tokens=sum(self.lengths),
            forest_tokens=self.work.tokens,
            forest_head_rows=self.work.head_rows,
            methods=[ours, *others],
            ratios={one.name: one.median / ours.median for one in others},
            limit=limit_of(self.work, turns.rates, ours.median),
            notes=[f"{name} was left out: not even a batch of one fits the free memory" for name in missing],
        )
