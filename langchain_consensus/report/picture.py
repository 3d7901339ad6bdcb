"""One picture of a ranking: its candidates and the course of both views, as an SVG file that stands alone.

It has its own ground and follows the reader's light or dark scheme, so that it can be put into any page.
"""

from __future__ import annotations

from textwrap import shorten, wrap
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from langchain_consensus.report import chart
from langchain_consensus.report.assets import asset
from langchain_consensus.report.course import course_of
from langchain_consensus.report.texts import visible

if TYPE_CHECKING:
    from langchain_consensus.ranking import Ranking

__all__ = ["explain_svg"]

_WIDTH, _HEIGHT, _EDGE = 960, 348, 28
_LIST, _CHART = 286, 316
_TOP = 96
_ROOMY = 3
"""Candidates up to which a text may take two lines, with the draws on a third."""


def explain_svg(ranking: Ranking) -> str:
    """The ranking's question, its first eight candidates with their draws, and how both views of them moved."""
    course = course_of(ranking)
    svg = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {_WIDTH} {_HEIGHT}"})
    svg.set("role", "img")
    ET.SubElement(svg, "title").text = f"{_line(ranking.question.text)} {_line(ranking.answer)}"
    ET.SubElement(svg, "style").text = asset("picture.css")
    ET.SubElement(svg, "rect", {"class": "ground", "width": str(_WIDTH), "height": str(_HEIGHT), "rx": "14"})
    _text(svg, _EDGE, 50, "question", shorten(_line(ranking.question.text), 70, placeholder="…"))
    _candidates(svg, ranking)
    views = (
        ("generator", "Generator: share of each answer", course.generator),
        ("judge", "Judge: is each one correct?", course.judge),
    )
    for number, (name, title, policy) in enumerate(views):
        left = _EDGE + _LIST + 14 + number * _CHART
        _text(svg, left + 36, _TOP, "heading", title)
        panel = chart.panel(course.times, policy, name=name, title=title, described_by=f"{name}-title")
        size = {"x": left, "y": _TOP + 10, "width": _CHART, "height": round(_CHART * chart.HEIGHT / chart.WIDTH)}
        panel.attrib.update({key: str(value) for key, value in size.items()})
        svg.append(panel)
    note = f"{_line(ranking.model)}, answer: {_line(ranking.answer)}"
    _text(svg, _EDGE, _HEIGHT - 24, "note", shorten(note, 110, placeholder="…"))
    return chart.as_text(svg) + "\n"


def _candidates(svg: ET.Element, ranking: Ranking) -> None:
    shown = ranking.candidates[: chart.DRAWN]
    roomy = len(shown) <= _ROOMY
    for place, one in enumerate(shown, start=1):
        y = _TOP + (66 if roomy else 29) * (place - 1)
        ET.SubElement(svg, "circle", {"class": f"badge c{place}", "cx": str(_EDGE + 11), "cy": str(y - 5), "r": "11"})
        _text(svg, _EDGE + 11, y, "place", str(place), anchor="middle")
        lines = wrap(_line(one.text), 31 if roomy else 29, max_lines=2 if roomy else 1, placeholder="…")
        for number, line in enumerate(lines):
            _text(svg, _EDGE + 31, y + 18 * number, "best" if place == 1 else "answer", line)
        drawn = f"{one.draws} \N{MULTIPLICATION SIGN}"
        if roomy:
            _text(svg, _EDGE + 31, y + 18 * len(lines), "draws", "rival" if one.is_rival else f"drawn {drawn}")
        else:
            _text(svg, _EDGE + _LIST, y, "draws", "rival" if one.is_rival else drawn, anchor="end")


def _line(text: str) -> str:
    return visible(" ".join(text.split()))


def _text(svg: ET.Element, x: int, y: int, name: str, text: str, *, anchor: str = "start") -> None:
    where = {"class": name, "x": str(x), "y": str(y), "text-anchor": anchor}
    ET.SubElement(svg, "text", where).text = text
