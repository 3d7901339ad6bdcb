"""Orders in, nDCG@10 with paired intervals out, as a table in Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import ndcg_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.evaluation.reranking.methods import Scored

    FloatArray = NDArray[np.float64]

__all__ = ["Interval", "ndcg", "paired", "table"]

_RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean over searches with its 95% percentile bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Three decimals, the interval in brackets."""
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ndcg(searches: Sequence[Scored], orders: Sequence[Sequence[str]], *, k: int = 10) -> FloatArray:
    """`[searches]` nDCG@k; relevant documents that were not found count in the ideal order and stand last in this."""
    return np.array([_ndcg(one.relevant, order, k) for one, order in zip(searches, orders, strict=True)])


def _ndcg(relevant: frozenset[str], order: Sequence[str], k: int) -> float:
    # Nobody's documents stand between the found ones and those that were not found, which so never are within k.
    gains = [name in relevant for name in order] + [False] * k + [True] * len(relevant - set(order))
    return float(ndcg_score([gains], [[-place for place in range(len(gains))]], k=k))


def paired(values: FloatArray, *, seed: int = 0) -> Interval:
    """The mean of `values` `[searches]` (one method's, or the difference of two) and its interval."""
    mean = float(values.mean())
    if len(values) < 2 or np.ptp(values) == 0:
        return Interval(mean=mean, low=mean, high=mean)
    found = bootstrap((values,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(seed))
    low, high = found.confidence_interval
    return Interval(mean=mean, low=float(low), high=float(high))


def table(values: Mapping[str, FloatArray], *, best: str) -> str:
    """Each method's nDCG@10, and the paired difference of `best` from it."""
    lines = [f"| method | nDCG@10 | {best}, minus it |", "|---|---|---|"]
    for name, one in values.items():
        against = "" if name == best else str(paired(values[best] - one))
        lines.append(f"| {name} | {paired(one)} | {against} |")
    return "\n".join(lines)
