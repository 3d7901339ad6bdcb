"""From a solved game to a ranking: the candidates in the order of a rule, with the evidence for it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from langchain_consensus.diagnosis import warnings_of
from langchain_consensus.game import Correctness
from langchain_consensus.ranking.record import JudgeScore, RankedCandidate, Ranking, SolverEvidence, StandardErrors
from langchain_consensus.ranking.rules import Rule, scores_of, sort_scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.counts import Counts
    from langchain_consensus.diagnosis import Worded
    from langchain_consensus.game import Solution
    from langchain_consensus.views import Views

    FloatArray = NDArray[np.float64]

__all__ = ["agreement_of", "ranked"]

_I, _C = Correctness.INCORRECT, Correctness.CORRECT


class Calibrates(Protocol):
    """What a ranking asks of a profile."""

    @property
    def digest(self) -> str:
        """What tells it from other profiles."""
        ...

    def mismatch(self, *, model: str, wording: Any, rule: str) -> str | None:
        """A sentence where it was fitted on another model, wording or rule."""
        ...


def ranked(
    candidates: Candidates,
    views: Views,
    solution: Solution,
    *,
    rule: Rule,
    wording: Worded,
    model: str,
    calibrated: FloatArray | None = None,
    profile: Calibrates | None = None,
) -> Ranking:
    """The ranking of one question's candidates by `rule`, with their scores under every other rule.

    Args:
        candidates: `N` of them.
        views: Their views.
        solution: The solved game of the views; one game, not a batch.
        rule: What orders them.
        wording: Under which the views were taken.
        model: Whose views they are.
        calibrated: `[N]` by the profile, the probability of each candidate to be right.
        profile: Where that is from.
    """
    votes = np.array([float(one.draws) for one in candidates.items])
    scores = scores_of(views.generator, views.discriminator, solution, votes=votes)
    order_by = sort_scores(scores[rule], rule, solution)
    order = sorted(
        range(len(candidates.items)),
        key=lambda i: (-order_by[i], -candidates.items[i].draws, -views.generator[_C, i], i),
    )
    chances = [None] * len(order) if calibrated is None else calibrated.tolist()
    best = tuple(_candidate(candidates, views, scores, i, chances[i]) for i in order)
    mismatch = None if profile is None else profile.mismatch(model=model, wording=wording, rule=rule.value)
    return Ranking(
        question=candidates.question,
        candidates=best,
        rule=rule,
        confidence=best[0].confidence,
        agreement=agreement_of(scores[Rule.SELF_CONTRASTIVE], scores[Rule.DISCRIMINATOR]),
        margin=_margin([float(scores[rule][i]) for i in order]),
        warnings=(*warnings_of(candidates, views, wording), *([mismatch] if mismatch else [])),
        solver=SolverEvidence(
            name=type(solution.solver).__name__,
            outcome=solution.outcome.name.lower(),
            steps=int(solution.steps),
            gap=float(solution.gap),
        ),
        wording=wording.name,
        model=model,
        usage=candidates.usage + views.usage,
        profile=None if profile is None else profile.digest,
        views="exact" if views.counts is None else "sampled",
        used_wording=wording,
        solution=solution,
    )


def _margin(best_first: Sequence[float]) -> float:
    if len(best_first) == 1:
        return inf
    first, second = best_first[:2]
    return 0.0 if first == second else first - second


def agreement_of(generator: FloatArray, verdicts: FloatArray) -> float:
    """How much of their probability two views share: the generator's `[N]`, and the verdicts `[N]` made to sum to 1."""
    total = verdicts.sum()
    share = verdicts / total if total > 0 else np.full_like(verdicts, 1 / len(verdicts))
    return float(np.minimum(generator, share).sum())


def _candidate(
    candidates: Candidates, views: Views, scores: Mapping[Rule, FloatArray], place: int, calibrated: float | None
) -> RankedCandidate:
    item = candidates.items[place]
    return RankedCandidate(
        text=item.text,
        members=tuple(member.text for member in item.members),
        position=item.position,
        draws=item.draws,
        generator_correct=float(views.generator_logprobs[_C, place]),
        generator_incorrect=float(views.generator_logprobs[_I, place]),
        tokens=int(views.generator_tokens[place]),
        verdict_correct=float(views.verdict_logprobs[_C, place]),
        verdict_incorrect=float(views.verdict_logprobs[_I, place]),
        scores={rule: float(values[place]) for rule, values in scores.items()},
        calibrated=calibrated,
        is_rival=item.is_rival,
        errors=None if views.counts is None else _errors(views.counts, place),
        judges=tuple(
            JudgeScore(
                name=one.name,
                weight=one.weight,
                correct=float(one.logprobs[_C, place]),
                incorrect=float(one.logprobs[_I, place]),
            )
            for one in views.judges
        ),
    )


def _errors(counts: Counts, place: int) -> StandardErrors:
    return StandardErrors(
        generator_correct=float(counts.generator_errors[_C, place]),
        generator_incorrect=float(counts.generator_errors[_I, place]),
        verdict=float(counts.verdict_errors[place]),
    )
