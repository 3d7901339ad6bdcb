"""The methods take turns, A B C A B C; each turn goes into the journal as soon as it is over."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from langchain_consensus.benchmarks.checks import check_forest, largest_difference
from langchain_consensus.benchmarks.entries import Speed, Timing, digest_of
from langchain_consensus.benchmarks.limits import measured_rates
from langchain_consensus.benchmarks.measure import measured
from langchain_consensus.benchmarks.records import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_consensus.benchmarks.journal import Journal
    from langchain_consensus.benchmarks.limits import Work
    from langchain_consensus.benchmarks.measure import Method

__all__ = ["Clock", "Turns", "limit_of", "take_turns"]

_SLACK = 1.1
"""A turn is expected to take this many times as long as the last one of its kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """How long a run may take.

    Attributes:
        seconds: From `started`; `None` is no limit.
        started: In the system's monotonic seconds.
        session: When that was, for people.
    """

    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)
    session: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    def allows(self, seconds: float) -> bool:
        """Whether something that takes so long would end in time."""
        return self.seconds is None or time.monotonic() + _SLACK * seconds - self.started <= self.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """What take turns in a workload.

    Attributes:
        workload: Its name.
        model: The model that all methods run.
        methods: By name, in the order of their turns.
        batches: Strings or prompts in a batch, by method; a method that is missing has none.
        work: What a method must have computed, by method; the others' work is not checked.
        reference: The engine's scores, from which the others' differences are taken.
        expected: Seconds of a method's first turn, by method, as far as they are known.
        speeds: Whether the machine's rates are measured before each round.
    """

    workload: str
    model: Any
    methods: Mapping[str, Method]
    batches: Mapping[str, int] = field(default_factory=dict)
    work: Mapping[str, Work] = field(default_factory=dict)
    reference: Sequence[float] = ()
    expected: Mapping[str, float] = field(default_factory=dict)
    speeds: bool = True


def take_turns(turns: Turns, journal: Journal, *, rounds: int, clock: Clock, say: Callable[[str], None]) -> None:
    """Measures what is missing of the first `rounds` rounds, until the clock says that a turn would not end in time.

    Args:
        turns: Who takes part.
        journal: Has what was measured before, and gets what is measured now.
        rounds: How many rounds there shall be.
        clock: How long it may take.
        say: Told of each turn.
    """
    for number in range(1, rounds + 1):
        done = {one.method for one in journal.of(Timing, turns.workload) if one.round == number}
        missing = [name for name in turns.methods if name not in done]
        if missing and turns.speeds and not any(one.round == number for one in journal.of(Speed, turns.workload)):
            rates = measured_rates(turns.model)
            journal.add(Speed(workload=turns.workload, round=number, flops=rates.flops, read_bytes=rates.read_bytes))
        for name in missing:
            last = [one.seconds for one in journal.of(Timing, turns.workload) if one.method == name]
            if not clock.allows(last[-1] if last else turns.expected.get(name, 0.0)):
                say(f"round {number}/{rounds}  {name}: left for another run, the time is up")
                return
            one = _turn(turns, name, number, clock)
            journal.add(one)
            say(f"round {number}/{rounds}  {name}: {one.seconds:.2f} s, {one.peak_bytes / 1e6:.0f} MB")


def limit_of(work: Work, rates: Sequence[Speed], seconds: float) -> Limit:
    """How close `seconds` are to what the machine allows."""
    flops, read = median(one.flops for one in rates), median(one.read_bytes for one in rates)
    arithmetic, reading = work.flops / flops, work.weight_bytes / read
    return Limit(
        flops=work.flops,
        matmul_flops=flops,
        read_bytes=read,
        arithmetic_seconds=arithmetic,
        reading_seconds=reading,
        fraction=arithmetic / seconds,
        reading_fraction=reading / seconds,
    )


def _turn(turns: Turns, name: str, number: int, clock: Clock) -> Timing:
    method = turns.methods[name]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    method.prepare()
    one = measured(turns.model, method.run)
    if name in turns.work:
        check_forest([one], turns.work[name])
    scores = method.scores(one.result)
    return Timing(
        workload=turns.workload,
        method=name,
        batch=turns.batches.get(name),
        round=number,
        seconds=one.seconds,
        peak_bytes=one.peak_bytes,
        tokens=one.tokens,
        head_rows=one.head_rows,
        forwards=one.forwards,
        scores=digest_of(scores),
        difference=None if name in turns.work else largest_difference(turns.reference, scores),
        session=clock.session,
        load=load,
    )
