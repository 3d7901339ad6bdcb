"""Requests to chat endpoints under way: drawn replies, first tokens, and what they cost; all on one event loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.base import Usage
from langchain_consensus.engine.openai_chat_protocol import Replies, chat_job
from langchain_consensus.engine.openai_replicas import Replica, Replicas
from langchain_consensus.engine.openai_requests import RefusedRequestError, Sender
from langchain_consensus.engine.openai_servers import client_of
from langchain_consensus.engine.openai_work import Workers
from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.engine.openai_chat_protocol import Reply

__all__ = ["ChatOptions", "ChatTalk"]

_TOPS = (20, 5)
"""How many first tokens are asked for when it is not known what the server tells: OpenAI's most, and others'."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatOptions:
    """Whom to ask and how; see `OpenAIChatEngine`."""

    urls: tuple[str, ...]
    model: str
    api_key: str | None = field(repr=False)
    at_once: int
    length_field: str
    extra_body: Mapping[str, Any]
    max_concurrency: int
    max_attempts: int
    request_timeout: float
    deadline: float | None


class ChatTalk:
    """Sends chats to the endpoints of one model."""

    def __init__(self, options: ChatOptions, top: int | None) -> None:
        """Makes the clients; nothing is sent."""
        self._options = options
        self._top = top
        self._replicas = Replicas(
            [
                Replica(
                    url=url,
                    client=client_of(url, api_key=options.api_key, request_timeout=options.request_timeout),
                )
                for url in options.urls
            ]
        )
        sender = Sender(
            self._replicas, concurrency=options.max_concurrency, attempts=options.max_attempts, admit=_admitted
        )
        self._workers = Workers(sender, concurrency=options.max_concurrency, deadline=options.deadline)

    async def draw(
        self, chats: Sequence[list[dict[str, Any]]], n: int, *, length: int, stop: Sequence[str]
    ) -> tuple[list[list[Reply]], Usage]:
        """`n` replies to each chat.

        Raises:
            EngineError: If a request failed for good, or fewer replies came back than were asked for.
        """
        sizes = _sizes(n, self._options.at_once)
        jobs = [
            [chat_job(self._body(chat, length=length, stop=stop, n=size), turn) for turn, size in enumerate(sizes)]
            for chat in chats
        ]
        worked = await self._workers.work([job for group in jobs for job in group])
        found = [[reply for job in group for reply in worked.answers[job.key].replies] for group in jobs]
        for replies in found:
            if len(replies) != n:
                msg = f"The server returned {len(replies)} of {n} replies; set `draws_per_request` to 1."
                raise EngineError(msg)
        return found, _usage(worked.answers.values(), worked.requests)

    async def begin(self, chats: Sequence[list[dict[str, Any]]]) -> tuple[list[Reply] | None, Usage]:
        """A reply of one token to each chat, with what else it might have been; `None` if the server does not tell."""
        usage = Usage()
        if self._top is None:
            self._top, usage = await self._found_out(chats[0])
        if not self._top:
            return None, usage
        jobs = [chat_job(self._body(chat, length=1, top=self._top), 0) for chat in chats]
        worked = await self._workers.work(jobs)
        return [worked.answers[job.key].replies[0] for job in jobs], usage + _usage(
            worked.answers.values(), worked.requests
        )

    async def close(self) -> None:
        """Closes all connections."""
        for replica in self._replicas.all:
            await replica.client.close()

    async def _found_out(self, chat: list[dict[str, Any]]) -> tuple[int, Usage]:
        """How many first tokens the server tells, and what asking took; 0 if it refuses or leaves them out."""
        for top in _TOPS:
            job = chat_job(self._body(chat, length=1, top=top), 0)
            try:
                worked = await self._workers.work([job])
            except RefusedRequestError as error:
                if error.is_hopeless:
                    raise
                continue
            told = worked.answers[job.key].replies[0].beginning
            return (top if told else 0), _usage(worked.answers.values(), worked.requests)
        return 0, Usage()

    def _body(
        self, chat: list[dict[str, Any]], *, length: int, stop: Sequence[str] = (), n: int = 1, top: int = 0
    ) -> dict[str, Any]:
        options = self._options
        return {
            "model": options.model,
            "messages": chat,
            # Said, since servers take other defaults from the model's own configuration.
            "temperature": 1,
            "top_p": 1,
            options.length_field: length,
            **({"n": n} if n > 1 else {}),
            **({"stop": list(stop)} if stop else {}),
            **({"logprobs": True, "top_logprobs": top} if top else {}),
            **options.extra_body,
        }


async def _admitted(replica: Replica) -> None:
    """Chat endpoints are asked in one way, and there is nothing to probe: what they say is what they draw."""
    del replica


def _sizes(n: int, at_once: int) -> list[int]:
    whole, rest = divmod(n, at_once)
    return [at_once] * whole + [rest] * bool(rest)


def _usage(answers: Any, requests: int) -> Usage:
    told: list[Replies] = list(answers)
    read, drawn = sum(one.read for one in told), sum(one.drawn for one in told)
    return Usage(input_tokens=read, computed_tokens=read + drawn, sampled_tokens=drawn, forwards=requests)
