"""Weights without labels: the evidence of a batch of questions goes in, `Weights` come out.

The derivation, and what was measured of each term, is in docs/design/0007-informed-anchors.md. In short: each view is
centred in each question and divided by its spread over the batch. The generator's views are joined in the proportion
in which they agree with the judge, who errs for other reasons; the two players then count alike, and as sharply as
they agree. A view that hardly moves, and a judge who does not answer, count less. Where the players do not agree, at
most one of them knows anything; then the generator's score is left, which asks no ability of a model but to write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.evidence import GENERATOR_SIDE, Feature
from langchain_consensus.calibration.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.calibration.evidence import Evidence

    FloatArray = NDArray[np.float64]

__all__ = ["InformedAnchors", "Moments", "moments"]

_LEAST_MASS = 0.5
_LEAST_SPREAD = 0.1
_PRIOR_SPREAD = 1.0
_PRIOR_SPREAD_COUNT = 4.0
_PRIOR_AGREEMENT = 0.2
_MOST_AGREEMENT = 0.8
_TINY = 1e-12
_PLACES = list(GENERATOR_SIDE)
_ALONE = np.array([1.0, 0.0, 1.0])
"""What the generator's views count where nothing speaks for the contrast: the score and the counts of answers."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moments:
    """What a batch shows of its views without labels.

    Attributes:
        freedom: Candidates less one, summed over the questions.
        spreads: `[F]` standard deviation of each view over the candidates of a question, pooled; in nats.
        correlations: `[F, F]` of the views over the candidates of a question, pooled; 0 for a view that never moves.
        mass: The judge's mean probability on its two words.
        size: Mean number of candidates.
    """

    freedom: float
    spreads: FloatArray
    correlations: FloatArray
    mass: float
    size: float


