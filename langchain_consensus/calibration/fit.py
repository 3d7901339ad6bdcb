"""`calibrated`: labelled questions go in, a `Profile` comes out.

Weights by conditional logit, shrunk to what the views show without labels; how strongly, by cross-validation. Ties of
the players by cross-validated accuracy, neutral unless another is clearly better. The curve on answers of weights that
were fitted without their question. Half of the questions are kept apart for promises.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.curve import fitted_curve
from langchain_consensus.calibration.evidence import Feature
from langchain_consensus.calibration.guarantee import threshold_sequence
from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.logit import fitted_weights, log_likelihood
from langchain_consensus.calibration.play import played
from langchain_consensus.calibration.profile import Kept, PerView, Profile
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import LogTimeFlow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.calibration.curve import BetaCurve, IsotonicCurve
    from langchain_consensus.calibration.evidence import Evidence
    from langchain_consensus.calibration.logit import Labelled
    from langchain_consensus.calibration.play import Played
    from langchain_consensus.calibration.weights import Weights

    FloatArray = NDArray[np.float64]

__all__ = ["Fitted", "Fitting", "calibrated"]

_FOLDS = 5
_FEWEST = 20
_DEVIATIONS = (0.1, 0.3, 1.0, 3.0)
_TIES = ((1.0, 1.0), (1.0, 2.0), (1.0, 0.5), (2.0, 1.0), (2.0, 2.0), (4.0, 4.0))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fitted:
    """Weights and the curve of their answers."""

    weights: Weights
    curve: BetaCurve | IsotonicCurve

    def answers(self, evidence: Sequence[Evidence]) -> tuple[NDArray[np.int64], FloatArray]:
        """For each question the place of its answer by ER-D, `[n]`, and the probability that it is right, `[n]`."""
        games = played(evidence, self.weights, LogTimeFlow(), throw=False)
        places = np.array([_answer(one) for one in games])
        shares, verdicts = _signals(evidence, games, places)
        return places, self.curve.probability(shares, verdicts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitting:
    """How weights and curve are fitted; the terms can be switched off for ablations.

    Attributes:
        start: What the views show without labels, to which the weights are shrunk.
        labels: Whether the weights are fitted at all, or left as they are without labels.
        ties: Whether the ties of the players are fitted.
        seed: Of the folds.
    """

    start: InformedAnchors = field(default_factory=InformedAnchors)
    labels: bool = True
    ties: bool = True
    seed: int = 0

    def fitted(self, items: Sequence[Labelled]) -> Fitted:
        """The weights and the curve.

        Raises:
            InvalidInputError: If there are fewer than 20 questions, or all answers are right or all wrong.
        """
        _check(items)
        folds = np.random.default_rng(self.seed).permutation(len(items)) % _FOLDS
        start = self.start.weights([one.evidence for one in items])
        deviation = self._deviation(items, folds, start) if self.labels else None
        parts = [self._weights(_others(items, folds, fold), start, deviation) for fold in range(_FOLDS)]
        tie = self._tie(items, folds, parts) if self.ties else _TIES[0]
        parts = [_tied(part, tie) for part in parts]
        games, places = _out_of_fold(items, folds, parts)
        right = _right(items, places)
        if right.all() or not right.any():
            msg = f"Of the {len(items)} answers {'all' if right.all() else 'none'} are right; a profile needs both."
            raise InvalidInputError(msg)
        shares, verdicts = _signals([one.evidence for one in items], games, places)
        return Fitted(
            weights=_tied(self._weights(items, start, deviation), tie), curve=fitted_curve(shares, verdicts, right)
        )

    def _weights(self, items: Sequence[Labelled], start: Weights, deviation: float | None) -> Weights:
        if deviation is None:
            return start
        found = fitted_weights(items, start.scales, mean=start.weights, deviation=deviation)
        return replace(start, weights=found)

    def _deviation(self, items: Sequence[Labelled], folds: NDArray[np.int64], start: Weights) -> float:
        """The prior's deviation under which held-out right answers are most probable."""

        def value(deviation: float) -> float:
            return sum(
                log_likelihood(
                    _fold(items, folds, fold),
                    start.scales,
                    self._weights(_others(items, folds, fold), start, deviation).weights,
                )
                for fold in range(_FOLDS)
            )

        return max(_DEVIATIONS, key=value)

    def _tie(
        self, items: Sequence[Labelled], folds: NDArray[np.int64], parts: Sequence[Weights]
    ) -> tuple[float, float]:
        """The ties with the most held-out right answers; neutral unless they beat it by a standard error."""
        rights = {}
        for tie in _TIES:
            _, places = _out_of_fold(items, folds, [_tied(part, tie) for part in parts])
            rights[tie] = _right(items, places)
        best = max(_TIES, key=lambda tie: rights[tie].sum())
        gains = rights[best].astype(int) - rights[_TIES[0]]
        return best if gains.sum() > np.sqrt((gains**2).sum()) else _TIES[0]


