"""What a run found, as plain data: everything that the report, the plot and the JSON file say."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.benchmarks.entries import Timing

__all__ = ["Limit", "MethodRecord", "Report", "Share", "WorkloadRecord"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodRecord:
    """One method on one workload.

    Attributes:
        name: `ours` or the peer's name; in a series, what was varied.
        seconds: Wall time of each repetition.
        peak_bytes: Most memory above the weights, of each repetition.
        tokens: Positions that went through the decoder, padding included.
        head_rows: Positions at which the vocabulary projection ran.
        forwards: Passes through the decoder.
        batch_size: Strings or prompts in a batch; `None` for the engine.
        tried: Seconds of the calibration's subset for each batch size; a size that memory forbids is missing.
        difference: Largest difference of a string's log-probability from the engine's, in nats.
    """

    name: str
    seconds: list[float]
    peak_bytes: list[int]
    tokens: int
    head_rows: int
    forwards: int
    batch_size: int | None = None
    tried: dict[int, float] = field(default_factory=dict)
    difference: float | None = None

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return median(self.seconds)

    @classmethod
    def of(cls, name: str, timings: Sequence[Timing], *, tried: dict[int, float] | None = None) -> MethodRecord:
        """The record of a method's repetitions, which must have done the same work."""
        first = timings[0]
        work = {(one.tokens, one.head_rows, one.forwards) for one in timings}
        assert len(work) == 1, f"{name} did different work in its repetitions: {sorted(work)}"
        differences = [one.difference for one in timings if one.difference is not None]
        return cls(
            name=name,
            seconds=[one.seconds for one in timings],
            peak_bytes=[one.peak_bytes for one in timings],
            tokens=first.tokens,
            head_rows=first.head_rows,
            forwards=first.forwards,
            batch_size=first.batch,
            tried=tried or {},
            difference=max(differences, default=None),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What the machine allows for a workload.

    Attributes:
        flops: The arithmetic of the forest.
        matmul_flops: Measured rate, the median over the repetitions.
        read_bytes: Measured rate of reading memory, likewise.
        arithmetic_seconds: The first over the second.
        reading_seconds: The least time that reading the weights takes, where steps must follow each other.
        fraction: `arithmetic_seconds` over the engine's median.
        reading_fraction: `reading_seconds` over the engine's median.
    """

    flops: float
    matmul_flops: float
    read_bytes: float
    arithmetic_seconds: float
    reading_seconds: float
    fraction: float
    reading_fraction: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """What one kind of operator took of one run of the engine.

    Attributes:
        kind: Of operator.
        seconds: Inside such operators.
        share: Of the time inside all operators, from 0 to 1.
        calls: How many.
    """

    kind: str
    seconds: float
    share: float
    calls: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadRecord:
    """One workload or series.

    Attributes:
        name: Its name.
        questions: How many questions, contexts or prompts.
        facts: What else a reader should know of it.
        strings: Distinct strings, or prompts.
        string_tokens: Their tokens, each string in full.
        forest_tokens: Distinct tokens that must go through the network; the engine's `tokens` are equal to it.
        forest_head_rows: Distinct positions whose logits are needed; the engine's `head_rows` are equal to it.
        methods: The engine first; in a series, the engine throughout.
        ratios: Each peer's median over the engine's.
        limit: What the machine allows; `None` in a series.
        notes: What went otherwise than asked.
        rounds: Complete rounds; the medians are over those.
        load: The lowest and the highest load of the machine before a turn; empty if the system does not say.
        profile: Where the engine's time goes, where that was asked for.
    """

    name: str
    questions: int
    facts: dict[str, Any]
    strings: int
    string_tokens: int
    forest_tokens: int
    forest_head_rows: int
    methods: list[MethodRecord]
    ratios: dict[str, float] = field(default_factory=dict)
    limit: Limit | None = None
    notes: list[str] = field(default_factory=list)
    rounds: int = 0
    load: list[float] = field(default_factory=list)
    profile: list[Share] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A whole run; `pending` names the workloads without a complete round."""

    model: str
    wording: str
    repeats: int
    environment: dict[str, Any]
    workloads: list[WorkloadRecord] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """JSON's own types, with each method's median beside its seconds."""
        record = asdict(self)
        for plain, workload in zip(record["workloads"], self.workloads, strict=True):
            for one, method in zip(plain["methods"], workload.methods, strict=True):
                one["median_seconds"] = method.median
        return record
