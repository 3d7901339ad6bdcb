"""`ChatModelEngine`: any LangChain chat model as an engine that can be sampled.

Calls go through the chat model's own `batch`, so its client, retries, rate limiter and callbacks are those that it was
set up with; they show as runs below the run that asks.
"""

from __future__ import annotations

import logging
from math import nan
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel

from langchain_consensus.engine.base import Sample, SampleResult, Usage
from langchain_consensus.engine.facts import ModelFacts
from langchain_consensus.engine.sampler import (
    MOST_TOP,
    Beginnings,
    check_counts,
    check_plain_draws,
    check_top,
    turns_of,
)
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import AIMessage

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.prompts import Prompt

__all__ = ["ChatModelEngine"]

_logger = logging.getLogger(__name__)

_HIDDEN = "nostream"
"""LangGraph's tag for calls whose tokens are not streamed: draws are no answers."""
_CUT = frozenset({"length", "max_tokens", "MAX_TOKENS"})


class ChatModelEngine:
    """A LangChain chat model, drawn from as often as an estimate needs.

    Example:
        ```python
        engine = ChatModelEngine(init_chat_model("openai:gpt-4.1-mini", temperature=1), draws=32)
        ```
    """

    def __init__(
        self,
        chat_model: Any,
        *,
        draws: int = 16,
        verdict_draws: int = 8,
        top_logprobs: int | None = None,
        call_options: Mapping[str, Any] | None = None,
        length_option: str | None = "max_tokens",
        max_concurrency: int = 16,
    ) -> None:
        """Keeps the chat model; nothing is asked.

        Args:
            chat_model: Any `BaseChatModel`. Its answers are drawn at temperature 1: one set to another is refused.
            draws: Draws under each condition for one question.
            verdict_draws: Draws of a verdict where the model does not tell how its reply begins.
            top_logprobs: How many first tokens it is asked for, by OpenAI's options `logprobs` and `top_logprobs`; 0
                never asks, and `None` finds out with 20.
            call_options: Options of every call, such as `{"temperature": 1}`.
            length_option: What the model calls the longest answer in a call; `None` sends none, and answers are as long
                as it lets them be.
            max_concurrency: Calls under way at once.

        Raises:
            InvalidInputError: If an argument breaks a rule.
        """
        if not isinstance(chat_model, BaseChatModel):
            msg = (
                f"`chat_model` is {chat_model!r:.80}; it must be a LangChain chat model. What `bind` would add goes "
                "into `call_options`."
            )
            raise InvalidInputError(msg)
        check_counts(draws=draws, verdict_draws=verdict_draws, max_concurrency=max_concurrency)
        self._options = dict(call_options or {})
        temperature = self._options.get("temperature", getattr(chat_model, "temperature", None))
        if temperature is not None and temperature != 1:
            msg = (
                f"`chat_model` samples at temperature {temperature!r}, and how often it says an answer stands for the "
                "answer's probability; set it up with temperature=1, or pass call_options={'temperature': 1}."
            )
            raise InvalidInputError(msg)
        # A cache would give the first draw again and again.
        self._chat: BaseChatModel = chat_model.model_copy(update={"cache": False})
        self._draws, self._verdict_draws = draws, verdict_draws
        check_top(top_logprobs)
        self._top = top_logprobs
        self._length_option = length_option
        self._config = {"max_concurrency": max_concurrency, "tags": [_HIDDEN]}

    @property
    def name(self) -> str:
        """The model's name, or the kind of chat model where it says none."""
        named = self._chat._get_ls_params().get("ls_model_name")  # noqa: SLF001 - what LangChain's traces show
        return str(named or self._chat.get_name())

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
        """As the chat model counts tokens."""
        return self._chat.get_token_ids(text)

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` calls for each prompt; the errors of a call are the chat model's own.

        Raises:
            InvalidInputError: If the draws are not to be the model's own, or a prompt is no chat of texts.
        """
        check_plain_draws(settings)
        chats = [turns_of(prompt) for prompt in prompts for _ in range(settings.n)]
        messages = self._ask(chats, self._in_call(settings))
        samples = [_sample(message) for message in messages]
        return SampleResult(
            samples=tuple(
                tuple(samples[place * settings.n : (place + 1) * settings.n]) for place in range(len(prompts))
            ),
            usage=_usage(messages),
        )

    def beginnings(self, prompts: Sequence[Prompt]) -> Beginnings:
        """The first tokens of one reply to each prompt, if the model tells them."""
        chats = [turns_of(prompt) for prompt in prompts]
        tried = self._find_out(chats) if self._top is None and chats else []
        if not self._top:
            return Beginnings(tokens=(None,) * len(chats), usage=_usage(tried))
        messages = [*tried, *self._ask(chats[len(tried) :], self._telling(self._top))]
        return Beginnings(tokens=tuple(map(_first_tokens, messages)), usage=_usage(messages))

    def _find_out(self, chats: Sequence[list[dict[str, Any]]]) -> list[AIMessage]:
        """Asks for one chat's first tokens, and remembers whether they were told."""
        try:
            tried = self._ask(chats[:1], self._telling(MOST_TOP))
        except Exception as error:  # noqa: BLE001 - whatever a model says to an option that it does not know
            _logger.warning("%s takes no `top_logprobs` (%s); verdicts are drawn instead.", self.name, error)
            self._top = 0
            return []
        self._top = MOST_TOP if _first_tokens(tried[0]) else 0
        if not self._top:
            _logger.info("%s tells no `top_logprobs`; verdicts are drawn instead.", self.name)
        return tried

    def _telling(self, top: int) -> dict[str, Any]:
        return {"logprobs": True, "top_logprobs": top, **self._length(1), **self._options}

    def _ask(self, chats: Sequence[list[dict[str, Any]]], options: Mapping[str, Any]) -> list[AIMessage]:
        return self._chat.batch(list(chats), dict(self._config), **options) if chats else []  # type: ignore[arg-type]

    def _in_call(self, settings: SamplingSettings) -> dict[str, Any]:
        stop = {"stop": list(settings.stop)} if settings.stop else {}
        return {**stop, **self._length(settings.max_new_tokens), **self._options}

    def _length(self, tokens: int) -> dict[str, Any]:
        return {} if self._length_option is None else {self._length_option: tokens}


def _sample(message: AIMessage) -> Sample:
    said = message.response_metadata
    reason = said.get("finish_reason") or said.get("stop_reason") or said.get("done_reason")
    return Sample(
        text=str(message.text),
        tokens=_told(message, "output_tokens"),
        logprob=nan,
        end_logprob=None,
        finish="length" if reason in _CUT else "end",
        canonical=False,
    )


def _first_tokens(message: AIMessage) -> tuple[tuple[str, float], ...] | None:
    """As OpenAI's chat models return them in `response_metadata`."""
    try:
        first = message.response_metadata["logprobs"]["content"][0]["top_logprobs"]
        return tuple((str(one["token"]), float(one["logprob"])) for one in first) or None
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _usage(messages: Sequence[AIMessage]) -> Usage:
    read, drawn = (sum(_told(one, name) for one in messages) for name in ("input_tokens", "output_tokens"))
    return Usage(input_tokens=read, computed_tokens=read + drawn, sampled_tokens=drawn, forwards=len(messages))


def _told(message: AIMessage, name: str) -> int:
    """A number of tokens, 0 where the model does not tell."""
    usage: Mapping[str, Any] = message.usage_metadata or {}
    return int(usage.get(name) or 0)
