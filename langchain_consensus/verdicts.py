"""What judges say of candidates: log-probabilities of verdict words -> what they believe, each alone and all together.

`V` = 2 (incorrect, correct), `N` candidates. NumPy only; knows no model and no wording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["Verdicts", "log_odds", "mixed", "normalised"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Verdicts:
    """What one of several judges says of `N` candidates.

    Attributes:
        name: Its model and its wording.
        logprobs: `[V, N]` log-probability of each of its verdict words.
        weight: What it weighs beside the others, 0 to 1.
        informativeness: How informative its verdicts are by what the batch shows, 0 to 1; `None` if its weight was set.
    """

    name: str
    logprobs: FloatArray
    weight: float = 0.0
    informativeness: float | None = None


def normalised(verdict_logprobs: FloatArray) -> FloatArray:
    """Log P(v) from the log-probabilities `[..., V, N]` of the verdict words; both stay -inf where neither has any."""
    mass = np.logaddexp.reduce(verdict_logprobs, axis=-2, keepdims=True)
    return verdict_logprobs - np.where(mass > -np.inf, mass, 0.0)


def log_odds(values: FloatArray) -> FloatArray:
    """Correct minus incorrect of two rows of log-probabilities, `[V, ...]` to `[...]`; 0 where both are -inf."""
    incorrect, correct = values
    return np.asarray(np.subtract(correct, incorrect, out=np.zeros_like(correct), where=correct != incorrect))


def mixed(judges: Sequence[Verdicts]) -> FloatArray:
    """`[V, N]` log of the weighted mean of what several judges believe.

    A judge without any mass on its words holds both for equally likely.
    """
    believed = np.stack([normalised(one.logprobs) for one in judges])
    believed = np.where((believed == -np.inf).all(axis=1, keepdims=True), np.log(0.5), believed)
    weights = np.array([one.weight for one in judges])
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp.reduce(believed + np.log(weights)[:, None, None], axis=0))
