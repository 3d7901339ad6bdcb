"""Threads that take turns: of all that do, one runs at a time.

Two busy threads of one Python process are slower than one after the other: each waits for the global lock at every call
into the model's library, and an event loop beside them waits for both.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Turns"]


class Turns:
    """Hands the turn from thread to thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether the thread that asks has the turn."""
        return self._holder == threading.get_ident()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """While the block runs, no other thread that takes turns does."""
        self._lock.acquire()
        self._holder = threading.get_ident()
        try:
            yield
        finally:
            self._holder = None
            self._lock.release()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """While the block waits, another thread may have the turn; only for the thread that has it."""
        self._holder = None
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
            self._holder = threading.get_ident()
