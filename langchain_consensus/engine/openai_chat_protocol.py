"""What is said to a chat endpoint and what it answers, as plain JSON values; see `openai_protocol` for completions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.openai_protocol import AnswerError, Exchange, logprob_of, openai_cost
from langchain_consensus.engine.openai_work import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Replies", "Reply", "chat_job"]

_PATH = "/chat/completions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One reply.

    Attributes:
        text: What it says.
        was_cut: Whether it ended at the length limit.
        beginning: The most probable first tokens with their log-probabilities, best first; empty if not told.
    """

    text: str
    was_cut: bool
    beginning: tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replies:
    """The replies to one request, and the tokens that the server says it drew for them."""

    replies: tuple[Reply, ...]
    drawn: int
    read: int


def chat_job(body: Mapping[str, Any], turn: int) -> Job[Replies]:
    """One request; equal bodies with another `turn` are other draws."""
    key = json.dumps(body, sort_keys=True)

    def exchange_of(dialect: object) -> Exchange[Replies]:
        del dialect  # there is one way of asking
        return Exchange(path=_PATH, body=body, read=_replies, cost=openai_cost)

    # Requests with the same beginning follow each other, for servers that keep beginnings.
    order = tuple(json.dumps(body["messages"]).encode())
    return Job(key=(key, turn), order=order, exchange_of=exchange_of)


def _replies(answer: Any) -> Replies:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices:
        msg = f"The server's answer holds no choice: {str(answer)[:200]!r}."
        raise AnswerError(msg)
    usage = answer.get("usage") or {}
    return Replies(
        replies=tuple(map(_reply, choices)),
        drawn=int(usage.get("completion_tokens") or 0),
        read=int(usage.get("prompt_tokens") or 0),
    )


def _reply(choice: Any) -> Reply:
    try:
        text = choice["message"].get("content") or ""
    except (TypeError, KeyError, AttributeError):
        msg = f"The server's answer holds a choice without a message: {str(choice)[:200]!r}."
        raise AnswerError(msg) from None
    if not isinstance(text, str):
        msg = f"The server's answer holds a message that is no text: {str(text)[:200]!r}."
        raise AnswerError(msg)
    return Reply(text=text, was_cut=choice.get("finish_reason") == "length", beginning=_beginning(choice))


def _beginning(choice: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    try:
        first: Sequence[Mapping[str, Any]] = choice["logprobs"]["content"][0]["top_logprobs"]
    except (TypeError, KeyError, IndexError):
        return ()
    return tuple((str(one.get("token")), logprob_of(one.get("logprob"))) for one in first)