def moments(evidence: Sequence[Evidence]) -> Moments:
    """The moments of a batch of at least one question."""
    products = np.zeros((len(Feature), len(Feature)))
    freedom = 0.0
    for one in evidence:
        products += one.centred @ one.centred.T
        freedom += one.size - 1
    lengths = np.sqrt(np.diag(products))
    scale = np.where(lengths > 0, lengths, 1.0)
    return Moments(
        freedom=freedom,
        spreads=lengths / np.sqrt(max(freedom, 1.0)),
        correlations=products / np.outer(scale, scale),
        mass=float(np.mean([one.mass for one in evidence])),
        size=float(np.mean([one.size for one in evidence])),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class InformedAnchors:
    """The rule, each of its terms with a switch.

    Attributes:
        views: The views that are used at all.
        mass: Whether a judge who puts less than half of its probability on its words counts less.
        spread: Whether a view that moves by about 0.1 nats or less counts less.
        agreement: Whether the generator's views are weighed by how they agree with the judge; else alike.
        fall_back: Whether the judge and the contrast lose their weight as the agreement falls from 0.2 to nothing, so
            that the generator's score is left, with the counts of answers.
        sharpness: Whether beliefs are as sharp as the players agree; else as for a correlation of 0.2.
        prior_count: How many observations the assumption that all views are worth the same stands for.
    """

    views: tuple[Feature, ...] = tuple(Feature)
    mass: bool = True
    spread: bool = True
    agreement: bool = True
    fall_back: bool = True
    sharpness: bool = True
    prior_count: float = 100.0

    def weights(self, evidence: Sequence[Evidence]) -> Weights:
        """The weights for a batch; what a small batch shows is mixed with the assumption that all views are alike."""
        shown = moments(evidence)
        used = np.isin(np.arange(len(Feature)), self.views) & (shown.spreads > 0)
        speaks = self._speaks(shown) * used
        proportions = self._proportions(shown, speaks)
        agreed = self._agreement(shown, proportions)
        trust = self._trust(agreed)
        side = trust * _unit(shown, proportions) + (1 - trust) * _unit(shown, _ALONE * used[_PLACES])
        sharp = float(np.clip(agreed, _PRIOR_AGREEMENT, _MOST_AGREEMENT)) if self.sharpness else _PRIOR_AGREEMENT
        sharpness = np.sqrt(sharp) / (1 - sharp) * np.sqrt(shown.size)
        weights = np.zeros(len(Feature))
        weights[_PLACES] = sharpness * side
        weights[Feature.VERDICT] = sharpness * trust * speaks[Feature.VERDICT]
        if not weights.any():  # the judge alone is used
            weights[Feature.VERDICT] = sharpness * used[Feature.VERDICT]
        return Weights(scales=_shrunk_spreads(shown), weights=weights)

    def informativeness(self, evidence: Sequence[Evidence]) -> float:
        """How much a judge's verdicts say by what a batch shows of them, 0 to 1: what `weights` lets them count.

        1 for a judge who answers, tells the candidates apart, and agrees with the generator's views by a correlation of
        0.2 or more. Its sharpness is left out: it is for the players beside each other, and not for judges.
        """
        shown = moments(evidence)
        speaks = self._speaks(shown) * (shown.spreads > 0)
        return float(self._trust(self._agreement(shown, self._proportions(shown, speaks))) * speaks[Feature.VERDICT])

    def _trust(self, agreed: float) -> float:
        """0 to 1: what is left of the judge and the contrast where the agreement is below 0.2."""
        return min(max(agreed, 0.0) / _PRIOR_AGREEMENT, 1.0) if self.fall_back else 1.0

    def _speaks(self, shown: Moments) -> FloatArray:
        """`[F]` from 0 to 1: how far a view says anything at all."""
        speaks = np.ones(len(Feature))
        if self.spread:
            nats = [Feature.CONTRAST, Feature.VERDICT]  # the views whose unit is the log-odds of being correct
            speaks[nats] = shown.spreads[nats] ** 2 / (shown.spreads[nats] ** 2 + _LEAST_SPREAD**2)
        if self.mass:
            speaks[Feature.VERDICT] *= min(shown.mass / _LEAST_MASS, 1.0)
        return speaks

    def _proportions(self, shown: Moments, speaks: FloatArray) -> FloatArray:
        """`[F - 1]` what the generator's views count beside each other, at least 0."""
        alike = speaks[_PLACES]
        if not self.agreement or not speaks[Feature.VERDICT]:
            return alike
        among = shown.correlations[np.ix_(_PLACES, _PLACES)]
        with_judge = shown.correlations[_PLACES, Feature.VERDICT]
        # Regression of the verdict on the generator's views, shrunk to the best multiple of their plain sum.
        plain = max(float(alike @ with_judge), 0.0) / max(float(alike @ among @ alike), _TINY)
        count, prior = shown.freedom, self.prior_count
        ridge = count * among + prior * np.eye(len(_PLACES))
        found = np.linalg.solve(ridge, count * with_judge + prior * plain * alike)
        found = np.maximum(found, 0.0) * (alike > 0)
        return np.asarray(found if found.sum() > _TINY else alike)

    def _agreement(self, shown: Moments, proportions: FloatArray) -> float:
        """The correlation of the generator's views together with the verdict, mixed with 0.2."""
        if Feature.VERDICT not in self.views:
            return _PRIOR_AGREEMENT
        joint = _unit(shown, proportions)
        agreed = float(joint @ shown.correlations[_PLACES, Feature.VERDICT])
        count, prior = shown.freedom, self.prior_count
        return (count * agreed + prior * _PRIOR_AGREEMENT) / (count + prior)


def _unit(shown: Moments, proportions: FloatArray) -> FloatArray:
    """The proportions `[F - 1]`, scaled so that the generator's views together have the spread of a single one."""
    among = shown.correlations[np.ix_(_PLACES, _PLACES)]
    return np.asarray(proportions / np.sqrt(max(float(proportions @ among @ proportions), _TINY)))


def _shrunk_spreads(shown: Moments) -> FloatArray:
    """`[F]` spreads mixed with one nat, which counts as four observations: a single question has a scale too."""
    total = shown.freedom + _PRIOR_SPREAD_COUNT
    squares = shown.freedom * shown.spreads**2 + _PRIOR_SPREAD_COUNT * _PRIOR_SPREAD**2
    return np.asarray(np.sqrt(squares / total))
