"""`Panel`: the discriminators of a batch of games and what each of them weighs. Knows nothing of solvers.

`B` games, `K` judges, `V` = 2 correctness values, `N` candidates. What the generator earns depends on the judges only
through their weighted mean, so that everything beyond a judge's own best response works on what `pooled` returns. The
derivation is in docs/design/judges.md.
"""

from dataclasses import dataclass

import numpy as np

from langchain_consensus.game.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The discriminators that judge together. A judge without weight plays no part."""

    log_anchors: FloatArray  # [B, K, V, N], log pi_k^(1); -inf beyond a game's size
    weights: FloatArray  # [B, K], at least 0, each row sums to one

    def __post_init__(self) -> None:
        for array in (self.log_anchors, self.weights):
            array.setflags(write=False)

    @classmethod
    def of_one(cls, log_anchor: FloatArray) -> "Panel":
        """The panel whose only judge has the anchor `[B, V, N]`."""
        return cls(log_anchors=log_anchor[:, None], weights=np.ones((len(log_anchor), 1)))

    @property
    def pooled_log_anchor(self) -> FloatArray:
        """The logarithm of the weighted mean of the anchors, `[B, V, N]`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(pooled(np.exp(self.log_anchors), self.weights)))


def pooled(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The weighted mean over the judges: `[B, K, V, N]` with `[B, K]` to `[B, V, N]`; of one judge, what it says.

    Judges are added in their order, so that judges without weight at the end change no bit of the sum.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    total = np.zeros_like(values[:, 0])
    for judge in range(values.shape[1]):
        total += weights[:, judge, None, None] * values[:, judge]
    return total
