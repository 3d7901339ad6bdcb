"""Figures of evaluations, through matplotlib: summaries go in, a `Figure` with a panel a run comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_consensus.dependencies import require
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.methods import Method

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from langchain_consensus.evaluation.summary import RunSummary

__all__ = ["draw_plots", "plot_calibration", "plot_comparison", "plot_risk_coverage"]

_CURVES = (Method.GENERATOR, Method.DISCRIMINATOR_RAW, Method.NORMALISED_PRODUCT, Method.ER_DISCRIMINATOR)
_WIDTH, _HEIGHT, _IN_ROW = 4.2, 3.6, 3
_DOTS_PER_INCH = 130


def plot_comparison(summaries: Sequence[RunSummary]) -> Figure:
    """Accuracy of every method with its 95% interval, beside chance; `figure.savefig("comparison.pdf")` writes it.

    Args:
        summaries: At least one; see `summary.summarised`.

    Raises:
        InvalidInputError: If there is none.
        MissingDependencyError: If matplotlib is not installed.
    """
    return _figure(summaries, _accuracy)


def plot_risk_coverage(summaries: Sequence[RunSummary]) -> Figure:
    """How many answers are wrong if only the most confident are given, for four methods; as `plot_comparison`."""
    return _figure(summaries, _risk)


def plot_calibration(summaries: Sequence[RunSummary]) -> Figure:
    """Confidence against the share that is right, in bins of equal mass, for four methods; as `plot_comparison`."""
    return _figure(summaries, _calibration)


def draw_plots(summaries: Sequence[RunSummary], folder: Path) -> list[Path]:
    """Writes accuracy.png, risk_coverage.png and calibration.png; returns their paths."""
    drawings: dict[str, Callable[[Sequence[RunSummary]], Figure]] = {
        "accuracy": plot_comparison,
        "risk_coverage": plot_risk_coverage,
        "calibration": plot_calibration,
    }
    paths = []
    for name, plot in drawings.items():
        paths.append(folder / f"{name}.png")
        plot(summaries).savefig(paths[-1], dpi=_DOTS_PER_INCH)
    return paths


def _figure(summaries: Sequence[RunSummary], draw: Callable[[Any, RunSummary], None]) -> Figure:
    require("eval", "matplotlib")
    from matplotlib.figure import Figure

    if not summaries:
        msg = "`summaries` is empty; give at least one, from `summarised`."
        raise InvalidInputError(msg)
    columns = min(len(summaries), _IN_ROW)
    rows = -(-len(summaries) // columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, summary in zip(axes, summaries, strict=False):
        draw(axis, summary)
        axis.set_title(f"{summary.task}, {summary.wording}\n{summary.model}, n={summary.items}", fontsize=8)
    for axis in axes[len(summaries) :]:
        axis.set_axis_off()
    return figure


def _accuracy(axis: Any, summary: RunSummary) -> None:
    methods = list(summary.main.methods.items())
    places = range(len(methods))
    values = [100 * one.accuracy.value for _, one in methods]
    below = [100 * (one.accuracy.value - one.accuracy.low) for _, one in methods]
    above = [100 * (one.accuracy.high - one.accuracy.value) for _, one in methods]
    axis.errorbar(values, places, xerr=[below, above], fmt="o", capsize=3)
    axis.axvline(100 * summary.main.views.chance, color="grey", linestyle=":", linewidth=1)
    axis.set_yticks(places, [name for name, _ in methods], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("% right (95% interval; dotted: chance)", fontsize=8)


def _risk(axis: Any, summary: RunSummary) -> None:
    for method in _CURVES:
        worth = summary.main.methods[method].confidence
        if worth is not None:
            axis.plot([c for c, _ in worth.risk], [100 * r for _, r in worth.risk], label=method.value)
    axis.set_xlabel("share of items answered", fontsize=8)
    axis.set_ylabel("% wrong among them", fontsize=8)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=6)


def _calibration(axis: Any, summary: RunSummary) -> None:
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    for method in _CURVES:
        worth = summary.main.methods[method].confidence
        if worth is not None:
            points = [(one.confidence, one.accuracy) for one in worth.bins]
            axis.plot([c for c, _ in points], [a for _, a in points], marker="o", markersize=3, label=method.value)
    axis.set_xlabel("confidence (bins of equal mass)", fontsize=8)
    axis.set_ylabel("share right", fontsize=8)
    axis.legend(fontsize=6)
