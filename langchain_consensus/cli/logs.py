"""What libraries log: warnings only, or with `--verbose` everything that this package says, tracebacks included."""

from __future__ import annotations

import logging

__all__ = ["is_verbose", "reset", "show_all"]

_PACKAGE = logging.getLogger("langchain_consensus")
_HANDLERS: list[logging.Handler] = []


def show_all() -> None:
    """Sends the package's log to stderr, from debug messages up."""
    if _HANDLERS:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    _PACKAGE.addHandler(handler)
    _PACKAGE.setLevel(logging.DEBUG)
    _HANDLERS.append(handler)


def reset() -> None:
    """Leaves logging as it was before `show_all`."""
    while _HANDLERS:
        _PACKAGE.removeHandler(_HANDLERS.pop())
        _PACKAGE.setLevel(logging.NOTSET)


def is_verbose() -> bool:
    """Whether `show_all` is in force."""
    return bool(_HANDLERS)
