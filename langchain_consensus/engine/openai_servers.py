"""The servers of one engine: their clients, who of them has been probed, and the model that they serve together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from openai import AsyncOpenAI, Omit

from langchain_consensus.engine.openai_checks import TOLERANCE
from langchain_consensus.engine.openai_model import ServedModel
from langchain_consensus.engine.openai_probe import probe
from langchain_consensus.engine.openai_replicas import Replica, Replicas
from langchain_consensus.engine.openai_requests import Sender, TransientError
from langchain_consensus.engine.openai_work import Workers
from langchain_consensus.errors import EngineError, ServerCapabilityError

if TYPE_CHECKING:
    from langchain_consensus.engine.openai_probe import ProbeReport
    from langchain_consensus.engine.openai_protocol import Dialect
    from langchain_consensus.engine.tokenization import Tokenization

__all__ = ["ServerOptions", "Servers", "client_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions:
    """Whom to ask and how; see `OpenAICompatibleEngine`."""

    urls: tuple[str, ...]
    model: str | None
    dialect: str
    api_key: str | None
    max_concurrency: int
    max_attempts: int
    request_timeout: float
    deadline: float | None


class Servers:
    """Equal servers of one model; everything here runs on one event loop."""

    def __init__(self, options: ServerOptions, tokens: Tokenization) -> None:
        """Makes the clients; nothing is sent."""
        self._options = options
        self._tokens = tokens
        self._served: ServedModel | None = None
        self._first: ProbeReport | None = None
        self._starting = asyncio.Lock()
        key, timeout = options.api_key, options.request_timeout
        self._replicas = Replicas(
            [Replica(url=url, client=client_of(url, api_key=key, request_timeout=timeout)) for url in options.urls]
        )
        sender = Sender(
            self._replicas, concurrency=options.max_concurrency, attempts=options.max_attempts, admit=self._admit
        )
        self._workers = Workers(sender, concurrency=options.max_concurrency, deadline=options.deadline)

    @property
    def first_report(self) -> ProbeReport | None:
        """What the first probe found that found no fault; `None` before it."""
        found = (replica.report for replica in self._replicas.all if replica.report is not None)
        return next((report for report in found if report.refusal is None), None)

    async def served(self) -> ServedModel:
        """The model, after the servers that can be reached have been probed.

        Raises:
            ServerCapabilityError: If one of them cannot be used.
            EngineError: If none can be reached.
        """
        async with self._starting:
            if self._served is None:
                admitted = await asyncio.gather(*map(self._admit, self._replicas.all), return_exceptions=True)
                for replica, outcome in zip(self._replicas.all, admitted, strict=True):
                    if isinstance(outcome, TransientError):
                        replica.failed(began=asyncio.get_running_loop().time())
                    elif isinstance(outcome, BaseException):
                        raise outcome
                if self._first is None:
                    raise EngineError(str(admitted[0]))
                self._served = ServedModel(self._tokens, self._first, self._workers)
            return self._served

    async def reports(self) -> list[ProbeReport]:
        """What a probe of each server finds, whether it can be used or not."""
        return list(await asyncio.gather(*map(self._report, self._replicas.all)))

    async def close(self) -> None:
        """Closes all connections."""
        for replica in self._replicas.all:
            await replica.client.close()

    async def _report(self, replica: Replica) -> ProbeReport:
        async with replica.probing:
            if replica.report is None:
                replica.dialect, replica.report = await probe(
                    replica.client,
                    url=replica.url,
                    model=self._options.model,
                    tokens=self._tokens,
                    dialect=self._options.dialect,
                )
            return replica.report

    async def _admit(self, replica: Replica) -> Dialect:
        report = await self._report(replica)
        if report.refusal is not None or replica.dialect is None:
            raise ServerCapabilityError(report.refusal)
        first = self._first = self._first or report
        difference = _difference(first, report)
        if difference is not None:
            msg = (
                f"{report.url} is not equal to {first.url}: {difference}. Replicas must serve the same weights, in the "
                "same way; give the others an engine of their own."
            )
            raise ServerCapabilityError(msg)
        return replica.dialect


def _difference(one: ProbeReport, other: ProbeReport) -> str | None:
    abilities = ("one_request_verdicts", "exact_draws", "several_draws", "tells_ids", "follows_grammars")
    for what in ("model", "dialect", "max_tokens", *abilities):
        if getattr(one, what) != getattr(other, what):
            return f"`{what}` is {getattr(other, what)!r} and {getattr(one, what)!r}"
    error = float(np.abs(np.subtract(one.reference, other.reference)).max())
    return None if error <= TOLERANCE else f"it scores the same text up to {error:.2f} nats differently"


def client_of(url: str, *, api_key: str | None, request_timeout: float) -> AsyncOpenAI:
    """A client that makes one attempt a request and takes nothing from the environment."""
    return AsyncOpenAI(
        base_url=url,
        # Never the key of the environment: it belongs to another service than the one at this address.
        api_key=api_key or "none",
        default_headers={"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()},  # type: ignore[dict-item]
        max_retries=0,
        timeout=request_timeout,
    )
