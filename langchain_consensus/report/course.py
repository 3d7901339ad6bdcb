"""The course of a game: a ranking goes in, both policies from the anchors to the solution come out.

`K` snapshots, about evenly spread in the logarithm of time; `N` candidates in the order of the ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.game import Correctness, solve
from langchain_consensus.ranking import agreement_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.game import Solution, Solver
    from langchain_consensus.ranking import Ranking

    FloatArray = NDArray[np.float64]

__all__ = ["Course", "course_of", "favourites", "played"]

SNAPSHOTS = 28
_TIE = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Course:
    """How the policies moved, for the correct condition.

    Attributes:
        times: `[K]` t of pi^(t), 1 for the anchors; infinite for an equilibrium.
        generator: `[K, N]` pi_G^(t)(y | x, correct), each row a distribution.
        judge: `[K, N]` pi_D^(t)(correct | x, y).
    """

    times: FloatArray
    generator: FloatArray
    judge: FloatArray

    def __len__(self) -> int:
        return len(self.times)

    def agreement(self, step: int) -> float:
        """How much of their probability the views share at a snapshot, as `Ranking.agreement` says of the first."""
        return agreement_of(self.generator[step], self.judge[step])


def favourites(policy: FloatArray) -> frozenset[int]:
    """The candidates with the largest of `[N]` probabilities: one, or those that tie for it."""
    return frozenset(np.flatnonzero(policy >= policy.max() - _TIE).tolist())


def played(ranking: Ranking, solver: Solver) -> Solution:
    """The ranking's game solved by `solver`, with its path recorded; its candidates stand as in the game."""
    return solve(ranking.solution.game, solver, throw=False, record=SNAPSHOTS)


def course_of(ranking: Ranking, solution: Solution | None = None) -> Course:
    """The course of a solution that `played` gave; by default of the ranking's own, which ends with its scores."""
    solution = solution or played(ranking, ranking.solution.solver)
    order = _order(ranking)
    path, game = solution.trajectory, solution.game
    if path is None:  # a solver of the user's that keeps none: where it began and where it ended
        times = np.array([1.0, float(solution.steps) + 1])
        generator = np.stack([game.generator_anchor, solution.generator_policy])
        judge = np.stack([game.discriminator_anchor, solution.discriminator_policy])
    else:
        times, generator, judge = path.times, path.generator_policy, path.discriminator_policy
    return Course(
        times=np.asarray(times, dtype=np.float64),
        generator=generator[:, Correctness.CORRECT][:, order],
        judge=judge[:, Correctness.CORRECT][:, order],
    )


def _order(ranking: Ranking) -> list[int]:
    """Where each ranked candidate stands in the game."""
    positions = sorted(candidate.position for candidate in ranking.candidates)
    place = {position: index for index, position in enumerate(positions)}
    return [place[candidate.position] for candidate in ranking.candidates]
