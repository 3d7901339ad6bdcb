"""Summaries in, pictures out: accuracy by method and task, risk against coverage, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_consensus.evaluation.methods import Method

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from langchain_consensus.evaluation.summary import RunSummary

__all__ = ["draw_plots"]

_CURVES = (Method.GENERATOR, Method.DISCRIMINATOR_RAW, Method.NORMALISED_PRODUCT, Method.ER_DISCRIMINATOR)
_WIDTH, _HEIGHT, _IN_ROW = 4.2, 3.6, 3


def draw_plots(summaries: Sequence[RunSummary], folder: Path) -> list[Path]:
    """Draws accuracy.png, risk_coverage.png and calibration.png; a panel a run. Returns their paths."""
    drawings: dict[str, Callable[[Any, RunSummary], None]] = {
        "accuracy": _accuracy,
        "risk_coverage": _risk,
        "calibration": _calibration,
    }
    return [_drawn(folder / f"{name}.png", summaries, draw) for name, draw in drawings.items()]


def _drawn(path: Path, summaries: Sequence[RunSummary], draw: Callable[[Any, RunSummary], None]) -> Path:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(len(summaries), _IN_ROW)
    rows = -(-len(summaries) // columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, summary in zip(axes, summaries, strict=False):
        draw(axis, summary)
        axis.set_title(f"{summary.task}, {summary.wording}\n{summary.model}, n={summary.items}", fontsize=8)
    for axis in axes[len(summaries) :]:
        axis.set_axis_off()
    figure.savefig(path, dpi=130)
    return path


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
