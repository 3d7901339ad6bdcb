"""The methods take turns, A B C A B C, each peer at the batch size that suits it best; records come out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from langchain_consensus.benchmarks.limits import Rates, measured_rates
from langchain_consensus.benchmarks.measure import Measurement, measured
from langchain_consensus.benchmarks.peers import BATCH_SIZES
from langchain_consensus.benchmarks.records import Limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_consensus.benchmarks.limits import Work
    from langchain_consensus.benchmarks.measure import Method
    from langchain_consensus.benchmarks.peers import Generate, Harness, Padded

    Peer = Padded | Harness | Generate
    PeerMaker = Callable[[Sequence[Any], int], Peer]

__all__ = ["Calibration", "Turns", "calibrated", "limit_of", "take_turns"]

_USABLE = 0.8
"""The part of the free memory that a peer's batch may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """The batch size that was fastest, `None` if none fits the memory, and the seconds of each that was tried."""

    batch_size: int | None
    tried: dict[int, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """The measurements of each method, by name, and the machine's rates before each round."""

    measurements: dict[str, list[Measurement[Any]]]
    rates: list[Rates]


def calibrated(make: PeerMaker, items: Sequence[Any], lengths: Sequence[int]) -> Calibration:
    """Tries the batch sizes that fit the memory on the same subset; it also warms the peer up.

    Args:
        make: The peer for some items at a batch size.
        items: What it works on: strings or prompts.
        lengths: Their lengths. The subset is a block from the middle of the order by length.
    """
    order = sorted(range(len(items)), key=lambda k: lengths[k])
    free = _free_bytes() * _USABLE
    sizes = [size for size in BATCH_SIZES if make(items, size).bytes_needed() <= free]
    if not sizes:
        return Calibration(batch_size=None, tried={})
    count = min(len(items), max(sizes))
    start = (len(items) - count) // 2
    subset = [items[k] for k in order[start : start + count]]
    sizes = [size for size in sizes if size <= count]
    tried = {}
    for size in (sizes[0], *sizes):  # the first twice: once to warm up
        peer = make(subset, size)
        peer.prepare()
        tried[size] = measured(peer.subject.model, peer.run).seconds
    return Calibration(batch_size=min(tried, key=lambda size: tried[size]), tried=tried)


def take_turns(
    model: Any, methods: Mapping[str, Method], *, repeats: int, say: Callable[[str], None], rates: bool = True
) -> Turns:
    """Measures every method `repeats` times, in turn.

    Args:
        model: The model that all of them run.
        methods: By name.
        repeats: Rounds.
        say: Told of each measurement.
        rates: Whether the machine's rates are measured before each round.
    """
    found: dict[str, list[Measurement[Any]]] = {name: [] for name in methods}
    speeds = []
    for number in range(repeats):
        if rates:
            speeds.append(measured_rates(model))
        for name, method in methods.items():
            method.prepare()
            one = measured(model, method.run)
            found[name].append(one)
            say(f"round {number + 1}/{repeats}  {name}: {one.seconds:.2f} s, {one.peak_bytes / 1e6:.0f} MB")
    return Turns(measurements=found, rates=speeds)


def limit_of(work: Work, rates: Sequence[Rates], seconds: float) -> Limit:
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


def _free_bytes() -> int:
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)
