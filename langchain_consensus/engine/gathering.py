"""Many callers, one device: what is asked at the same time is gathered into shared passes.

Callers wait; one thread works. It takes what has waited longest and all that can share a pass with it. A pass that has
had its turn lets those go first that came after it began, between two of its forwards, and goes on. Knows no model: a
job is whatever `run` takes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from langchain_consensus.engine.deadline import Call, current_call
from langchain_consensus.engine.refusals import busy, closed
from langchain_consensus.engine.tickets import Ticket, take_group
from langchain_consensus.engine.turns import Turns
from langchain_consensus.engine.watch import NobodyLeftError, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from contextlib import AbstractContextManager

__all__ = ["Gatherer", "Gathering"]

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")

_POLL = 0.001
"""Seconds between two looks at whether those who are coming have come."""
_LATELY = 1.0
"""Seconds for which the callers of the last pass are expected to ask again."""
_DEPTH = 3
"""Passes that may be under way at once, one inside another: each holds keys and values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathering:
    """How calls are gathered.

    Attributes:
        wait_seconds: Longest wait for others that are known to be coming; a caller who is alone never waits.
        turn_seconds: After so long a pass lets others go first.
        most_tokens: Calls are gathered up to this many tokens, shared ones counted for each.
        max_waiting: Calls that may wait.
    """

    wait_seconds: float = 0.01
    turn_seconds: float = 0.25
    most_tokens: int = 65_536
    max_waiting: int = 1024


