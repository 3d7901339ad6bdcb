"""What each view says of a question's candidates, as features: log-scores go in, an `Evidence` comes out.

`V` = 2 (incorrect, correct), `N` candidates, `F` features. Logarithms are natural.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.verdicts import log_odds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["GENERATOR_SIDE", "Evidence", "Feature", "evidence_of"]

_FAR = 30.0
"""Nats that stand for infinitely many: a probability of zero is this far below the least that is above zero."""
_FURTHEST = 1000.0
"""Nats below the best score beyond which candidates are alike."""


class Feature(IntEnum):
    """A view; all but the verdict are the generator's side.

    The cross-normalised verdict is no feature of its own: its log-odds are the raw verdict's, shifted by the same
    amount for every candidate of a question, so both order the candidates alike.
    """

    SCORE = 0
    """log P(y | x, correct), as the wording normalises its length."""
    CONTRAST = 1
    """log P(y | x, correct) - log P(y | x, incorrect), normalised alike."""
    VOTES = 2
    """log of how often the answer was drawn; 0 for candidates that were given."""
    VERDICT = 3
    """Log-odds of the judge's raw verdict."""


GENERATOR_SIDE = (Feature.SCORE, Feature.CONTRAST, Feature.VOTES)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evidence:
    """A question's views.

    Attributes:
        features: `[F, N]` in the order of `Feature`; finite.
        mass: The judge's mean probability on its two verdict words, 0 to 1.
    """

    features: FloatArray
    mass: float

    @property
    def centred(self) -> FloatArray:
        """`[F, N]` features less their mean over the candidates: all that can order them."""
        return np.asarray(self.features - self.features.mean(axis=1, keepdims=True))

    @property
    def size(self) -> int:
        """`N`."""
        return int(self.features.shape[1])


def evidence_of(*, generator: FloatArray, verdict_logprobs: FloatArray, draws: FloatArray) -> Evidence:
    """The features of a question's candidates.

    Args:
        generator: `[V, N]` the generator's scores, normalised for length.
        verdict_logprobs: `[V, N]` log-probabilities of the verdict words.
        draws: `[N]` how often each was drawn; all alike for candidates that were given.
    """
    features = np.zeros((len(Feature), generator.shape[1]))
    features[Feature.SCORE] = _finite(generator[1])
    features[Feature.CONTRAST] = _difference(generator)
    features[Feature.VOTES] = np.log(draws)
    features[Feature.VERDICT] = _difference(verdict_logprobs)
    return Evidence(features=features, mass=float(np.exp(verdict_logprobs).sum(axis=0).mean()))


def _difference(values: FloatArray) -> FloatArray:
    return np.asarray(np.clip(log_odds(values), -_FAR, _FAR))


def _finite(values: FloatArray) -> FloatArray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros_like(values)
    top = float(finite.max())
    near = np.maximum(values, top - _FURTHEST)
    return np.where(np.isfinite(values), near, max(float(finite.min()), top - _FURTHEST) - _FAR)
