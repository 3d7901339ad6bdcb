"""Step 4, for sampled views: rankings -> the same with the error of their leads.

Exact views have none. Sampled ones would have come out differently in another run: that run is imitated, its counts
drawn from the smoothed probabilities of this one (a parametric bootstrap), its game solved, its candidates scored. How
much the lead of the answer varies over many such runs is its standard error. The game is far from linear, so errors of
the views are not carried through it by derivatives.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from langchain_consensus.game import ConsensusGame, Correctness, LogTimeFlow, PiKL, solve
from langchain_consensus.ranking import Rule, scores_of
from langchain_consensus.views import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.counts import Counts
    from langchain_consensus.game import Solver
    from langchain_consensus.ranking import Ranking
    from langchain_consensus.views import Views

    FloatArray = NDArray[np.float64]

__all__ = ["with_lead_errors"]

RUNS: Final = 200
"""Imitated runs: the standard error is then itself known to about 5%."""
_SEED: Final = 0
"""Of the imitation: the same counts have the same error."""


def with_lead_errors(
    rankings: Sequence[Ranking], batch: Sequence[Candidates], views: Sequence[Views], solver: Solver
) -> list[Ranking]:
    """The rankings, those of sampled views with `margin_error` and a warning where the lead is within it.

    Args:
        rankings: One for each question.
        batch: The candidates that they rank.
        views: Their views.
        solver: What solved their games.
    """
    return [
        ranking if view.counts is None else _judged(ranking, candidates, view.counts, solver)
        for ranking, candidates, view in zip(rankings, batch, views, strict=True)
    ]


def _judged(ranking: Ranking, candidates: Candidates, counts: Counts, solver: Solver) -> Ranking:
    if len(candidates.items) == 1:
        return ranking
    answer = next(
        place for place, item in enumerate(candidates.items) if item.position == ranking.candidates[0].position
    )
    leads = _leads(candidates, counts, solver, rule=ranking.rule, answer=answer)
    known = replace(ranking, margin_error=float(leads.std(ddof=1)) if np.isfinite(leads).all() else inf)
    if known.is_certain:
        return known
    warning = (
        f"The lead over {ranking.candidates[1].text[:60]!r} is {ranking.margin:.3g}, with a standard error of "
        f"{known.margin_error:.2g} from sampling: it is not certain. Draw more, or leave the answer open."
    )
    return replace(known, warnings=(*known.warnings, warning))


def _leads(candidates: Candidates, counts: Counts, solver: Solver, *, rule: Rule, answer: int) -> FloatArray:
    """`[RUNS]` how far the answer's score is above the best other one; below 0 where it loses."""
    runs = counts.redrawn(np.random.default_rng(_SEED), RUNS)
    generator, discriminator = runs.generator_logprobs, normalised(runs.verdict_logprobs)
    game = ConsensusGame.from_log_scores(generator=generator, discriminator=discriminator)
    solution = solve(game, _quick(solver, rule), throw=False)
    # Votes are draws; those beyond the candidates' own are scaled away.
    share = sum(item.draws for item in candidates.items) / max(counts.generator[Correctness.CORRECT].sum(), 1)
    votes = runs.generator[:, Correctness.CORRECT] * share
    scores = scores_of(generator, discriminator, solution, votes=votes)[rule]
    return np.asarray(scores[:, answer] - np.delete(scores, answer, axis=1).max(axis=1))


def _quick(solver: Solver, rule: Rule) -> Solver:
    """The published answer to 2e-4 in a fraction of the time, which is enough for an error; no steps without need."""
    if rule not in {Rule.ER_GENERATOR, Rule.ER_DISCRIMINATOR}:
        return PiKL(steps=0)
    if not isinstance(solver, PiKL) or not solver.steps:
        return solver
    return LogTimeFlow(
        time=solver.steps,
        eta=solver.eta,
        lambda_generator=solver.lambda_generator,
        lambda_discriminator=solver.lambda_discriminator,
    )
