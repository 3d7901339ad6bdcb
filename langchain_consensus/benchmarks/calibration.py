"""Which batch size suits a peer: those that fit the memory are tried on the same subset, once a journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.benchmarks.entries import Timing, Trial
from langchain_consensus.benchmarks.measure import measured
from langchain_consensus.benchmarks.peers import BATCH_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.benchmarks.journal import Journal
    from langchain_consensus.benchmarks.peers import Generate, Harness, Padded

    Peer = Padded | Harness | Generate
    PeerMaker = Callable[[Sequence[Any], int], Peer]

__all__ = ["Calibration", "calibrated"]

_USABLE = 0.8
"""The part of the free memory that a peer's batch may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """What the trials say.

    Attributes:
        batch_size: The fastest, `None` if none fits the memory.
        tried: Seconds of the subset for each size.
        expected: Seconds of all items at that size, judged by the subset.
    """

    batch_size: int | None
    tried: dict[int, float]
    expected: float


def calibrated(
    make: PeerMaker, items: Sequence[Any], lengths: Sequence[int], *, workload: str, method: str, journal: Journal
) -> Calibration:
    """Tries the batch sizes that fit the memory and are not in the journal yet; it also warms the peer up.

    Args:
        make: The peer for some items at a batch size.
        items: What it works on: strings or prompts.
        lengths: Their lengths. The subset is a block from the middle of the order by length.
        workload: The workload's name.
        method: The peer's.
        journal: Where the trials are.
    """
    known = {one.batch: one for one in journal.of(Trial, workload) if one.method == method}
    settled = next((one.batch for one in journal.of(Timing, workload) if one.method == method), None)
    free = _free_bytes() * _USABLE
    fitting = [size for size in BATCH_SIZES if size in known or make(items, size).bytes_needed() <= free]
    sizes = sorted(known) if settled is not None else fitting
    if not sizes:
        return Calibration(batch_size=None, tried={}, expected=0.0)
    subset = _middle(items, lengths, max(sizes))
    sizes = [size for size in sizes if size <= len(subset)]
    missing = [size for size in sizes if size not in known]

    def run(size: int, some: Sequence[Any]) -> float:
        peer = make(some, size)
        peer.prepare()
        return measured(peer.subject.model, peer.run).seconds

    run(sizes[0], subset[: sizes[0]])  # the first call of a process is slow
    for size in missing:
        known[size] = Trial(workload=workload, method=method, batch=size, items=len(subset), seconds=run(size, subset))
        journal.add(known[size])
    best = settled or min(sizes, key=lambda size: known[size].seconds / known[size].items)
    return Calibration(
        batch_size=best,
        tried={size: known[size].seconds for size in sizes},
        expected=known[best].seconds / known[best].items * len(items),
    )


def _middle(items: Sequence[Any], lengths: Sequence[int], most: int) -> list[Any]:
    """At most `most` neighbours from the middle of the order by length."""
    order = sorted(range(len(items)), key=lambda k: lengths[k])
    count = min(len(items), most)
    start = (len(items) - count) // 2
    return [items[k] for k in order[start : start + count]]


def _free_bytes() -> int:
    import psutil
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    return int(psutil.virtual_memory().available)
