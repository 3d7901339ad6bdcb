"""Step 3 with a choice of anchors: Views -> Solutions, by the paper's anchors, informed ones, or a profile's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from langchain_consensus.calibration.evidence import evidence_of
from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.play import played
from langchain_consensus.calibration.several import solved_by_several
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.calibration.profile import Profile
    from langchain_consensus.candidates import Candidates
    from langchain_consensus.game import Solution, Solver
    from langchain_consensus.views import Views

    FloatArray = NDArray[np.float64]

__all__ = ["ANCHORS", "AnchorChoice", "Solved", "anchors_named", "solved"]

AnchorChoice = Literal["paper", "informed"]
ANCHORS: tuple[AnchorChoice, ...] = ("paper", "informed")
"""`paper`: the cross-normalised views of the paper. `informed`: weighed by what the views of the batch show without
labels; see docs/design/0007-informed-anchors.md."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Solved:
    """A question's solved game, and by a profile the probability `[N]` of each candidate to be right."""

    solution: Solution
    calibrated: FloatArray | None = None


def anchors_named(name: str) -> AnchorChoice:
    """The choice called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists them.
    """
    for choice in ANCHORS:
        if name == choice:
            return choice
    msg = f"`anchors` is {name!r}; it must be one of {list(ANCHORS)}."
    raise InvalidInputError(msg)


def solved(
    batch: Sequence[Candidates],
    views: Sequence[Views],
    *,
    solver: Solver,
    anchors: AnchorChoice = "paper",
    profile: Profile | None = None,
) -> list[Solved]:
    """The games of a batch of at least one question.

    Args:
        batch: The candidates of each question.
        views: Their views.
        solver: How games are solved; of weighted views with lambdas of their own.
        anchors: What the anchors are made of where there is no profile. Informed ones depend on the whole batch.
        profile: What the views count, from labels.
    """
    if views[0].judges:
        return [Solved(solution=one) for one in solved_by_several(batch, views, solver=solver, anchors=anchors)]
    if profile is None and anchors == "paper":
        game = ConsensusGame.from_log_scores(
            generator=[view.generator for view in views], discriminator=[view.discriminator for view in views]
        )
        solution = solve(game, solver)
        return [Solved(solution=solution[place]) for place in range(len(batch))]
    evidence = [
        evidence_of(
            generator=view.generator,
            verdict_logprobs=view.verdict_logprobs,
            draws=np.array([float(item.draws) if one.sampled else 1.0 for item in one.items]),
        )
        for one, view in zip(batch, views, strict=True)
    ]
    weights = InformedAnchors().weights(evidence) if profile is None else profile.used_weights()
    games = played(evidence, weights, solver)
    return [
        Solved(
            solution=game.solution,
            calibrated=None if profile is None else profile.probability(game.beliefs, one),
        )
        for game, one in zip(games, evidence, strict=True)
    ]
