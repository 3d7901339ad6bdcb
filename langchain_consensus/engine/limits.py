"""How large a call may be: checked before any work on it starts, by an error that names the limit.

The numbers are for whoever answers strangers with an engine; none is set by default.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from langchain_consensus.errors import InvalidInputError, LimitExceededError

__all__ = ["Limits", "limits_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The largest call that an engine takes; `None` sets no limit.

    Attributes:
        prompt_tokens: Tokens of one prompt, with its context and the conversation before it.
        candidates: Answers to one question, drawn or given.
        candidate_tokens: Tokens of one answer: of a given one, or `max_new_tokens` of those to be drawn.
        documents: Documents of one search.
        call_tokens: Tokens of one call of the engine: of all strings to be scored, each in full, or of all prompts with
            all that may be drawn after them. A batch is one call.
    """

    prompt_tokens: int | None = None
    candidates: int | None = None
    candidate_tokens: int | None = None
    documents: int | None = None
    call_tokens: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                msg = f"`{field.name}` is {value!r}; it must be a whole number of at least 1, or `None`."
                raise InvalidInputError(msg)

    def check_candidates(self, count: int) -> None:
        """Checks how many answers one question has.

        Raises:
            LimitExceededError: If they are more than `candidates`.
        """
        self._check("candidates", count, "A question has {} candidates", "give fewer, or draw fewer")

    def check_documents(self, count: int) -> None:
        """Checks how many documents one search has.

        Raises:
            LimitExceededError: If they are more than `documents`.
        """
        self._check("documents", count, "A search has {} documents", "retrieve fewer")

    def check_string(self, prompt: int, answer: int) -> None:
        """Checks the tokens of a prompt and of what follows it.

        Raises:
            LimitExceededError: If they are more than `prompt_tokens` or `candidate_tokens`.
        """
        remedy = "shorten the question, its context, the conversation before it or the answer that it shows"
        self._check("prompt_tokens", prompt, "A prompt has {} tokens", remedy)
        self._check(
            "candidate_tokens",
            answer,
            "A candidate has {} tokens, or may have",
            "shorten it, or lower `max_new_tokens`",
        )

    def check_call(self, tokens: int) -> None:
        """Checks the tokens of a whole call.

        Raises:
            LimitExceededError: If they are more than `call_tokens`.
        """
        remedy = "send fewer questions, candidates or documents at once, or shorter ones"
        self._check("call_tokens", tokens, "The call has {} tokens", remedy)

    def _check(self, name: str, value: int, what: str, remedy: str) -> None:
        limit = getattr(self, name)
        if limit is not None and value > limit:
            msg = f"{what.format(value)}; the engine's limit `{name}` is {limit}. Nothing was computed: {remedy}."
            raise LimitExceededError(msg)


def limits_of(engine: Any) -> Limits:
    """The limits of an engine; none for an engine that knows none."""
    limits = getattr(engine, "limits", None)
    return limits if isinstance(limits, Limits) else Limits()
