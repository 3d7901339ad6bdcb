"""How sure a comparison is: which items each method got right go in, accuracies and their differences come out.

`M` methods, `n` items. All intervals are 95%.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Accuracy", "Difference", "Gain", "Resampled", "gain_of"]

_RESAMPLES = 10_000
_TAILS = (0.025, 0.975)
_BATCH_BYTES = 2**25


@dataclass(frozen=True, kw_only=True, slots=True)
class Accuracy:
    """A share of items that are right, with Wilson's interval."""

    right: int
    of: int
    value: float
    low: float
    high: float

    @classmethod
    def counted(cls, right: NDArray[np.bool_]) -> Accuracy:
        """The accuracy over `[n]` items, `n` from 1."""
        from scipy.stats import binomtest

        count = int(right.sum())
        interval = binomtest(count, len(right)).proportion_ci(0.95, method="wilson")
        return cls(
            right=count, of=len(right), value=count / len(right), low=float(interval.low), high=float(interval.high)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A method's accuracy minus another's, on the same items.

    Attributes:
        value: The difference, -1 to 1.
        low: The lower end of the paired percentile bootstrap interval.
        high: Its upper end.
        wins: Items that only the method got right.
        losses: Items that only the other got right.
        p_value: McNemar's exact test: how likely as uneven a split of wins and losses is by chance; 1 without either.
    """

    value: float
    low: float
    high: float
    wins: int
    losses: int
    p_value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """A difference of means over the same items, whose values need not be right or wrong.

    Attributes:
        value: The difference.
        low: The lower end of the paired percentile bootstrap interval.
        high: Its upper end.
    """

    value: float
    low: float
    high: float


class Resampled:
    """The bootstrap of several methods at once: every resample draws the same items for each of them."""

    def __init__(self, right: Mapping[str, NDArray[Any]], *, seed: int = 0) -> None:
        """Draws the resamples of `[n]` items for each method, whatever it is called.

        Args:
            right: For each method `[n]` whether it was right, or for `gain` any number an item.
            seed: Of the resamples.
        """
        from scipy.stats import bootstrap

        self._right = right
        self._rows = {method: place for place, method in enumerate(right)}
        table = np.stack([row.astype(np.float64) for row in right.values()])  # [M, n]
        if table.shape[1] < 2:
            self._means = np.repeat(table.mean(axis=1, keepdims=True), _RESAMPLES, axis=1)
            return
        found = bootstrap(
            (table,),
            np.mean,
            axis=-1,
            n_resamples=_RESAMPLES,
            method="percentile",
            batch=max(_BATCH_BYTES // table.nbytes, 1),
            rng=np.random.default_rng(seed),
        )
        self._means = np.asarray(found.bootstrap_distribution)  # [M, resamples]

    def difference(self, method: str, other: str) -> Difference:
        """`method` minus `other`."""
        from scipy.stats import binomtest

        mine, others = self._right[method], self._right[other]
        gain = self.gain(method, other)
        wins, losses = int((mine & ~others).sum()), int((others & ~mine).sum())
        return Difference(
            value=(wins - losses) / len(mine),
            low=gain.low,
            high=gain.high,
            wins=wins,
            losses=losses,
            p_value=float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0,
        )

    def gain(self, method: str, other: str) -> Gain:
        """The mean of `method` minus that of `other`."""
        value = float(self._right[method].mean() - self._right[other].mean())
        return gain_of(value, self.means(method) - self.means(other))

    def means(self, method: str) -> NDArray[np.float64]:
        """The mean of `method` in every resample, the same items in all methods' at one place."""
        return np.asarray(self._means[self._rows[method]])


def gain_of(value: float, resampled: NDArray[np.float64]) -> Gain:
    """A difference with the interval that its value in every resample shows."""
    low, high = np.quantile(resampled, _TAILS)
    return Gain(value=value, low=float(low), high=float(high))
