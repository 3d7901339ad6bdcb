"""The summary of a run: stored scores go in, every method with its statistics comes out, as a record and as JSON.

It depends on the stored scores and what is written beside them alone, and holds no times, so that the same scores give
the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.comparison import Accuracy, Difference, Resampled
from langchain_consensus.evaluation.confidence import ConfidenceQuality, confidence_quality
from langchain_consensus.evaluation.methods import Method, decided, method_named
from langchain_consensus.evaluation.view_facts import ViewFacts, view_facts

if TYPE_CHECKING:
    from langchain_consensus.evaluation.classes import Length
    from langchain_consensus.evaluation.stored import StoredItem, StoredRun

__all__ = ["SINGLE_VIEWS", "MethodSummary", "MetricSummary", "RunSummary", "summarised", "summary_json"]

SINGLE_VIEWS = (Method.GENERATOR, Method.DISCRIMINATOR_RAW, Method.DISCRIMINATOR, Method.SELF_CONTRASTIVE)
"""Methods that use one view alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodSummary:
    """One method: its accuracy, its differences by the name of the other method, and the worth of its confidence."""

    accuracy: Accuracy
    against: dict[str, Difference]
    confidence: ConfidenceQuality | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricSummary:
    """All methods under one metric.

    Attributes:
        baseline: What every method is compared with first.
        best_view: The single view with the highest accuracy on these very items, so a hard opponent.
        methods: By name.
        views: What the views are like.
    """

    baseline: str
    best_view: str
    methods: dict[str, MethodSummary]
    views: ViewFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """All that is said of a run.

    Attributes:
        task: The task's name.
        wording: The wording's name.
        model: The model's name.
        items: Items with scores.
        failed: Items without.
        length: How generator scores are normalised.
        metrics: By name; the task's main one first.
        usage: Tokens and forwards of the whole run.
        settings: What decided the scores; the prompts are in `wording`.
        notes: What else is known, such as versions.
    """

    task: str
    wording: str
    model: str
    items: int
    failed: int
    length: str
    metrics: dict[str, MetricSummary]
    usage: dict[str, int]
    settings: dict[str, Any]
    notes: dict[str, Any]

    @property
    def main(self) -> MetricSummary:
        """Under the task's main metric."""
        return next(iter(self.metrics.values()))

    def sentence(self) -> str:
        """The comparison that matters, in a line."""
        method = Method.ER_DISCRIMINATOR
        found, view = self.main.methods[method], self.main.best_view
        gain = found.against[view]
        return (
            f"n={self.items}" + (f" ({self.failed} failed)" if self.failed else "") + f", {method} "
            f"{100 * found.accuracy.value:.1f}% [{100 * found.accuracy.low:.1f}, {100 * found.accuracy.high:.1f}], "
            f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}] against the best view, {view}"
        )


def summarised(run: StoredRun, *, baseline: str = Method.GENERATOR, length: Length | None = None) -> RunSummary:
    """The summary of a run.

    Args:
        run: Its stored scores.
        baseline: The method that others are compared with.
        length: How generator scores are normalised; as the wording says by default.

    Raises:
        InvalidInputError: If no item has scores, or the baseline does not apply.
    """
    items = [item for item in run.items if item.error is None]
    if not items:
        said = next((item.error for item in run.items if item.error), "it holds no item")
        msg = f"{run.path}: no item has scores ({said})."
        raise InvalidInputError(msg)
    used: Length = length or run.settings["wording"]["length"]
    metrics = tuple(items[0].candidates[0].right)
    return RunSummary(
        task=run.settings["task"]["name"],
        wording=run.settings["wording"]["name"],
        model=run.settings["model"],
        items=len(items),
        failed=len(run.items) - len(items),
        length=used,
        metrics={metric: _metric(items, used, metric, method_named(baseline)) for metric in metrics},
        usage=_usage(items),
        settings=run.settings,
        notes=run.notes,
    )


def summary_json(summary: RunSummary) -> str:
    """The summary as JSON, numbers to six decimals, with a newline at its end."""
    return json.dumps(_plain(asdict(summary)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _metric(items: list[StoredItem], length: Length, metric: str, baseline: Method) -> MetricSummary:
    decisions = decided(items, length=length, metric=metric)
    if baseline not in decisions:
        msg = f"`baseline` is {baseline.value!r}, and candidates that were given have no {baseline.value}."
        raise InvalidInputError(msg)
    best_view = max(SINGLE_VIEWS, key=lambda view: decisions[view].right.sum())
    others = dict.fromkeys((baseline, best_view, Method.NORMALISED_PRODUCT))
    resampled = Resampled({method: one.right for method, one in decisions.items()})
    return MetricSummary(
        baseline=baseline.value,
        best_view=best_view.value,
        methods={
            method.value: MethodSummary(
                accuracy=Accuracy.counted(one.right),
                against={other.value: resampled.difference(method, other) for other in others},
                confidence=confidence_quality(one.confidence, one.right),
            )
            for method, one in decisions.items()
        },
        views=view_facts(items, length=length, metric=metric),
    )


def _usage(items: list[StoredItem]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for item in items:
        for name, value in item.usage.model_dump().items():
            totals[name] = totals.get(name, 0) + value
    return totals


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
