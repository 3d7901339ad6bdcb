"""A report in, one picture out: how much longer the peers take, and how the engine's time grows with candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.benchmarks.records import Report, WorkloadRecord

__all__ = ["write_plot"]


def write_plot(path: Path, report: Report) -> None:
    """Draws what the report holds of the two; without either, an empty frame says so."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    raced = [one for one in report.workloads if one.ratios]
    grown = [one for one in report.workloads if one.name == "candidates"]
    panels = max(bool(raced) + bool(grown), 1)
    figure = Figure(figsize=(6.4 * panels, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    if raced:
        _ratios(axes[0], raced)
    if grown:
        _growth(axes[-1], grown[0])
    if not raced and not grown:
        axes[0].set_title("no peers and no candidates in this run")
    figure.suptitle(report.model)
    figure.savefig(path, dpi=150, format=path.suffix.lstrip(".") or "png")


def _ratios(axis: Any, workloads: list[WorkloadRecord]) -> None:
    names = list(dict.fromkeys(peer for one in workloads for peer in one.ratios))
    width = 0.8 / len(names)
    for number, peer in enumerate(names):
        places = [place for place, one in enumerate(workloads) if peer in one.ratios]
        heights = [workloads[place].ratios[peer] for place in places]
        bars = axis.bar([place + (number - (len(names) - 1) / 2) * width for place in places], heights, width)
        bars.set_label(peer)
        axis.bar_label(bars, fmt="%.1fx", fontsize=8)
    axis.axhline(1.0, color="black", linewidth=0.8)
    axis.set_xticks(range(len(workloads)), [one.name for one in workloads])
    axis.set_ylabel("time over ours (medians)")
    axis.legend()


def _growth(axis: Any, workload: WorkloadRecord) -> None:
    counts = [int(one.name) for one in workload.methods]
    medians = [one.median for one in workload.methods]
    spread = [
        [one.median - min(one.seconds) for one in workload.methods],
        [max(one.seconds) - one.median for one in workload.methods],
    ]
    axis.errorbar(counts, medians, yerr=spread, marker="o", capsize=3)
    for count, seconds, one in zip(counts, medians, workload.methods, strict=True):
        axis.annotate(f"{one.tokens:,} tokens", (count, seconds), xytext=(4, -12), textcoords="offset points", size=8)
    axis.set_xlabel("candidates on one context of 2,000 tokens")
    axis.set_ylabel("seconds (median, min to max)")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
