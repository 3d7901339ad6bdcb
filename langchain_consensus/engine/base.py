"""What an engine is: prompts in, samples and log-probabilities out, as plain NumPy and text.

An engine renders and tokenises; it knows nothing of views, candidates or the game. Everything above it works on the
two methods of `Engine` alone, so a local model, a server and the shipped fake are interchangeable.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from langchain_consensus.engine.grammar import JsonForm
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.prompts import Prompt

__all__ = [
    "ContinuationScores",
    "Engine",
    "Sample",
    "SampleResult",
    "SamplingSettings",
    "ScoreRequest",
    "ScoreResult",
    "Usage",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingSettings:
    """How candidates are drawn; the defaults are the paper's (nucleus 0.9, top-k 50, temperature 1).

    Attributes:
        n: Samples for each prompt.
        first: Number of the first of them in the seed's sequence: a prompt's samples 0 to 7 are the same whether they
            are drawn at once or as `n=4` and then as `n=4, first=4`. A server's seed has no such sequence: there, other
            numbers only mean other samples.
        max_new_tokens: Longest sample, in tokens.
        temperature: Divides the logits; 0 is greedy.
        top_p: Nucleus: the smallest set of tokens with at least this probability; 1 keeps all.
        top_k: Only the k most probable tokens; 0 keeps all.
        min_p: Drops tokens below this fraction of the most probable one; 0 keeps all.
        stop: Strings that end a sample; they are not part of its text.
        seed: Same seed and same prompt, same samples, whatever else is in the batch.
        grammar: The forms that a sample may have; none allow any text. A sample that reaches the end of one ends
            there. One that is cut before (`finish` is not `end`) is half a form, and says so.
    """

    n: int = 8
    first: int = 0
    max_new_tokens: int = 64
    temperature: float = 1.0
    top_p: float = 0.9
    top_k: int = 50
    min_p: float = 0.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    grammar: tuple[JsonForm, ...] = ()

    def __post_init__(self) -> None:
        rules: tuple[tuple[str, bool, str], ...] = (
            ("n", _is_int(self.n) and self.n >= 1, "a whole number of at least 1"),
            ("first", _is_int(self.first) and self.first >= 0, "a whole number of at least 0"),
            (
                "max_new_tokens",
                _is_int(self.max_new_tokens) and self.max_new_tokens >= 1,
                "a whole number of at least 1",
            ),
            ("temperature", _is_number(self.temperature) and self.temperature >= 0, "a finite number of at least 0"),
            ("top_p", _is_number(self.top_p) and 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", _is_int(self.top_k) and self.top_k >= 0, "a whole number of at least 0 (0 keeps all tokens)"),
            ("min_p", _is_number(self.min_p) and 0 <= self.min_p <= 1, "from 0 to 1"),
            ("seed", _is_int(self.seed) and self.seed >= 0, "a whole number of at least 0"),
            ("stop", _are_texts(self.stop), "a tuple of strings, none of them empty"),
            ("grammar", _are_forms(self.grammar), "a tuple of `JsonForm`s"),
        )
        for name, holds, rule in rules:
            if not holds:
                msg = f"`{name}` is {getattr(self, name)!r}; it must be {rule}."
                raise InvalidInputError(msg)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One sampled answer.

    Attributes:
        text: The text without the stop string or the end token, not stripped.
        tokens: Tokens sampled, the end token included.
        logprob: Sum of the untruncated log-probabilities (temperature 1, no top-p, top-k or grammar) of `text`'s
            tokens.
        end_logprob: Log-probability of the end token after them, or `None` if the sample did not end by itself.
        finish: `end` (the model ended), `stop` (a stop string), `length` (`max_new_tokens`).
        canonical: Whether `text`'s tokens are those that tokenising prompt and text gives, so that `logprob` is what
            scoring `text` would return.
    """

    text: str
    tokens: int
    logprob: float
    end_logprob: float | None
    finish: Literal["end", "stop", "length"]
    canonical: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRequest:
    """Continuations of one prompt whose log-probabilities are wanted.

    Attributes:
        prompt: What stands before them.
        continuations: At least one text; none empty.
        end_token: Whether the model's end token is scored after each.
    """

    prompt: Prompt
    continuations: tuple[str, ...]
    end_token: bool = False

    def __post_init__(self) -> None:
        if not self.continuations or not _are_texts(self.continuations):
            msg = f"`continuations` is {self.continuations!r}; it must hold at least one text and no empty one."
            raise InvalidInputError(msg)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContinuationScores:
    """The scores of one request, in its order.

    Attributes:
        logprobs: `[C]` float64, log P(continuation given prompt), summed over tokens, in nats.
        tokens: `[C]` int, how many tokens each sum is over (the end token included where it was asked for).
    """

    logprobs: NDArray[np.float64]
    tokens: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a call cost; usages add up with `+`.

    Attributes:
        input_tokens: Tokens of all the strings that were asked about, each string in full.
        computed_tokens: Tokens that went through the network: shared prefixes count once.
        sampled_tokens: Tokens drawn, end tokens included.
        head_rows: Positions at which the vocabulary projection ran.
        forwards: Passes through the network.
    """

    input_tokens: int = 0
    computed_tokens: int = 0
    sampled_tokens: int = 0
    head_rows: int = 0
    forwards: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Usage)})

    def split(self, parts: int) -> tuple[Usage, ...]:
        """This usage shared out as evenly as whole numbers allow; the parts add up to it again."""
        return self.shared([1] * parts)

    def shared(self, weights: Sequence[int]) -> tuple[Usage, ...]:
        """This usage shared out in proportion to `weights`, whole numbers of at least 1; the parts add up to it."""
        names, ends = [f.name for f in fields(Usage)], [0, *accumulate(weights)]
        return tuple(
            Usage(**{n: getattr(self, n) * end // ends[-1] - getattr(self, n) * start // ends[-1] for n in names})
            for start, end in pairwise(ends)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleResult:
    """`samples[i]` are the `n` samples of prompt `i`, in the order of their forks."""

    samples: tuple[tuple[Sample, ...], ...]
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreResult:
    """`scores[i]` belongs to request `i`."""

    scores: tuple[ContinuationScores, ...]
    usage: Usage = field(default_factory=Usage)


class Engine(Protocol):
    """A language model that can be sampled from and asked for exact log-probabilities."""

    @property
    def name(self) -> str:
        """The model's name, as results and traces show it."""
        ...

    @property
    def is_chat(self) -> bool:
        """Whether the model has a chat template."""
        ...

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` samples of each prompt."""
        ...

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """Exact log-probabilities of every continuation of every request."""
        ...

    def token_ids(self, text: str) -> list[int]:
        """The ids of `text` alone, no special tokens added."""
        ...


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple | list) and all(isinstance(text, str) and text for text in value)


def _are_forms(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(form, JsonForm) for form in value)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
