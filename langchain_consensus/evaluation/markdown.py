"""Cells and tables of a report in Markdown: numbers of an evaluation in, texts out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_consensus.evaluation.comparison import Accuracy, Difference, Gain
    from langchain_consensus.evaluation.confidence import ConfidenceQuality

__all__ = ["QUALITY", "accuracy", "difference", "percent", "quality", "table"]

QUALITY = ("ECE", "RMS debiased", "Brier", "AUROC")
"""The columns of `quality`."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line for each row."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def accuracy(one: Accuracy) -> str:
    """Percent right with its interval."""
    return f"{100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def difference(one: Difference | Gain) -> str:
    """A difference in points, signed, with its interval."""
    return f"{100 * one.value:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"


def percent(value: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * value:.1f}%"


def quality(worth: ConfidenceQuality) -> list[str]:
    """What a confidence is worth, in the columns of `QUALITY`; no area where all items are right, or wrong."""
    area = "" if worth.auroc is None else f"{worth.auroc:.3f}"
    return [f"{worth.ece:.3f}", f"{worth.rms_debiased:.3f}", f"{worth.brier:.3f}", area]
