"""Counts of draws -> log-probabilities and their standard errors. NumPy only; knows no model and no wording.

A model that can only be sampled tells a probability p by how often, c of n draws, an answer came. Two choices follow
from what is done with it next, which is to take the logarithm:

- **Smoothing.** With c + a in place of c, E[log(c + a)] = log(np) + (a - (1 - p) / 2) / (np) + O(1 / (np)^2). For
  a = 1/2 the part that grows for rare answers is gone: what is left, 1 / (2n), is the same for all. So an answer's
  log-probability is log((c + 1/2) / (n + 1)), Jeffreys' estimate of it against everything else, with a bias of
  -1 / (2n) that cancels in the game, where the conditions have equally many draws.
- **Standard error.** By the delta method Var[log(c / n)] = (1 - p) / (np) to first order; with the smoothed p this is
  1 / (c + 1/2) - 1 / (n + 1). Of the log-odds of two counts it is 1 / (a + 1/2) + 1 / (b + 1/2).

An answer that was never drawn has log(1/2 / (n + 1)): it may be far rarer, so the estimate errs towards "as likely as
half a draw". This shrinks contrasts and never makes one up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

__all__ = ["Counts", "log_frequency", "log_frequency_error"]

_HALF = 0.5


def log_frequency(count: IntArray, draws: IntArray) -> FloatArray:
    """The smoothed log-probability of what came `count` times in `draws`."""
    return np.asarray(np.log((count + _HALF) / (draws + 1)))


def log_frequency_error(count: IntArray, draws: IntArray) -> FloatArray:
    """Its standard error, in nats."""
    return np.asarray(np.sqrt(1 / (count + _HALF) - 1 / (draws + 1)))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Counts:
    """What the views of `N` candidates were counted from; `V` = 2 as in `views`.

    Attributes:
        generator: `[V, N]` draws that were the candidate, under each condition.
        generator_draws: `[V]` all draws, those that were none of the candidates too.
        verdicts: `[V, N]` replies of the judge that were each verdict word; 0 where the judge told its probabilities.
        verdict_draws: `[N]` its replies; 0 where it told its probabilities.
        told: `[V, N]` log-probabilities of the verdict words as the judge told them, NaN where it was drawn from.
    """

    generator: IntArray
    generator_draws: IntArray
    verdicts: IntArray
    verdict_draws: IntArray
    told: FloatArray

    @property
    def generator_logprobs(self) -> FloatArray:
        """`[V, N]` log P(candidate given question, condition), smoothed."""
        return log_frequency(self.generator, self.generator_draws[:, None])

    @property
    def generator_errors(self) -> FloatArray:
        """`[V, N]` standard errors of `generator_logprobs`."""
        return log_frequency_error(self.generator, self.generator_draws[:, None])

    @property
    def is_told(self) -> NDArray[np.bool_]:
        """`[N]` whether the judge told its probabilities."""
        return np.asarray(self.verdict_draws == 0)

    @property
    def verdict_logprobs(self) -> FloatArray:
        """`[V, N]` log-probability of each verdict word: told, or counted and smoothed."""
        return np.where(self.is_told, self.told, log_frequency(self.verdicts, self.verdict_draws))

    @property
    def verdict_errors(self) -> FloatArray:
        """`[N]` standard errors of the verdicts' log-odds; 0 where the judge told its probabilities."""
        errors = np.sqrt((1 / (self.verdicts + _HALF)).sum(axis=-2))
        return np.asarray(np.where(self.is_told, 0.0, errors))

    @property
    def matched(self) -> FloatArray:
        """`[V]` which part of the draws were candidates."""
        return np.asarray(self.generator.sum(axis=-1) / self.generator_draws)

    def redrawn(self, dice: np.random.Generator, runs: int) -> Counts:
        """Counts as other runs might have found them: drawn from the smoothed probabilities of this one.

        "None of the candidates" counts half a draw more here too.

        Args:
            dice: What they are drawn with.
            runs: How many; `generator` and `verdicts`, and what follows from them, are `[runs, V, N]`.
        """
        views = [
            _redrawn(row, int(draws), dice, runs)
            for row, draws in zip(self.generator, self.generator_draws, strict=True)
        ]
        verdicts = [
            _redrawn(column, int(draws), dice, runs)
            for column, draws in zip(self.verdicts.T, self.verdict_draws, strict=True)
        ]
        return replace(self, generator=np.stack(views, axis=1), verdicts=np.stack(verdicts, axis=2))


def _redrawn(counts: IntArray, draws: int, dice: np.random.Generator, runs: int) -> IntArray:
    """`[runs, K]` counts of `draws` new draws; what is none of the K is the last class, and not returned."""
    every = np.append(counts, draws - counts.sum()) + _HALF
    return dice.multinomial(draws, every / every.sum(), size=runs)[:, :-1].astype(np.int64)
