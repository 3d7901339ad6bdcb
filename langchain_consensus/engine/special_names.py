"""Names of special tokens in texts that strangers wrote: found, and cut, so that no tokenizer takes them for tokens.

A cut is a mark behind the name's first character. A chat template carries the marks along as it would any other
character; the rendered text is then encoded piece by piece between them, and no piece of what a stranger wrote holds a
name. Nothing depends on how many marks come through, so that a template that drops or repeats part of a text can only
change that text, never turn the rest of it into tokens.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["SpecialNames", "unused_mark"]

_PRIVATE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
"""Unicode's private-use characters: one that occurs nowhere in a text can mark places in it."""


class SpecialNames:
    """The names of some special tokens, as one pattern whose time does not grow with how many names there are."""

    def __init__(self, names: Iterable[str]) -> None:
        """Takes the names; those of white space alone are no names.

        Args:
            names: Special tokens as they are spelled.
        """
        found = sorted({name for name in names if name.strip()})
        self._pattern = re.compile(_any_of(found)) if found else None

    def cut(self, text: str, mark: str) -> str:
        """`text` with `mark` behind the first character of every name, so that no piece between marks holds one.

        Args:
            text: What a stranger wrote.
            mark: A character that does not occur in it.
        """
        pieces, done = [], 0
        # The search goes on inside the name that was found: another may begin there.
        while self._pattern is not None and (found := self._pattern.search(text, done)):
            pieces.append(text[done : found.start() + 1])
            done = found.start() + 1
        return mark.join((*pieces, text[done:]))

    def count(self, text: str) -> int:
        """How many names `text` holds, from left to right and without overlaps."""
        return 0 if self._pattern is None else sum(1 for _ in self._pattern.finditer(text))


def unused_mark(text: str) -> str:
    """A private-use character that does not occur in `text`.

    Raises:
        InvalidInputError: If all 137,468 of them do.
    """
    first = chr(_PRIVATE[0][0])
    if first not in text:
        return first
    used = set(text)
    for codes in _PRIVATE:
        for code in codes:
            if chr(code) not in used:
                return chr(code)
    msg = "The text holds every private-use character of Unicode; take at least one of them out."
    raise InvalidInputError(msg)


def _any_of(names: Sequence[str]) -> str:
    """A pattern for any of `names`, sorted and distinct; where one begins another, the shorter is enough."""
    if "" in names:
        return ""
    tails: dict[str, list[str]] = {}
    for name in names:
        tails.setdefault(name[0], []).append(name[1:])
    branches = []
    for first, rest in tails.items():
        shared = _shared(rest[0], rest[-1])
        branches.append(re.escape(first + shared) + _any_of([tail.removeprefix(shared) for tail in rest]))
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _shared(a: str, b: str) -> str:
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
