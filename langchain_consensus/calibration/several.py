"""Games of several judges: views with every judge's verdicts go in, each question's solved game comes out.

By the paper's anchors every judge has its own cross-normalised verdicts. By informed ones every judge is weighed as if
it were alone with the generator; then the generator's belief is the weighted mean of what it is beside each of them, in
log-odds, and each judge keeps its own. Judges that say the same are so one judge, in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.evidence import evidence_of
from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.play import tied
from langchain_consensus.calibration.weights import Beliefs
from langchain_consensus.game import ConsensusGame, solve, with_judges
from langchain_consensus.views import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.calibration.anchors import AnchorChoice
    from langchain_consensus.calibration.evidence import Evidence
    from langchain_consensus.candidates import Candidates
    from langchain_consensus.game import Solution, Solver
    from langchain_consensus.views import Views

__all__ = ["evidence_with", "solved_by_several"]


def solved_by_several(
    batch: Sequence[Candidates], views: Sequence[Views], *, solver: Solver, anchors: AnchorChoice
) -> list[Solution]:
    """The solved games of a batch of at least one question, all with the same judges.

    Args:
        batch: The candidates of each question.
        views: Their views, with `judges`.
        solver: How games are solved; of informed anchors with lambdas of their own.
        anchors: What they start from.
    """
    return _published(views, solver) if anchors == "paper" else _informed(batch, views, solver)


def _published(views: Sequence[Views], solver: Solver) -> list[Solution]:
    generator = [view.generator for view in views]
    games = [
        ConsensusGame.from_log_scores(
            generator=generator, discriminator=[normalised(view.judges[place].logprobs) for view in views]
        )
        for place in range(len(views[0].judges))
    ]
    solution = solve(with_judges(games, [[one.weight for one in view.judges] for view in views]), solver)
    return [solution[place] for place in range(len(views))]


def _informed(batch: Sequence[Candidates], views: Sequence[Views], solver: Solver) -> list[Solution]:
    evidence = [evidence_with(batch, views, place) for place in range(len(views[0].judges))]
    weights = [InformedAnchors().weights(each) for each in evidence]
    beliefs = [[one.beliefs(item) for item in each] for one, each in zip(weights, evidence, strict=True)]
    solutions = []
    for place, view in enumerate(views):
        shares = [one.weight for one in view.judges]
        generator = sum(
            (share * each[place].generator for share, each in zip(shares, beliefs, strict=True)),
            np.zeros(view.generator.shape[1]),
        )
        games = [Beliefs(generator=generator, discriminator=each[place].discriminator).game() for each in beliefs]
        # The ties of informed weights do not depend on the judge.
        lambdas = weights[0].lambdas(view.generator.shape[1])
        solutions.append(solve(with_judges(games, shares), tied(solver, *lambdas)))
    return solutions


def evidence_with(batch: Sequence[Candidates], views: Sequence[Views], place: int) -> list[Evidence]:
    """The views of every question as they are with the judge at `place` alone."""
    return [
        evidence_of(
            generator=view.generator,
            verdict_logprobs=view.judges[place].logprobs,
            # Rivals have no draws; they count as given ones do.
            draws=np.array([float(item.draws or 1) if one.sampled else 1.0 for item in one.items]),
        )
        for one, view in zip(batch, views, strict=True)
    ]
