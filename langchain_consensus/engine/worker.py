"""How async callers use an engine: in one worker thread, so that an event loop never waits for a model.

A local model can serve one call at a time. With one thread a model, calls beyond the first wait as futures: they hold
no thread, a cancelled one is never begun, and Python's global lock is contended by one busy thread, not by many.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Worker", "in_worker"]

ResultT = TypeVar("ResultT")


class Worker:
    """One thread, started at its first use."""

    def __init__(self) -> None:
        self._thread: int | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="langchain-consensus", initializer=self._begin)

    def _begin(self) -> None:
        self._thread = threading.get_ident()

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """What `work` returns; it runs in this thread, after the calls that came before."""
        if threading.get_ident() == self._thread:
            # An event loop inside the worker itself, such as an async handler's: waiting would be for ever.
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


async def in_worker(engine: Any, function: Callable[..., ResultT], *args: Any) -> ResultT:
    """What `function` returns, run in the engine's `worker` if it has one, else in any thread; context is kept."""
    worker = getattr(engine, "worker", None)
    if isinstance(worker, Worker):
        return await worker.run(partial(copy_context().run, function, *args))
    return await asyncio.to_thread(function, *args)
