"""`OpenAIChatEngine`: a model behind OpenAI's chat completions API, as an engine that can be sampled.

Nothing is sent until the first call. Faults, replicas and limits are those of `OpenAICompatibleEngine`.
"""

from __future__ import annotations

import threading
import weakref
from math import nan
from typing import TYPE_CHECKING, Any, Self

from langchain_consensus.dependencies import require
from langchain_consensus.engine.base import Sample, SampleResult
from langchain_consensus.engine.facts import ModelFacts
from langchain_consensus.engine.openai_arguments import check_seconds, server_addresses
from langchain_consensus.engine.openai_loop import LoopThread
from langchain_consensus.engine.sampler import Beginnings, check_counts, check_plain_draws, check_top, turns_of
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.openai_chat_protocol import Reply
    from langchain_consensus.engine.openai_chat_talk import ChatTalk
    from langchain_consensus.prompts import Prompt

__all__ = ["OpenAIChatEngine"]


class OpenAIChatEngine:
    """A hosted chat model, drawn from as often as an estimate needs.

    Example:
        ```python
        engine = OpenAIChatEngine("https://api.openai.com/v1", model="gpt-4.1-mini", api_key=key, draws=32)
        ```
    """

    def __init__(
        self,
        base_url: str | Sequence[str],
        *,
        model: str,
        api_key: str | None = None,
        draws: int = 16,
        verdict_draws: int = 8,
        top_logprobs: int | None = None,
        draws_per_request: int = 1,
        length_field: str = "max_tokens",
        extra_body: Mapping[str, Any] | None = None,
        max_concurrency: int = 32,
        max_attempts: int = 8,
        request_timeout: float = 120.0,
        deadline: float | None = None,
    ) -> None:
        """Remembers whom to ask; the first call asks.

        Args:
            base_url: The endpoint's address, or those of several equal ones. `/v1` is added to one without a path.
            model: The model's name there.
            api_key: The endpoint's key. Keys in the environment are not used.
            draws: Draws under each condition for one question.
            verdict_draws: Draws of a verdict where the endpoint does not tell how a reply begins.
            top_logprobs: How many first tokens it is asked for; 0 never asks, and `None` finds out, with 20 and 5.
            draws_per_request: Replies asked for in one request (`n`), where the endpoint takes it: the prompt is then
                paid for once.
            length_field: What the endpoint calls the longest reply; newer models of OpenAI take
                `max_completion_tokens` alone.
            extra_body: Fields of every request, such as `{"top_k": -1}` for vLLM, which else cuts as the model's
                configuration says.
            max_concurrency: Requests under way at once.
            max_attempts: How often one request is sent at most.
            request_timeout: Seconds that one attempt may take.
            deadline: Seconds that a call may take; `None` sets no limit.

        Raises:
            InvalidInputError: If an argument breaks a rule.
        """
        urls = server_addresses(base_url)
        for name, text in (("model", model), ("length_field", length_field)):
            if not isinstance(text, str) or not text:
                msg = f"`{name}` is {text!r}; it must be a text."
                raise InvalidInputError(msg)
        check_counts(
            draws=draws,
            verdict_draws=verdict_draws,
            draws_per_request=draws_per_request,
            max_concurrency=max_concurrency,
            max_attempts=max_attempts,
        )
        check_top(top_logprobs)
        check_seconds(request_timeout=request_timeout, deadline=deadline)
        self._options: dict[str, Any] = {
            "urls": urls,
            "model": model,
            "api_key": api_key,
            "at_once": draws_per_request,
            "length_field": length_field,
            "extra_body": dict(extra_body or {}),
            "max_concurrency": max_concurrency,
            "max_attempts": max_attempts,
            "request_timeout": float(request_timeout),
            "deadline": deadline,
        }
        self._top = top_logprobs
        self._draws, self._verdict_draws = draws, verdict_draws
        self._talk: ChatTalk | None = None
        self._lock = threading.Lock()
        self._loop = LoopThread()
        weakref.finalize(self, LoopThread.stop, self._loop)

    @property
    def name(self) -> str:
        """The model's name on the endpoint."""
        return str(self._options["model"])

    @property
    def is_chat(self) -> bool:
        """True."""
        return True

    @property
    def draws(self) -> int:
        """Draws under each condition for one question."""
        return self._draws

    @property
    def verdict_draws(self) -> int:
        """Draws of a verdict that is not told."""
        return self._verdict_draws

    @property
    def facts(self) -> ModelFacts:
        """That its candidates are texts: no tools, no grammar."""
        return ModelFacts(shows_tools=False, follows_grammars=False)

    def token_ids(self, text: str) -> list[int]:
        """Not known of a hosted model.

        Raises:
            InvalidInputError: Always.
        """
        msg = f"The tokenizer of {self.name!r} is not known here, so the tokens of {text[:40]!r} cannot be counted."
        raise InvalidInputError(msg)

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` replies to each prompt.

        Raises:
            InvalidInputError: If the draws are not to be the model's own, or a prompt is no chat of texts.
            EngineError: If a request failed for good. What the others answered is kept for a repetition.
        """
        check_plain_draws(settings)
        chats, talk = [turns_of(prompt) for prompt in prompts], self._started()
        drawn, usage = self._loop.run(talk.draw(chats, settings.n, length=settings.max_new_tokens, stop=settings.stop))
        return SampleResult(samples=tuple(tuple(map(_sample, replies)) for replies in drawn), usage=usage)

    def beginnings(self, prompts: Sequence[Prompt]) -> Beginnings:
        """The first tokens of one reply to each prompt, if the endpoint tells them; errors are those of `sample`."""
        chats = [turns_of(prompt) for prompt in prompts]
        if not chats or self._top == 0:
            return Beginnings(tokens=(None,) * len(chats))
        replies, usage = self._loop.run(self._started().begin(chats))
        if replies is None:
            return Beginnings(tokens=(None,) * len(chats), usage=usage)
        return Beginnings(tokens=tuple(reply.beginning or None for reply in replies), usage=usage)

    def close(self) -> None:
        """Ends all connections and calls under way; a later call starts anew."""
        with self._lock:
            self._talk = None
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _started(self) -> ChatTalk:
        with self._lock:
            if self._talk is None:
                require("openai", "openai", "tenacity")
                from langchain_consensus.engine.openai_chat_talk import ChatOptions, ChatTalk

                self._talk = ChatTalk(ChatOptions(**self._options), self._top)
                self._loop.before_end(self._talk.close)
            return self._talk


def _sample(reply: Reply) -> Sample:
    return Sample(
        text=reply.text,
        tokens=0,
        logprob=nan,
        end_logprob=None,
        finish="length" if reply.was_cut else "end",
        canonical=False,
    )
