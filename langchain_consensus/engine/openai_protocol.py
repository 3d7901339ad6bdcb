"""What is said to a server and what it answers, whatever its dialect: the seam between the engine and a server's API.

A dialect writes requests as plain JSON values and reads the answers. It knows token ids, and neither texts nor sockets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings

__all__ = [
    "AnswerError",
    "Dialect",
    "Drawn",
    "Exchange",
    "MissingLogprobsError",
    "NoNumberError",
    "OtherTokensError",
    "TruncatedPromptError",
    "check_count",
    "checked_values",
    "first_choice",
    "logprob_of",
    "openai_cost",
    "same_piece",
]

T = TypeVar("T")

_MARKS = " \n\t\u2581\u0120\u010a"
"""White space, and what tokenizers write for it."""
_FLOOR = -9999.0
"""What vLLM writes for minus infinity, which JSON has no number for."""


class AnswerError(EngineError):
    """The server answered, and not with what was asked for; another attempt may do better."""


class MissingLogprobsError(AnswerError):
    """There are no log-probabilities of the prompt in the answer."""


class NoNumberError(AnswerError):
    """Something else stands where a log-probability belongs."""


class TruncatedPromptError(AnswerError):
    """The answer is about fewer tokens than were sent."""


class OtherTokensError(AnswerError):
    """The answer is about other tokens than were sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange(Generic[T]):
    """One request and how its answer is read.

    Attributes:
        path: Below the base URL; with a leading `//` below the server's root.
        body: JSON values.
        read: What the answer says; it raises `AnswerError`.
        cost: Prompt tokens that the server says it computed (those from its cache left out); 0 if it says nothing.
    """

    path: str
    body: Mapping[str, Any]
    read: Callable[[Any], T]
    cost: Callable[[Any], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """One sample as a server returns it.

    Attributes:
        text: Without the stop string.
        pieces: The text of each token, in servers that name tokens by their text; else empty.
        ids: The tokens, the end token included, or `None` in servers that do not tell ids.
        logprobs: Of the tokens, as the server gives them.
        finish: As in `Sample`.
    """

    text: str
    pieces: tuple[str, ...] = ()
    ids: tuple[int, ...] | None
    logprobs: tuple[float, ...]
    finish: Literal["end", "stop", "length"]


class Dialect(Protocol):
    """How one kind of server is asked."""

    @property
    def name(self) -> str:
        """`vllm`, `sglang` or `echo`."""
        ...

    def score(self, ids: Sequence[int], start: int) -> Exchange[NDArray[np.float64]]:
        """Asks for the log-probabilities of `ids[start:]`, each given all tokens before it; `start` is at least 1."""
        ...

    def texts(self, ids: Sequence[int]) -> Exchange[tuple[str, ...]]:
        """Asks how the server writes each of `ids`; one text a token, the first may be empty if it is not told."""
        ...

    def next_tokens(self, ids: Sequence[int], wanted: Sequence[int]) -> Exchange[NDArray[np.float64]]:
        """Asks for the log-probability of each of `wanted` right after `ids`; NaN where the server does not say."""
        ...

    def draw(
        self, ids: Sequence[int], settings: SamplingSettings, *, seed: int, end_ids: Sequence[int], grammar: str = ""
    ) -> Exchange[tuple[Drawn, ...]]:
        """Asks for `settings.n` samples after `ids`.

        Args:
            ids: The prompt.
            settings: How samples are drawn.
            seed: Of the dice.
            end_ids: Tokens that end a sample.
            grammar: What a sample has to look like, in llguidance's Lark. It is no part of the request in dialects
                whose servers read no such grammar: the probe finds out, and the engine asks none of them to follow one.
        """
        ...


def first_choice(answer: Any) -> Mapping[str, Any]:
    """The first choice of a completion.

    Raises:
        AnswerError: If the answer is no completion.
    """
    try:
        choice = answer["choices"][0]
    except (TypeError, KeyError, IndexError):
        choice = None
    if not isinstance(choice, dict):
        msg = f"The server's answer holds no choice: {str(answer)[:200]!r}."
        raise AnswerError(msg)
    return choice


def openai_cost(answer: Any) -> int:
    """Prompt tokens less those that came from the server's cache, as a completion's `usage` has them."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(usage, dict):
        return 0
    details = usage.get("prompt_tokens_details") or {}
    return int(usage.get("prompt_tokens") or 0) - int(details.get("cached_tokens") or 0)


def logprob_of(value: object) -> float:
    """The number, with what stands for minus infinity as that."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"it returned {value!r} where a log-probability belongs"
        raise NoNumberError(msg)
    return -math.inf if value <= _FLOOR else float(value)


def check_count(told: int, *, sent: int) -> None:
    """Raises `TruncatedPromptError` if the answer is about fewer tokens than were sent, `OtherTokensError` if more."""
    if told < sent:
        msg = f"it answered for {told} of {sent} tokens"
        raise TruncatedPromptError(msg)
    if told > sent:
        msg = f"it answered for {told} tokens and was sent {sent}"
        raise OtherTokensError(msg)


def checked_values(values: Sequence[object], *, sent: int, start: int) -> NDArray[np.float64]:
    """`[sent - start]` log-probabilities from one value for each token that was sent; the first value is not read.

    Raises:
        AnswerError: If there are fewer or more values than tokens, or one is no number.
    """
    check_count(len(values), sent=sent)
    return np.array([logprob_of(value) for value in values[start:]], dtype=np.float64)


def same_piece(told: str, known: str) -> bool:
    """Whether two ways of writing one token agree: spaces and word markers aside, and as far as both are readable."""
    a, b = told.strip(_MARKS), known.strip(_MARKS)
    return not a or not b or "\ufffd" in a + b or a == b
