"""The lines of a journal: what a run has found out, one small record at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Check", "Entry", "Scope", "Speed", "Timing", "Trial", "digest_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What a workload is made of; a journal holds one a workload.

    Attributes:
        workload: Its name.
        questions: How many questions, contexts or prompts.
        methods: Who takes turns, ours first.
        content: Digest of the token ids that are scored or drawn from.
    """

    kind: ClassVar[str] = "scope"
    workload: str
    questions: int
    methods: list[str]
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A peer on the calibration's subset at one batch size."""

    kind: ClassVar[str] = "trial"
    workload: str
    method: str
    batch: int
    items: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """The machine's own rates before a round: multiplications, and bytes read, a second."""

    kind: ClassVar[str] = "speed"
    workload: str
    round: int
    flops: float
    read_bytes: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The engine's own log-probabilities of its draws beside plain transformers' on the same tokens."""

    kind: ClassVar[str] = "check"
    workload: str
    strings: int
    difference: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """One method's turn in one round.

    Attributes:
        workload: The workload's name.
        method: `ours`, a peer's name, or in a series what was varied.
        batch: Strings or prompts in a batch; `None` for the engine.
        round: From 1.
        seconds: Wall time.
        peak_bytes: Most memory above the weights.
        tokens: Positions that went through the decoder, padding included.
        head_rows: Positions at which the vocabulary projection ran.
        forwards: Passes through the decoder.
        scores: Digest of the scores; empty where there are none.
        difference: Largest difference of a score from the engine's, in nats; `None` where there is nothing to compare.
        session: When the process that measured it started; a round that was interrupted has several.
        load: Processes that ran or waited on the machine just before, the one-minute average.
    """

    kind: ClassVar[str] = "timing"
    workload: str
    method: str
    round: int
    seconds: float
    peak_bytes: int
    tokens: int
    head_rows: int
    forwards: int
    batch: int | None = None
    scores: str = ""
    difference: float | None = None
    session: str = ""
    load: float | None = None


Entry = Scope | Trial | Speed | Check | Timing


def digest_of(values: Sequence[Any]) -> str:
    """Sixteen hexadecimal digits that stand for numbers, or for tuples of token ids; empty for an empty list."""
    if not values:
        return ""
    found = hashlib.sha256()
    for one in values:
        found.update(np.asarray(one, dtype=np.float64).tobytes() + b"|")
    return found.hexdigest()[:16]