def calibrated(
    items: Sequence[Labelled],
    *,
    model: str,
    wording: str,
    wording_digest: str,
    model_hash: str | None = None,
    tasks: Sequence[str] = (),
    kept_share: float = 0.5,
    fitting: Fitting | None = None,
) -> Profile:
    """The profile of labelled questions.

    Args:
        items: The questions, in any order; 50 to 200 are enough.
        model: Name of the model that the views are of.
        wording: Name of the wording.
        wording_digest: See `profile.wording_digest`.
        model_hash: Hash of the weights.
        tasks: Where the questions come from.
        kept_share: The share of questions, 0 to less than 1, on which nothing is fitted: promises are proved with
            them.
        fitting: How to fit, and the seed by which questions are shuffled.

    Raises:
        InvalidInputError: If there are too few questions to fit, or their answers are all right or all wrong.
    """
    if not 0 <= kept_share < 1:
        msg = f"`kept_share` is {kept_share!r}; it must be from 0 to less than 1."
        raise InvalidInputError(msg)
    fitting = fitting or Fitting()
    order = np.random.default_rng([fitting.seed, 1]).permutation(len(items))
    held = round(len(items) * kept_share)
    kept, used = [items[place] for place in order[:held]], [items[place] for place in order[held:]]
    found = fitting.fitted(used)
    return Profile(
        model=model,
        model_hash=model_hash,
        wording=wording,
        wording_digest=wording_digest,
        tasks=tuple(tasks),
        questions=len(used),
        scales=PerView.of(found.weights.scales),
        weights=PerView.of(found.weights.weights),
        tie_generator=found.weights.tie_generator,
        tie_discriminator=found.weights.tie_discriminator,
        curve=found.curve,
        kept=_kept(found, used, kept) if kept else None,
    )


def _kept(found: Fitted, used: Sequence[Labelled], kept: Sequence[Labelled]) -> Kept:
    _, seen = found.answers([one.evidence for one in used])
    thresholds = threshold_sequence(seen)
    places, confidence = found.answers([one.evidence for one in kept])
    return Kept(
        thresholds=thresholds,
        shares=tuple(float((seen >= value).mean()) for value in thresholds),
        confidence=tuple(map(float, confidence)),
        right=tuple(map(bool, _right(kept, places))),
    )


def _check(items: Sequence[Labelled]) -> None:
    if len(items) < _FEWEST:
        msg = (
            f"There are {len(items)} labelled questions to fit on; a profile needs at least {_FEWEST} of them, better "
            "100. Label more, or keep fewer apart."
        )
        raise InvalidInputError(msg)


def _fold(items: Sequence[Labelled], folds: NDArray[np.int64], fold: int) -> list[Labelled]:
    return [one for one, place in zip(items, folds, strict=True) if place == fold]


def _others(items: Sequence[Labelled], folds: NDArray[np.int64], fold: int) -> list[Labelled]:
    return [one for one, place in zip(items, folds, strict=True) if place != fold]


def _tied(weights: Weights, tie: tuple[float, float]) -> Weights:
    return replace(weights, tie_generator=tie[0], tie_discriminator=tie[1])


def _out_of_fold(
    items: Sequence[Labelled], folds: NDArray[np.int64], parts: Sequence[Weights]
) -> tuple[list[Played], NDArray[np.int64]]:
    """Every question played with the weights that were fitted without it, and the place of its answer."""
    found: dict[int, Played] = {}
    for fold, weights in enumerate(parts):
        mine = np.flatnonzero(folds == fold)
        games = played([items[int(place)].evidence for place in mine], weights, LogTimeFlow(), throw=False)
        found |= {int(place): game for place, game in zip(mine, games, strict=True)}
    ordered = [found[place] for place in range(len(items))]
    return ordered, np.array([_answer(one) for one in ordered])


def _answer(game: Played) -> int:
    """The place that ER-D chooses; ties go to the larger share."""
    policy = game.solution.discriminator_policy
    with np.errstate(divide="ignore"):
        odds = np.log(policy[1]) - np.log(policy[0])
    return int(np.lexsort((game.beliefs.shares, odds))[-1])


def _signals(
    evidence: Sequence[Evidence], games: Sequence[Played], places: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    shares = np.array([float(game.beliefs.shares[place]) for game, place in zip(games, places, strict=True)])
    verdicts = np.array([one.features[Feature.VERDICT, place] for one, place in zip(evidence, places, strict=True)])
    return shares, verdicts


def _right(items: Sequence[Labelled], places: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.array([bool(one.right[place]) for one, place in zip(items, places, strict=True)])
