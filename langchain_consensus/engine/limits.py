"""How large a call may be: checked before any work on it starts, by an error that names the limit.

The numbers are for whoever answers strangers with an engine; none is set by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import InvalidInputError, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.forest import TokenString

__all__ = ["Limits", "checked_limits", "limits_of"]


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

    def check_scoring(self, groups: Iterable[Iterable[TokenString]]) -> None:
        """Checks the strings of a call that scores.

        Raises:
            LimitExceededError: If there is one beyond `prompt_tokens` or `candidate_tokens`, or all are beyond
                `call_tokens`.
        """
        total = 0
        for string in (string for group in groups for string in group):
            self._check_lengths(len(string.prefix), len(string.continuation))
            total += len(string.prefix) + len(string.continuation)
        self._check_call(total)

    def check_sampling(self, prompts: Sequence[Sequence[int]], settings: SamplingSettings) -> None:
        """Checks the prompts of a call that draws, and how much is to be drawn after each.

        Raises:
            LimitExceededError: As `check_scoring`, and if `settings.n` is beyond `candidates`.
        """
        self.check_candidates(settings.n)
        for prompt in prompts:
            self._check_lengths(len(prompt), settings.max_new_tokens)
        self._check_call(sum(len(prompt) + settings.n * settings.max_new_tokens for prompt in prompts))

    def _check_lengths(self, prompt: int, answer: int) -> None:
        remedy = "shorten the question, its context, the conversation before it or the answer that it shows"
        self._check("prompt_tokens", prompt, "A prompt has {} tokens", remedy)
        what, remedy = "An answer after a prompt has {} tokens, or may have", "shorten it, or lower `max_new_tokens`"
        self._check("candidate_tokens", answer, what, remedy)

    def _check_call(self, tokens: int) -> None:
        remedy = "send fewer questions, candidates or documents at once, or shorter ones"
        self._check("call_tokens", tokens, "The call has {} tokens", remedy)

    def _check(self, name: str, value: int, what: str, remedy: str) -> None:
        limit = getattr(self, name)
        if limit is not None and value > limit:
            msg = f"{what.format(value)}; the engine's limit `{name}` is {limit}. Nothing was computed: {remedy}."
            raise LimitExceededError(msg)


def checked_limits(limits: object) -> Limits:
    """What the argument `limits` of an engine says; `None` is no limit, and a mapping has the fields of `Limits`.

    Raises:
        InvalidInputError: If it is anything else.
    """
    if limits is None or isinstance(limits, Limits):
        return limits or Limits()
    known = [field.name for field in fields(Limits)]
    if isinstance(limits, Mapping) and set(limits) <= set(known):
        return Limits(**limits)
    msg = (
        f"`limits` is {limits!r}; it must be a `Limits`, such as `Limits(candidates=16)`, a mapping with names among "
        f"{known}, or `None`."
    )
    raise InvalidInputError(msg)


def limits_of(engine: Any) -> Limits:
    """The limits of an engine; none for an engine that knows none."""
    limits = getattr(engine, "limits", None)
    return limits if isinstance(limits, Limits) else Limits()
