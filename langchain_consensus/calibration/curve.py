"""From what is seen of an answer to the probability that it is right: signals and labels go in, a `Curve` comes out.

A signal is the answer's share by both players' beliefs together (the margin over all other candidates, as a
probability), and the log-odds of the judge's raw verdict on it, which alone says something where no other answer is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    _Fit = Callable[[FloatArray, FloatArray, NDArray[np.bool_]], "BetaCurve | IsotonicCurve"]

__all__ = ["BetaCurve", "Curve", "IsotonicCurve", "fitted_curve"]

_EDGE = 0.001
_PENALTY = 1.0
_FOLDS = 5
_FEWEST_FOR_STEPS = 100


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BetaCurve(_Plain):
    """Beta calibration (Kull et al. 2017) with the verdict beside the share.

    The probability's log-odds are share * log s - rest * log(1 - s) + verdict * v + intercept, for the answer's share s
    (from 0.001 to 0.999) and its verdict's log-odds v (from -10 to 10).
    """

    kind: Literal["beta"] = "beta"
    share: float
    rest: float
    verdict: float
    intercept: float

    def probability(self, shares: FloatArray, verdicts: FloatArray) -> FloatArray:
        """`[N]` probabilities, 0 to 1."""
        weights = np.array([self.share, self.rest, self.verdict])
        return np.asarray(0.5 + 0.5 * np.tanh((_signals(shares, verdicts) @ weights + self.intercept) / 2))


class IsotonicCurve(_Plain):
    """A rising line through points, by isotonic regression on the share."""

    kind: Literal["isotonic"] = "isotonic"
    shares: tuple[float, ...]
    """Rising."""
    probabilities: tuple[float, ...]
    """Not falling."""

    def probability(self, shares: FloatArray, verdicts: FloatArray) -> FloatArray:
        """`[N]` probabilities, 0 to 1; the verdicts are not used."""
        del verdicts
        return np.asarray(np.interp(shares, self.shares, self.probabilities))


Curve = Annotated[BetaCurve | IsotonicCurve, Field(discriminator="kind")]


def fitted_curve(shares: FloatArray, verdicts: FloatArray, right: NDArray[np.bool_]) -> BetaCurve | IsotonicCurve:
    """The curve whose Brier score over five folds is better; the beta curve where labels are fewer than 100.

    Args:
        shares: `[n]` of the answers, from weights that were fitted without them.
        verdicts: `[n]` log-odds of the raw verdicts on them.
        right: `[n]`, with both values.
    """
    beta = _beta(shares, verdicts, right)
    if len(right) < _FEWEST_FOR_STEPS:
        return beta
    losses: dict[_Fit, float] = {_beta: 0.0, _isotonic: 0.0}
    places = np.arange(len(right)) % _FOLDS
    for fold in range(_FOLDS):
        rest, held = places != fold, places == fold
        if right[rest].all() or not right[rest].any():
            return beta
        for fit in losses:
            found = fit(shares[rest], verdicts[rest], right[rest]).probability(shares[held], verdicts[held])
            losses[fit] += float(((found - right[held]) ** 2).sum())
    return beta if losses[_beta] <= losses[_isotonic] else _isotonic(shares, verdicts, right)


def _signals(shares: FloatArray, verdicts: FloatArray) -> FloatArray:
    inside = np.clip(shares, _EDGE, 1 - _EDGE)
    return np.stack([np.log(inside), -np.log1p(-inside), np.clip(verdicts, -10, 10)], axis=-1)


def _beta(shares: FloatArray, verdicts: FloatArray, right: NDArray[np.bool_]) -> BetaCurve:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_PENALTY, max_iter=1000).fit(_signals(shares, verdicts), right)
    share, rest, verdict = map(float, model.coef_[0])
    return BetaCurve(share=share, rest=rest, verdict=verdict, intercept=float(model.intercept_[0]))


def _isotonic(shares: FloatArray, verdicts: FloatArray, right: NDArray[np.bool_]) -> IsotonicCurve:
    from sklearn.isotonic import IsotonicRegression

    del verdicts
    model = IsotonicRegression(out_of_bounds="clip", y_min=0, y_max=1).fit(shares, right)
    return IsotonicCurve(
        shares=tuple(map(float, model.X_thresholds_)), probabilities=tuple(map(float, model.y_thresholds_))
    )
