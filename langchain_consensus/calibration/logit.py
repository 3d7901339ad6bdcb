"""Conditional logit: labelled evidence goes in, the weights under which right answers are most probable come out.

P(the right answer is y) is proportional to exp(sum_f w_f z_f(y)), z the views of y, centred in its question and
divided by their spread (McFadden 1974). The prior of the weights is normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.calibration.evidence import Evidence

    FloatArray = NDArray[np.float64]

__all__ = ["Labelled", "fitted_weights", "log_likelihood"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Labelled:
    """A question's evidence and which of its `N` candidates are right, `[N]`; none may be, or several."""

    evidence: Evidence
    right: NDArray[np.bool_]

    @property
    def tells(self) -> bool:
        """Whether it tells right from wrong: some candidates are right and some are not."""
        return bool(0 < self.right.sum() < len(self.right))


def fitted_weights(items: Sequence[Labelled], scales: FloatArray, *, mean: FloatArray, deviation: float) -> FloatArray:
    """`[F]` the weights of greatest posterior density.

    Args:
        items: Those that tell nothing are passed over; where none is left, the prior's mean is returned.
        scales: `[F]` what the views are divided by.
        mean: `[F]` the prior's mean.
        deviation: Its standard deviation, the same for every weight.
    """
    from scipy.optimize import minimize

    telling = [one for one in items if one.tells]
    if not telling:
        return mean
    views, right = _table(telling, scales)

    def cost(weights: FloatArray) -> tuple[float, FloatArray]:
        value, slope = _log_likelihood(views, right, weights)
        off = (weights - mean) / deviation
        return 0.5 * float(off @ off) - value, off / deviation - slope

    found = minimize(cost, mean, jac=True, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float64)


def log_likelihood(items: Sequence[Labelled], scales: FloatArray, weights: FloatArray) -> float:
    """The log-probability that the weights give to the right answers of the items that tell."""
    telling = [one for one in items if one.tells]
    return _log_likelihood(*_table(telling, scales), weights)[0] if telling else 0.0


def _table(items: Sequence[Labelled], scales: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scaled views `[Q, N, F]`, and `[2, Q, N]`: 0 where a candidate exists, and where it is right, else -inf."""
    size = max(one.evidence.size for one in items)
    views = np.zeros((len(items), size, len(scales)))
    allowed = np.full((2, len(items), size), -np.inf)
    for number, one in enumerate(items):
        views[number, : one.evidence.size] = (one.evidence.centred / scales[:, None]).T
        allowed[0, number, : one.evidence.size] = 0.0
        allowed[1, number, : one.evidence.size][one.right] = 0.0
    return views, allowed


def _log_likelihood(views: FloatArray, allowed: FloatArray, weights: FloatArray) -> tuple[float, FloatArray]:
    """The value and its gradient: with several right answers, of their probability together."""
    exponents = views @ weights + allowed  # [2, Q, N]
    totals = np.logaddexp.reduce(exponents, axis=-1, keepdims=True)
    shares = np.exp(exponents - totals)
    value = float((totals[1] - totals[0]).sum())
    return value, np.asarray(np.einsum("qn,qnf->f", shares[1] - shares[0], views))
