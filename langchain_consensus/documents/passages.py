"""A document's text in, its passages out: consecutive pieces of at most a number of tokens, nothing left out.

A passage ends at the end of a paragraph, a sentence or a word, whichever comes last in the second half of what would
fit; only a word that is itself too long is broken.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Passage", "split"]

_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?。！？]['\")\]]*\s+|[。！？]"), re.compile(r"\s+"))  # noqa: RUF001
"""Where a passage may end, best first: after a paragraph, a sentence, a word."""
_CHARACTERS_A_TOKEN = 4
"""About what a token of English has; a first guess that spares tokenising, never the measure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A piece of a document.

    Attributes:
        text: What it says, stripped.
        start: Where it begins in the document's text, in characters.
        end: Where it ends, in characters; the next passage begins here.
    """

    text: str
    start: int
    end: int


def split(text: str, *, most_tokens: int, count: Callable[[str], int]) -> list[Passage]:
    """The passages of `text`, in order; joined, they are the text again.

    Args:
        text: At least one visible character.
        most_tokens: Longest passage, in tokens, at least 1. A single character may be longer where a tokenizer spends
            more than that on it.
        count: How many tokens a text has.
    """
    found, start = [], 0
    while start < len(text):
        end = start + _length(text[start:], most_tokens, count)
        if text[start:end].strip():
            found.append(Passage(text=text[start:end].strip(), start=start, end=end))
        start = end
    return found


def _length(rest: str, most_tokens: int, count: Callable[[str], int]) -> int:
    """How many characters of `rest` the next passage takes."""
    fits = _longest(rest, most_tokens, count)
    if fits == len(rest):
        return fits
    for ends in _ENDS:
        places = [match.end() for match in ends.finditer(rest, 0, fits) if match.end() >= fits // 2]
        if places:
            return places[-1]
    return fits


def _longest(rest: str, most_tokens: int, count: Callable[[str], int]) -> int:
    """The most characters of `rest` that fit, at least 1: doubled until they do not, then halved in between."""
    fits, step = 0, most_tokens * _CHARACTERS_A_TOKEN
    while fits + step < len(rest) and count(rest[: fits + step].strip()) <= most_tokens:
        fits, step = fits + step, step * 2
    over = min(fits + step, len(rest))
    if count(rest[:over].strip()) <= most_tokens:
        return over
    while over - fits > 1:
        middle = (fits + over) // 2
        if count(rest[:middle].strip()) <= most_tokens:
            fits = middle
        else:
            over = middle
    return max(fits, 1)
