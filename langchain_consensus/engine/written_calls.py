"""Texts of tool calls that a chat template wrote before; neither Jinja2 nor a tokenizer is needed for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WrittenCalls"]

_MOST_WRITTEN = 256
"""Calls whose text is remembered."""


class WrittenCalls:
    """What was written before is told at once, without waiting for whoever holds the model or its tokenizer.

    A chat model asks the same of every reply; what is asked is strangers' text, so not all of it is kept.
    """

    def __init__(self) -> None:
        """Remembers nothing yet."""
        self._written: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        return len(self._written)

    def text(self, name: str, arguments: str, write: Callable[[str, str], str]) -> str:
        """The call's text, by `write` where it is not remembered."""
        written = self._written.get((name, arguments))
        if written is None:
            written = write(name, arguments)
            if len(self._written) >= _MOST_WRITTEN:
                self._written = {}
            self._written[name, arguments] = written
        return written
