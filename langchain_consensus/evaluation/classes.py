"""Stored candidates -> answers: strings of one key become one answer, as in `views`, under any length normalisation.

`V` = 2 (incorrect, correct), `K` answers, `M` distinct strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from langchain_consensus.game import Correctness
from langchain_consensus.verdicts import log_odds, normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.evaluation.stored import StoredCandidate, StoredItem

    FloatArray = NDArray[np.float64]

__all__ = ["LENGTHS", "Answers", "Length", "answers_of"]

Length = Literal["sum", "mean", "per_character"]
LENGTHS: tuple[Length, ...] = ("sum", "mean", "per_character")
"""Over what a candidate's log-probability is averaged: nothing, its tokens, or its characters."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answers:
    """The distinct answers to one item.

    Attributes:
        generator: `[V, K]` the generator's scores.
        words: `[V, K]` log-probabilities of the verdict words.
        draws: `[K]` how often each was drawn.
        position: `[K]` index of its first occurrence.
        right: `[K]` whether it is right, under the metric asked for.
        owner: `[M]` which answer each string belongs to.
        string_draws: `[M]` how often each string was drawn.
        string_verdict: `[M]` the judge's raw P(correct) of each string.
        string_right: `[M]` whether each string is right.
    """

    generator: FloatArray
    words: FloatArray
    draws: FloatArray
    position: NDArray[np.int64]
    right: NDArray[np.bool_]
    owner: NDArray[np.int64]
    string_draws: FloatArray
    string_verdict: FloatArray
    string_right: NDArray[np.bool_]

    @property
    def discriminator(self) -> FloatArray:
        """`[V, K]` log P(v given item, answer): the two words' probabilities, normalised; -inf where both are."""
        return normalised(self.words)

    @property
    def verdict(self) -> FloatArray:
        """`[K]` the judge's raw P(correct)."""
        return _probability(self.words)


def answers_of(item: StoredItem, *, length: Length, metric: str) -> Answers:
    """The answers to an item.

    Strings that answer nothing (an empty key) are left out, unless there is nothing else. The generator's score of an
    answer is the log-sum-exp over its strings, or its best string's where scores are averaged; its verdict is its
    strings' average, weighted by their generator probability.

    Args:
        item: An item with at least one candidate.
        length: How log-probabilities are normalised.
        metric: What `right` means.
    """
    strings = [one for one in item.candidates if one.key] or list(item.candidates)
    keys = list(dict.fromkeys(one.key for one in strings))
    owner = np.array([keys.index(one.key) for one in strings])
    logprobs = np.array([[one.generator.incorrect for one in strings], [one.generator.correct for one in strings]])
    words = np.array([[one.discriminator.incorrect for one in strings], [one.discriminator.correct for one in strings]])
    sizes = _sizes(strings, length)
    merged = [_merged(logprobs[:, mine], words[:, mine], sizes[mine], length) for mine in _members(owner, len(keys))]
    groups = [[one for one in strings if one.key == key] for key in keys]
    return Answers(
        generator=np.stack([one[0] for one in merged], axis=1),
        words=np.stack([one[1] for one in merged], axis=1),
        draws=np.array([float(sum(one.count for one in group)) for group in groups]),
        position=np.array([group[0].position for group in groups]),
        right=np.array([max(group, key=lambda one: one.count).right[metric] for group in groups]),
        owner=owner,
        string_draws=np.array([float(one.count) for one in strings]),
        string_verdict=_probability(words),
        string_right=np.array([one.right[metric] for one in strings]),
    )


def _members(owner: NDArray[np.int64], count: int) -> list[NDArray[np.int64]]:
    return [cast("NDArray[np.int64]", np.flatnonzero(owner == place)) for place in range(count)]


def _sizes(strings: Sequence[StoredCandidate], length: Length) -> FloatArray:
    if length == "mean":
        return np.array([float(one.generator.tokens) for one in strings])
    if length == "per_character":
        return np.array([float(one.characters) for one in strings])
    return np.ones(len(strings))


def _merged(
    logprobs: FloatArray, words: FloatArray, sizes: FloatArray, length: Length
) -> tuple[FloatArray, FloatArray]:
    correct = logprobs[Correctness.CORRECT]
    if length == "sum":
        score = np.logaddexp.reduce(logprobs, axis=1)
    else:
        best = int(np.argmax(correct / sizes))
        score = logprobs[:, best] / sizes[best]
    weights = correct if np.isfinite(correct).any() else np.zeros_like(correct)
    weights = weights - np.logaddexp.reduce(weights)
    return score, np.logaddexp.reduce(words + weights, axis=1)


def _probability(words: FloatArray) -> FloatArray:
    """P(correct) by the two words alone, `[V, ...]` to `[...]`; 1/2 where neither has any probability."""
    return np.asarray(0.5 + 0.5 * np.tanh(log_odds(words) / 2))
