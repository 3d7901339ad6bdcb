"""An event loop in a thread of its own, for callers that do not await; connections live on it from call to call."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_consensus.engine.deadline import current_call
from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

__all__ = ["LoopThread"]

T = TypeVar("T")

_PATIENCE = 10.0
"""Seconds for the last connections to close."""


class LoopThread:
    """Runs coroutines for any thread; the thread starts with the first one."""

    def __init__(self) -> None:
        """Starts nothing."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._last: Callable[[], Coroutine[Any, Any, None]] | None = None

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts a coroutine on the loop; cancelling the future cancels it."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="langchain-consensus server", daemon=True
                )
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns; the end of the caller's call cancels it, and an interrupt of the waiting thread."""
        call = current_call()
        future = self.submit(work)
        try:
            call.check()
            with call.waking(lambda: _cancel(future)):
                return future.result(call.remaining)
        except BaseException as error:
            future.cancel()
            call.check()
            if isinstance(error, CancelledError):
                msg = "The engine was closed while the call was under way."
                raise EngineError(msg) from error
            raise

    def before_end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Has `last` run on the loop before it ends."""
        self._last = last

    def stop(self) -> None:
        """Cancels what is under way and ends the thread; a later coroutine starts another."""
        with self._lock:
            loop, thread, last = self._loop, self._thread, self._last
            self._loop, self._thread, self._last = None, None, None
        if loop is None or thread is None:
            return
        if thread is threading.current_thread():  # collected as garbage on the loop itself
            loop.call_soon(loop.stop)
            return
        asyncio.run_coroutine_threadsafe(_finish(last), loop).result(timeout=_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=_PATIENCE)
        loop.close()


def _cancel(future: Future[Any]) -> None:
    future.cancel()


async def _finish(last: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last()
