"""How async callers use an engine: in its worker's threads, so that an event loop never waits for a model.

Work is begun in the order in which it comes, in as many threads as calls can share a pass on the device; calls beyond
those wait as futures, hold no thread, and are never begun if they are cancelled. Only one of the threads runs at a
time, the others wait for the device or for their turn: Python's global lock is contended by one busy thread, not by
many. A call that is cancelled while it runs stops at its next step.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_consensus.engine.deadline import Call, current_call, within
from langchain_consensus.engine.refusals import busy, closed
from langchain_consensus.engine.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

__all__ = ["Worker", "in_worker"]

ResultT = TypeVar("ResultT")


class Worker:
    """Threads, started when they are first needed, that take turns."""

    def __init__(self, *, threads: int = 16, max_waiting: int = 1024) -> None:
        """Makes one without a thread.

        Args:
            threads: Calls that may be under way.
            max_waiting: Calls beyond those that may wait.
        """
        self._threads, self._max_waiting = threads, max_waiting
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="langchain-consensus")
        # A thread's start waits until the new thread has run, which an event loop must not.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="langchain-consensus-start")
        self.turns = Turns()
        """Whose turn it is, of the threads."""
        self._mine: set[int] = set()
        self._count = threading.Lock()
        self._in_flight = self._aside = 0
        self._closed = False

    @property
    def coming(self) -> int:
        """Calls that run, or wait for their turn to, and may yet ask for the device."""
        return min(self._in_flight, self._threads) - self._aside

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """What `work` returns; it runs in one of the threads, after the calls that came before.

        Raises:
            EngineBusyError: If as many calls wait as may.
            EngineClosedError: If this was closed.
        """
        if threading.get_ident() in self._mine:
            # An event loop inside the worker itself, such as an async handler's: waiting would be for ever.
            return work()
        self._begin()
        starting = self._starter.submit(self._start, work)
        starting.add_done_callback(self._never_started)
        started: Future[ResultT] = await asyncio.wrap_future(starting)
        return await asyncio.wrap_future(started)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While the block waits, another of the threads may run; in any other thread this does nothing."""
        if not self.turns.is_mine:
            yield
            return
        self._change(aside=1)
        try:
            with self.turns.given_up():
                yield
        finally:
            self._change(aside=-1)

    def close(self, timeout: float | None = None) -> bool:
        """Takes no more work and waits for what it has; says whether that ended within `timeout` seconds."""
        self._closed = True
        if threading.get_ident() in self._mine:
            return False
        waiter = threading.Thread(target=self._shut_down, daemon=True)
        waiter.start()
        waiter.join(timeout)
        if waiter.is_alive():
            return False
        self._mine.clear()  # another thread may be given the number of one that has ended
        return True

    def _shut_down(self) -> None:
        self._starter.shutdown()
        self._executor.shutdown()

    def _begin(self) -> None:
        with self._count:
            if self._closed:
                raise closed()
            waiting = self._in_flight - self._threads
            if waiting >= self._max_waiting:
                raise busy(waiting)
            self._in_flight += 1

    def _change(self, *, in_flight: int = 0, aside: int = 0) -> None:
        with self._count:
            self._in_flight += in_flight
            self._aside += aside

    def _start(self, work: Callable[[], ResultT]) -> Future[ResultT]:
        future = self._executor.submit(self._taken, work)
        future.add_done_callback(lambda _: self._change(in_flight=-1))
        return future

    def _never_started(self, starting: Future[Any]) -> None:
        if starting.cancelled() or starting.exception() is not None:
            self._change(in_flight=-1)

    def _taken(self, work: Callable[[], ResultT]) -> ResultT:
        self._mine.add(threading.get_ident())
        with self.turns.taken():
            return work()


async def in_worker(engine: Any, function: Callable[..., ResultT], *args: Any) -> ResultT:
    """What `function` returns, run in the engine's `worker` if it has one, else in any thread; context is kept.

    If the task that awaits it is cancelled, or its deadline is over, what it asks of an engine stops at the next step.
    """
    call = Call(parent=current_call())
    work = partial(copy_context().run, _as_part_of, call, function, *args)
    worker = getattr(engine, "worker", None)
    try:
        async with asyncio.timeout(call.remaining):
            return await (worker.run(work) if isinstance(worker, Worker) else asyncio.to_thread(work))
    except TimeoutError:
        call.check()  # it may have waited until its time was over, and never have begun
        raise
    except asyncio.CancelledError:
        call.cancel()
        raise


def _as_part_of(call: Call, function: Callable[..., ResultT], *args: Any) -> ResultT:
    with within(call):
        call.check()
        return function(*args)
