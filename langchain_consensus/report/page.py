"""The page: a ranking goes in, one self-contained HTML document comes out, the same bytes for the same ranking.

The document loads nothing: style, script and charts are in it, and a content security policy by hashes lets no other
script or style run, whatever a candidate's text holds. Jinja2 escapes every value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus import __version__
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.report import shown
from langchain_consensus.report.asked import asked_of
from langchain_consensus.report.assets import asset
from langchain_consensus.report.certificate import certified
from langchain_consensus.report.course import course_of
from langchain_consensus.report.render import policy, render
from langchain_consensus.report.story import told

if TYPE_CHECKING:
    from langchain_consensus.ranking import Ranking

__all__ = ["explain_html", "is_page", "notebook_html"]

_GENERATOR = "langchain-consensus explain"
_MARK = f'<meta name="generator" content="{_GENERATOR} '


def explain_html(ranking: Ranking, *, seconds: float | None = None, min_confidence: float | None = None) -> str:
    """One self-contained HTML page: the question, both views before and after the game, its course, the certificate.

    Args:
        ranking: What is explained. Its game is solved once more, to record the path.
        seconds: How long drawing and scoring took, which a ranking does not know; left out of the page if `None`.
        min_confidence: The confidence, 0 to 1, below which the page withholds the answer.

    Raises:
        InvalidInputError: If a number is out of its range.
        MissingDependencyError: If Jinja2 is not installed.
    """
    if seconds is not None and not 0 <= seconds < float("inf"):
        msg = f"`seconds` is {seconds!r}; it must be a finite number of at least 0, or `None`."
        raise InvalidInputError(msg)
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        msg = f"`min_confidence` is {min_confidence!r}; it must be from 0 to 1, or `None`."
        raise InvalidInputError(msg)
    style, script = asset("page.css"), asset("stepper.js") + asset("page.js")
    course = course_of(ranking)
    return render(
        "page.html.jinja",
        generator=f"{_GENERATOR} {__version__}",
        policy=policy(style, script),
        style=style,
        script=script,
        head=shown.head_of(ranking, min_confidence),
        rows=shown.rows_of(ranking, course),
        charts=shown.charts_of(course),
        steps=shown.steps_of(course),
        story=told(ranking, course),
        certificate=certified(ranking.solution),
        costs=shown.costs_of(ranking, seconds),
        prompts=asked_of(ranking),
        warnings=ranking.warnings,
    )


def notebook_html(ranking: Ranking) -> str:
    """A fragment for a notebook: the answer and the table of candidates, without style or script.

    Notebooks take scripts and frames out of what they do not trust; a plain table is shown by all of them.

    Raises:
        MissingDependencyError: If Jinja2 is not installed.
    """
    rows = shown.rows_of(ranking, None)
    return render(
        "notebook.html.jinja", head=shown.head_of(ranking, None), rows=rows, warnings=ranking.warnings
    ).strip()


def is_page(beginning: str) -> bool:
    """Whether a file that begins so was written by `explain_html`, of any version."""
    return _MARK in beginning[:2000]
