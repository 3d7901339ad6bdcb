"""Many requests at once, in an order that lets the server share beginnings; what one batch had answered stays answered.

A batch in which a request fails for good is finished all the same, and its answers are kept until they are asked for
again: whoever repeats the batch item by item, as the command line does, pays for no answer twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from langchain_consensus.engine.openai_requests import RefusedRequestError
from langchain_consensus.errors import EngineError, ServerCapabilityError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from langchain_consensus.engine.openai_protocol import Dialect, Exchange
    from langchain_consensus.engine.openai_requests import Sender

__all__ = ["Job", "Worked", "Workers"]

T = TypeVar("T")

_KEPT = 100_000
"""Answers kept at most, for batches that are repeated after a failure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job(Generic[T]):
    """One request to be answered.

    Attributes:
        key: Two jobs with one key are one request.
        order: Tokens of its prompt; jobs are sent in the order of these, so that beginnings follow each other.
        exchange_of: The request in a server's dialect.
    """

    key: Hashable
    order: tuple[int, ...]
    exchange_of: Callable[[Dialect], Exchange[T]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked(Generic[T]):
    """Answers by key, how many prompt tokens the servers computed for them, and how many requests were answered."""

    answers: dict[Hashable, T]
    computed: int
    requests: int


class Workers:
    """Sends the jobs of a call, a bounded number at once."""

    def __init__(self, sender: Sender, *, concurrency: int, deadline: float | None) -> None:
        """Remembers the limits.

        Args:
            sender: Sends one request.
            concurrency: Jobs of one call under way at once.
            deadline: Seconds that a call may take, or `None`.
        """
        self._sender = sender
        self._concurrency = concurrency
        self._deadline = deadline
        self._kept: dict[Hashable, Any] = {}

    async def work(self, jobs: Sequence[Job[T]]) -> Worked[T]:
        """All answers.

        Raises:
            EngineError: If a job failed for good, after all others were done; or if the deadline passed.
            ServerCapabilityError: If a server is not what it has to be; nothing more is sent then.
        """
        todo = {job.key: job for job in jobs}
        answers: dict[Hashable, T] = {key: self._kept.pop(key) for key in todo if key in self._kept}
        waiting = iter(sorted((job for key, job in todo.items() if key not in answers), key=lambda job: job.order))
        errors: list[EngineError] = []
        costs: list[int] = []
        try:
            async with asyncio.timeout(self._deadline), asyncio.TaskGroup() as group:
                for _ in range(min(self._concurrency, len(todo) - len(answers))):
                    group.create_task(self._worker(waiting, answers, costs, errors))
        except TimeoutError:
            errors.insert(0, EngineError(self._too_late(len(answers), len(todo))))
        except ExceptionGroup as group_error:
            errors.insert(0, _first(group_error))
        if errors:
            self._keep(answers)
            raise errors[0] if len(todo) == 1 else _summed(errors, len(answers), len(todo))
        return Worked(answers=answers, computed=sum(costs), requests=len(costs))

    async def _worker(
        self, waiting: Iterator[Job[T]], answers: dict[Hashable, T], costs: list[int], errors: list[EngineError]
    ) -> None:
        for job in waiting:
            try:
                answers[job.key], cost = await self._sender.send(job.exchange_of)
                costs.append(cost)
            except RefusedRequestError as error:
                if error.is_hopeless:
                    raise
                errors.append(error)
            except ServerCapabilityError:
                raise
            except EngineError as error:
                if self._sender.replicas.are_out:
                    raise
                errors.append(error)

    def _keep(self, answers: dict[Hashable, Any]) -> None:
        self._kept.update(answers)
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]

    def _too_late(self, done: int, wanted: int) -> str:
        return f"The call took longer than `deadline`, {self._deadline:g} s; {done} of {wanted} requests were answered."


def _first(group: ExceptionGroup[Any]) -> EngineError:
    error = group.exceptions[0]
    if isinstance(error, EngineError):
        return error
    raise error


def _summed(errors: list[EngineError], done: int, wanted: int) -> EngineError:
    first = errors[0]
    if isinstance(first, ServerCapabilityError):
        return first
    return EngineError(f"{done} of {wanted} requests were answered. {first}")
