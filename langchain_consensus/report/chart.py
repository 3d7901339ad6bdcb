"""The course of one view as a line chart: probabilities over iterations go in, an SVG element comes out.

Iterations are drawn on a logarithmic axis, on which the published dynamics is about even. Lines have classes `c1`,
`c2`, ... in the order of the ranking; colours and dashes are the style sheet's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["DRAWN", "HEIGHT", "WIDTH", "as_text", "panel"]

WIDTH, HEIGHT = 420, 250
DRAWN = 8
"""Lines of a chart: as many as there are colours to tell apart."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 30, 12, 42
_APART = 14
"""Least distance of two labels at the lines' ends."""
_MOST_TICKS = 6


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Axis:
    """Where iterations stand: x of each snapshot, and the ticks with their labels."""

    places: FloatArray  # [K]
    ticks: tuple[tuple[float, str], ...]


def panel(times: FloatArray, policy: FloatArray, *, name: str, title: str, described_by: str) -> ET.Element:
    """The chart of one view.

    Args:
        times: `[K]` iterations, increasing from 1; the last may be infinite.
        policy: `[K, N]` probabilities; the first `DRAWN` candidates are drawn.
        name: A word for ids, unique in the document.
        title: What the chart shows, for readers who do not see it.
        described_by: The id of the table with the same numbers.
    """
    axis = _axis(times)
    svg = ET.Element(
        "svg",
        {"class": "chart", "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "aria-labelledby": f"{name}-title"},
    )
    svg.set("aria-describedby", described_by)
    ET.SubElement(svg, "title", {"id": f"{name}-title"}).text = title
    _frame(svg, axis)
    x = _number(axis.places[-1])
    ET.SubElement(svg, "line", {"class": "cursor", "x1": x, "x2": x, "y1": str(_TOP), "y2": str(HEIGHT - _BOTTOM)})
    drawn = policy.T[:DRAWN]
    for place, values in reversed(list(enumerate(drawn, start=1))):  # the best one on top
        points = " ".join(f"{_number(x)},{_number(_y(p))}" for x, p in zip(axis.places, values, strict=True))
        ET.SubElement(svg, "polyline", {"class": f"line c{place}", "points": points})
    for place, values in reversed(list(enumerate(drawn, start=1))):
        dot = {"class": f"dot c{place}", "cx": x, "cy": _number(_y(values[-1])), "r": "4"}
        ET.SubElement(svg, "circle", dot)
    ends = _spread([_y(values[-1]) for values in drawn])
    for place, y in enumerate(ends, start=1):
        label = {"class": f"end c{place}", "x": _number(axis.places[-1] + 9), "y": _number(y + 4)}
        ET.SubElement(svg, "text", label).text = str(place)
    return svg


def as_text(element: ET.Element) -> str:
    """The element as text that is good HTML and good XML."""
    return ET.tostring(element, encoding="unicode")


def _frame(svg: ET.Element, axis: _Axis) -> None:
    for share in (0, 25, 50, 75, 100):
        y = _number(_y(share / 100))
        ET.SubElement(svg, "line", {"class": "grid", "x1": str(_LEFT), "x2": str(WIDTH - _RIGHT), "y1": y, "y2": y})
        tick = {"class": "tick", "x": str(_LEFT - 7), "y": _number(_y(share / 100) + 4), "text-anchor": "end"}
        ET.SubElement(svg, "text", tick).text = f"{share}%"
    for x, label in axis.ticks:
        tick = {"class": "tick", "x": _number(x), "y": str(HEIGHT - _BOTTOM + 18), "text-anchor": "middle"}
        ET.SubElement(svg, "text", tick).text = label
    name = {"class": "tick", "x": str((_LEFT + WIDTH - _RIGHT) // 2), "y": str(HEIGHT - 4), "text-anchor": "middle"}
    ET.SubElement(svg, "text", name).text = "iteration"


def _axis(times: FloatArray) -> _Axis:
    """Logarithmic from the first iteration to the last; an equilibrium stands a little after the last."""
    finite = times[np.isfinite(times)]
    decades = max(math.log10(finite[-1]), 1e-9)
    endless = len(finite) < len(times)
    width = WIDTH - _LEFT - _RIGHT
    span = width * (0.88 if endless else 1.0)
    places = np.where(np.isfinite(times), _LEFT + span * np.log10(np.maximum(times, 1)) / decades, _LEFT + width)
    every = math.ceil((math.floor(decades) + 1) / _MOST_TICKS)
    ticks = [(_LEFT + span * power / decades, _power(power)) for power in range(0, math.floor(decades) + 1, every)]
    return _Axis(places=places, ticks=(*ticks, *([(float(_LEFT + width), "∞")] if endless else [])))


def _power(power: int) -> str:
    if power < 5:
        return f"{10**power:,}"
    return "10" + str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _y(probability: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - float(probability))


def _spread(wanted: Sequence[float]) -> list[float]:
    """The heights, moved apart where labels would overlap, in the order they came."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    heights = list(wanted)
    lowest = HEIGHT - _BOTTOM + 4.0
    for above, here in pairwise(order):
        heights[here] = max(heights[here], heights[above] + _APART)
    for here in reversed(order):
        heights[here] = min(heights[here], lowest)
        lowest = heights[here] - _APART
    return heights


def _number(value: float) -> str:
    return f"{value:.1f}"