class Gatherer:
    """Gathers the jobs of many threads and runs them in one."""

    def __init__(
        self,
        how: Gathering,
        *,
        coming: Callable[[], int] = lambda: 0,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
        turns: Turns | None = None,
    ) -> None:
        """Makes one that has nothing to do yet, and no thread.

        Args:
            how: The numbers.
            coming: How many callers may be about to ask.
            aside: Entered by a caller while it waits.
            turns: The thread takes turns with others; `None` with nobody.
        """
        self._how, self._coming, self._aside, self._turns = how, coming, aside, turns or Turns()
        self._device = ThreadPoolExecutor(1, thread_name_prefix="langchain-consensus-device")
        self._changed = threading.Condition()
        self._waiting: deque[Ticket] = deque()
        self._working = self._closed = False
        self._thread: int | None = None
        self._passes: list[list[Ticket]] = []  # under way, each inside the one before it
        self._turn_began = 0.0
        self._last = (0, 0.0)  # callers of the last pass, and when it ended

    def ask(
        self,
        key: Hashable,
        job: JobT,
        run: Callable[[Sequence[JobT], Watch], Sequence[ResultT | Exception]],
        *,
        tokens: int = 1,
    ) -> ResultT:
        """What `run` gives for `job`, alone or with others of the same `key`; waits for it.

        Args:
            key: Jobs with the same key may be run together.
            job: What is to be done.
            run: Gives a result, or an error, for each of several jobs; calls the watch's `step` before each forward.
            tokens: How large the job is.

        Raises:
            EngineBusyError: If as many jobs wait as may.
            EngineClosedError: If this was closed.
            CallCancelledError: If the caller's call was cancelled.
            DeadlineExceededError: If its time is over.
        """
        call = Call(parent=current_call())
        call.check()
        ticket = Ticket(key=key, job=job, run=run, tokens=tokens, call=call)
        if threading.get_ident() == self._thread:
            # Asked from within a pass: waiting for the thread that asks would be for ever.
            self._run([ticket])
        else:
            with self._aside(), call.waking(ticket.done.set):
                self._enter(ticket)
                self._wait(ticket)
        if isinstance(ticket.outcome, BaseException):
            raise ticket.outcome
        return cast("ResultT", ticket.outcome)

    def close(self, timeout: float | None = None) -> None:
        """Takes no more jobs, ends those it has, and lets go of its thread.

        Args:
            timeout: Seconds after which what is still under way is stopped; `None` waits for all of it.
        """
        with self._changed:
            self._closed = True
            if not self._changed.wait_for(lambda: not self._working, timeout):
                for ticket in [*self._waiting, *(one for group in self._passes for one in group)]:
                    ticket.call.cancel(closed())
        if threading.get_ident() != self._thread:
            self._device.shutdown()
            self._thread = None  # another thread may be given its number

    # --- the callers' side ---

    def _enter(self, ticket: Ticket) -> None:
        with self._changed:
            if self._closed:
                raise closed()
            if len(self._waiting) >= self._how.max_waiting:
                raise busy(len(self._waiting))
            self._waiting.append(ticket)
            if not self._working:
                self._working = True
                self._device.submit(self._work)
            self._changed.notify_all()

    def _wait(self, ticket: Ticket) -> None:
        """Until the ticket is done or its call is over; then a pass drops it at its next step, if it has it already."""
        try:
            while ticket.is_pending and ticket.call.error is None:
                ticket.done.wait(ticket.call.remaining)
        except BaseException:  # a keyboard interrupt: nobody waits for the answer any more
            ticket.call.cancel()
            raise
        finally:
            with self._changed:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
        if ticket.is_pending:
            ticket.outcome = ticket.call.error

    # --- the thread's side ---

    def _work(self) -> None:
        """Pass after pass, until nobody waits."""
        self._thread = threading.get_ident()
        while True:
            self._wait_for_others(self._expected())
            with self._turns.taken():
                with self._changed:
                    group = take_group(self._waiting, most_tokens=self._how.most_tokens)
                    if not group:
                        self._working = False
                        self._changed.notify_all()
                        return
                self._run(group)
            self._last = (len(group), time.monotonic())

    def _expected(self) -> int:
        """How many callers will soon wait, as those of the last pass ask again."""
        callers, ended = self._last
        return callers if time.monotonic() - ended < _LATELY else 0

    def _wait_for_others(self, expected: int) -> None:
        """Until those who are known to be coming wait too, or `wait_seconds` are over; not if nobody waits."""
        self._wait_while(lambda: bool(self._waiting) and (self._coming() > 0 or len(self._waiting) < expected))

    def _wait_while(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + self._how.wait_seconds
        with self._changed:
            while holds() and time.monotonic() < until:
                self._changed.wait(_POLL)

    def _run(self, group: list[Ticket]) -> None:
        """One pass; if it fails, each of its jobs alone, so that one that fails takes no other with it."""
        for ticket in group:
            if ticket.call.error is not None:
                ticket.end(None)
        group = [ticket for ticket in group if not ticket.done.is_set()]
        if not group:
            return
        self._passes.append(group)
        self._turn_began = time.monotonic()
        outcomes: Sequence[object]
        try:
            watch = Watch([ticket.call for ticket in group], give_way=self._give_way)
            outcomes = group[0].run([ticket.job for ticket in group], watch)
        except NobodyLeftError:
            outcomes = [None] * len(group)
        except BaseException as error:  # noqa: BLE001 - it is the caller's, who raises it
            outcomes = [error]
        finally:
            self._passes.pop()
            self._turn_began = time.monotonic()
        if len(outcomes) == len(group):
            for ticket, outcome in zip(group, outcomes, strict=True):
                ticket.end(outcome)
            return
        for ticket in group:
            self._run([ticket])

    def _give_way(self) -> None:
        """Called between two forwards: after its turn a pass lets others go first that are not larger than it is."""
        if len(self._passes) >= _DEPTH or time.monotonic() - self._turn_began < self._how.turn_seconds:
            return
        with self._turns.given_up():
            self._wait_while(lambda: self._coming() > 0)
        with self._changed:
            largest = sum(ticket.tokens for ticket in self._passes[-1])
            group = take_group(self._waiting, most_tokens=self._how.most_tokens, largest=largest)
        if group:
            self._run(group)
        self._turn_began = time.monotonic()
