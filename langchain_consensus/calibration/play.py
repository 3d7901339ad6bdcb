"""Games of weighted views: evidence and weights go in, each question's solved game comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.game import ConsensusGame, Solution, solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.calibration.evidence import Evidence
    from langchain_consensus.calibration.weights import Beliefs, Weights
    from langchain_consensus.game import Solver

__all__ = ["Played", "played", "tied"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Played:
    """A question's beliefs and its solved game, a single one."""

    beliefs: Beliefs
    solution: Solution


def played(evidence: Sequence[Evidence], weights: Weights, solver: Solver, *, throw: bool = True) -> list[Played]:
    """The games of all questions, solved; those of equally many candidates in one call.

    Args:
        evidence: Of each question.
        weights: What the views count.
        solver: How games are solved; its lambdas are replaced by those of the weights.
        throw: As in `game.solve`.
    """
    beliefs = [weights.beliefs(one) for one in evidence]
    found: dict[int, Played] = {}
    for size in sorted({one.size for one in evidence}):
        places = [place for place, one in enumerate(evidence) if one.size == size]
        games = [beliefs[place].game() for place in places]
        batch = ConsensusGame(
            generator_log_anchor=np.concatenate([game.generator_log_anchor for game in games]),
            discriminator_log_anchor=np.concatenate([game.discriminator_log_anchor for game in games]),
            sizes=np.concatenate([game.sizes for game in games]),
            batched=True,
        )
        solution = solve(batch, tied(solver, *weights.lambdas(size)), throw=throw)
        found |= {
            place: Played(beliefs=beliefs[place], solution=solution[number]) for number, place in enumerate(places)
        }
    return [found[place] for place in range(len(evidence))]


def tied(solver: Solver, generator: float, discriminator: float) -> Solver:
    """The solver with other lambdas; every solver is a dataclass with these two fields."""
    tied: Solver = replace(solver, lambda_generator=generator, lambda_discriminator=discriminator)  # type: ignore[type-var]
    return tied
