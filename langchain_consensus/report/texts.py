"""Texts and numbers as a page shows them. What a user or a model wrote goes in, one line or block of it comes out.

Escaping for HTML is the template's business; here is what HTML cannot carry, or would show as something else.
"""

from __future__ import annotations

import math
import unicodedata

__all__ = ["log_probability", "percent", "quoted", "shortened", "visible"]

_KEPT = {"\n", "\t"}
_TURNING = {*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
"""Characters that turn the direction of what follows; each could make an answer read as another one."""
_UNSEEN = {"Cc", "Cs", "Cn"}
"""Control characters, halves of surrogate pairs and unassigned ones: HTML forbids or replaces most of them."""
_QUOTED = 60
"""The most characters of a quotation."""
_OPEN, _CLOSE = "\u2068", "\u2069"
"""Unicode's isolate: what stands in it cannot turn the direction of the sentence around it."""


def visible(text: str) -> str:
    r"""The text with what cannot be shown, or turns the direction of writing, as escapes such as `\x00`."""
    plain = text.replace("\r\n", "\n")
    if plain.isascii() and plain.isprintable():
        return plain
    return "".join(_escaped(letter) for letter in plain)


def shortened(text: str, most: int = 240) -> str:
    """The text if it has at most `most` characters, or its beginning with a note of how many are left out."""
    return text if len(text) <= most else f"{text[:most].rstrip()}… ({len(text) - most:,} more characters)"


def quoted(text: str) -> str:
    """The text on one line in quotation marks, for a sentence."""
    line = visible(" ".join(text.split()))
    return f"“{_OPEN}{line if len(line) <= _QUOTED else line[: _QUOTED - 1].rstrip() + '…'}{_CLOSE}”"


def percent(probability: float) -> str:
    """A probability as a percentage with one decimal, never rounded to a certainty that it is not."""
    if 0 < probability < 0.0005:
        return "<0.1%"
    if 0.9995 <= probability < 1:
        return ">99.9%"
    return f"{100 * probability:.1f}%"


def log_probability(value: float) -> str:
    """A log-probability in nats with two decimals."""
    return "-∞" if value == -math.inf else f"{value:.2f}"


def _escaped(letter: str) -> str:
    if letter in _KEPT or (letter not in _TURNING and unicodedata.category(letter) not in _UNSEEN):
        return letter
    return letter.encode("unicode_escape").decode()
