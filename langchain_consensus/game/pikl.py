"""`PiKL`: the published dynamics, update by update. A block of games goes in, the last iterate comes out."""

from dataclasses import dataclass

import numpy as np

from langchain_consensus.game.arrays import IntArray
from langchain_consensus.game.block import Block, BlockSolution, Snapshot
from langchain_consensus.game.dynamics import (
    Rates,
    Walk,
    anchors,
    check_count,
    check_positive,
    policies,
)
from langchain_consensus.game.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PiKL:
    """piKL as in arXiv:2310.09139, equations (1) and (2): simultaneous updates, last iterate.

    pi^(1) are the anchors. Update t = 1, 2, ... computes Q^(t), half the running average of the other player's
    pi^(1), ..., pi^(t), and from it pi^(t+1). `steps` counts the updates: the result is pi^(steps + 1), and the
    last update divides by 1/(eta * steps) + lambda. `steps=0` gives the anchors.

    Args:
        steps: the number of updates, 5000 in the paper.
        eta: the learning rate of both players, 0.1 in the paper; above 0.
        lambda_generator: weight of the generator's anchor, 0.1 in the paper; above 0.
        lambda_discriminator: weight of the discriminator's anchor, 0.1 in the paper; above 0.

    Raises:
        InvalidInputError: a field breaks its rule.
    """

    steps: int = 5000
    eta: float = 0.1
    lambda_generator: float = 0.1
    lambda_discriminator: float = 0.1

    def __post_init__(self) -> None:
        check_count(self, "steps", 0)
        check_positive(self, "eta", "lambda_generator", "lambda_discriminator")

    def solve_block(self, block: Block, *, max_steps: int | None, record: int) -> BlockSolution:
        """The policies after the last update, see `Solver`."""
        steps = self.steps if max_steps is None else min(self.steps, max_steps)
        weights = self.rates.weights
        snapshots = [Snapshot(time=1, policies=anchors(block))] if record else []
        walk = Walk.start(block)
        for stop in checkpoints(steps, record):
            for time in range(walk.time, stop + 1):
                walk.step(weights(time))
            if record:
                now = policies(block, walk.averages, weights(stop))
                snapshots.append(Snapshot(time=stop + 1, policies=now))
        games = len(block.sizes)
        return BlockSolution(
            policies=policies(block, walk.averages, weights(steps)) if steps else anchors(block),
            outcomes=(Outcome.FIXED_TIME if steps == self.steps else Outcome.STEPS_EXHAUSTED,) * games,
            steps=np.full(games, steps),
            snapshots=tuple(snapshots),
        )

    @property
    def rates(self) -> Rates:
        """The constants, as the dynamics takes them."""
        return Rates(
            eta=self.eta, lambda_generator=self.lambda_generator, lambda_discriminator=self.lambda_discriminator
        )


def checkpoints(steps: int, record: int) -> IntArray:
    """The updates after which to stop: the last one, and before it about as many as make `record` snapshots."""
    if not steps:
        return np.array([], dtype=np.int64)
    # From the end backwards in equal ratios; the first snapshot, before any update, is not counted here.
    return np.unique(np.geomspace(steps, 1, max(2, record))[: max(1, record - 1)].round().astype(np.int64))
