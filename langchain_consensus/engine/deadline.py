"""How long a call may run, and whether its caller still waits: asked by whoever works for it, before every step.

A call is one context: what it starts, in this thread or in a worker, belongs to it. Knows no model and no queue.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from langchain_consensus.errors import CallCancelledError, DeadlineExceededError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_consensus.errors import EngineError

__all__ = ["Call", "current_call", "deadline", "within"]


class Call:
    """One caller's call; it ends early when it is cancelled or its time is over, and with the call that encloses it."""

    def __init__(self, seconds: float | None = None, *, parent: Call | None = None) -> None:
        """Begins now.

        Args:
            seconds: How long it may run, by a clock that no one sets; `None` for as long as it takes.
            parent: The call that it is a part of.
        """
        self._seconds = seconds
        self._ends_at = None if seconds is None else time.monotonic() + seconds
        self._parent = parent
        self._error: EngineError | None = None
        self._wakes: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def cancel(self, error: EngineError | None = None) -> None:
        """Ends the call at its next step, and at once where it waits; any thread may do this, and more than once.

        Args:
            error: What its caller is told; a `CallCancelledError` by default.
        """
        with self._lock:
            self._error = self._error or error or CallCancelledError("The call was cancelled; nothing of it is kept.")
            wakes = list(self._wakes)
        for wake in wakes:
            wake()

    @property
    def error(self) -> EngineError | None:
        """Why the call is over, or `None` if it is not."""
        if self._error is not None:
            return self._error
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            msg = (
                f"The call took longer than its deadline of {self._seconds:g} s and was stopped; ask for less, allow "
                "more time, or ask when fewer others do."
            )
            return DeadlineExceededError(msg)
        return None if self._parent is None else self._parent.error

    @property
    def remaining(self) -> float | None:
        """Seconds until it must end, at least 0; `None` where it may take as long as it does."""
        own = None if self._ends_at is None else max(self._ends_at - time.monotonic(), 0.0)
        outer = None if self._parent is None else self._parent.remaining
        return outer if own is None else own if outer is None else min(own, outer)

    def check(self) -> None:
        """Returns if the call goes on.

        Raises:
            CallCancelledError: If it was cancelled.
            DeadlineExceededError: If its time is over.
        """
        error = self.error
        if error is not None:
            raise error

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """While the block runs, cancelling the call, or one that encloses it, calls `wake`."""
        chain: list[Call] = []
        call: Call | None = self
        while call is not None:
            chain.append(call)
            call = call._parent  # noqa: SLF001
        for one in chain:
            with one._lock:  # noqa: SLF001
                one._wakes.append(wake)  # noqa: SLF001
        try:
            yield
        finally:
            for one in chain:
                with one._lock:  # noqa: SLF001
                    one._wakes.remove(wake)  # noqa: SLF001


_CURRENT: ContextVar[Call | None] = ContextVar("langchain_consensus_call", default=None)


def current_call() -> Call:
    """The call that this context belongs to; outside all, one without an end."""
    return _CURRENT.get() or Call()


@contextmanager
def within(call: Call) -> Iterator[Call]:
    """Makes everything that the block starts a part of `call`."""
    token = _CURRENT.set(call)
    try:
        yield call
    finally:
        _CURRENT.reset(token)


@contextmanager
def deadline(seconds: float | None = None) -> Iterator[Call]:
    """Calls inside the block end after `seconds` together, or when the `Call` that it gives is cancelled.

    A deadline inside another ends with the earlier of the two. An async call may as well be given
    `asyncio.timeout`: cancelling its task ends it on the device too.

    Example:
        ```python
        with deadline(5.0):
            llm.invoke("What is the capital of Australia?")
        ```

    Args:
        seconds: Above 0; `None` sets no time, for calls that another thread may cancel.

    Raises:
        InvalidInputError: If `seconds` is no number above 0.
    """
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0):
        msg = f"`seconds` is {seconds!r}; it must be a number above 0, or `None`."
        raise InvalidInputError(msg)
    with within(Call(seconds, parent=_CURRENT.get())) as call:
        yield call
