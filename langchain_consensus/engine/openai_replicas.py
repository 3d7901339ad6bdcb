"""The servers that share the work: whose turn it is, and who has to rest.

A replica that fails several times in a row, or asks to be left alone, gets no requests for a while; then one request
tries it again.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_consensus.engine.openai_requests import TransientError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from openai import AsyncOpenAI

    from langchain_consensus.engine.openai_probe import ProbeReport
    from langchain_consensus.engine.openai_protocol import Dialect

__all__ = ["Replica", "Replicas"]

_FAILURES = 3
"""Failures in a row after which a replica rests."""
_FIRST_REST, _LONGEST_REST = 0.5, 30.0
"""Seconds of the first rest, doubled with each further failure, and of the longest."""


@dataclass(kw_only=True, slots=True, eq=False)
class Replica:
    """One server.

    Attributes:
        url: Its base URL, which ends in `/v1` or what else its API begins with.
        client: The client that holds its connections.
        outstanding: Requests under way.
        served: Requests sent so far; of replicas with equally many under way, the one with fewer is next.
        failures: Failures since its last answer.
        out_since: The loop's time at which it was last taken out; what was under way then fails with it, once.
        rests_until: The loop's time before which it gets no request.
        dialect: How it is asked, once the probe has found out.
        report: What the probe found.
        probing: Held while the probe runs.
    """

    url: str
    client: AsyncOpenAI
    outstanding: int = 0
    served: int = 0
    failures: int = 0
    out_since: float = 0.0
    rests_until: float = 0.0
    dialect: Dialect | None = None
    report: ProbeReport | None = None
    probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_out(self) -> bool:
        """Whether it has failed so often that it is taken out."""
        return self.failures >= _FAILURES

    def answered(self) -> None:
        """Notes an answer, of whatever kind: the server is alive."""
        self.failures, self.rests_until = 0, 0.0

    def failed(self, *, began: float) -> None:
        """Notes the failure of a request that began at a time of the loop; several in a row let the replica rest."""
        if began < self.out_since:
            return
        self.failures += 1
        if self.is_out:
            self.out_since = asyncio.get_running_loop().time()
            self.rest(min(_FIRST_REST * 2 ** (self.failures - _FAILURES), _LONGEST_REST))

    def rest(self, seconds: float) -> None:
        """Gives the replica no request for so long."""
        self.rests_until = max(self.rests_until, asyncio.get_running_loop().time() + min(seconds, _LONGEST_REST))


class Replicas:
    """Hands out the replica with the fewest requests under way."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        """Takes at least one replica."""
        self.all = tuple(replicas)

    @property
    def are_out(self) -> bool:
        """Whether every replica has been taken out."""
        return all(replica.is_out for replica in self.all)

    @asynccontextmanager
    async def next(self) -> AsyncIterator[Replica]:
        """A replica for one request; waits while all of them rest.

        Raises:
            TransientError: If all are out, and the one that was tried meanwhile failed again.
        """
        replica = await self._choose()
        replica.outstanding += 1
        replica.served += 1
        try:
            yield replica
        finally:
            replica.outstanding -= 1

    async def _choose(self) -> Replica:
        loop, has_waited = asyncio.get_running_loop(), False
        while True:
            now = loop.time()
            free = [replica for replica in self.all if replica.rests_until <= now]
            if free:
                chosen = min(free, key=lambda replica: (replica.outstanding, replica.served))
                if chosen.is_out:
                    # One request tries it; the others go elsewhere until that one has come back.
                    chosen.rest(_FIRST_REST)
                return chosen
            if has_waited and self.are_out:
                msg = f"None of {', '.join(replica.url for replica in self.all)} can be reached, or all fail."
                raise TransientError(msg)
            has_waited = True
            await asyncio.sleep(min(replica.rests_until for replica in self.all) - now)
