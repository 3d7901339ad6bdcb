"""The rule for a lone answer with rivals, which were drawn as incorrect answers (see `rivals`): it stays the answer.

Its confidence is the lower of two numbers: the judge's raw verdict on it, and the probability that the ranking's rule
gives to it against its best rival, if exactly one of the two is right. So rivals only take confidence away, and it is
below one half wherever a rival has the better score; then the ranking warns as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from langchain_consensus.ranking.record import raw_verdict
from langchain_consensus.ranking.rules import Rule, sort_scores

if TYPE_CHECKING:
    from langchain_consensus.ranking.record import Ranking

__all__ = ["RIVAL_ATTEMPTS", "decided", "probability_against"]

RIVAL_ATTEMPTS: Final = 3
"""How often a question is asked for rivals until it has one, the first time included."""

_SHARES = {Rule.SELF_CONTRASTIVE, Rule.NORMALISED_PRODUCT, Rule.ER_GENERATOR}
"""Rules whose scores are probabilities of the answers; those of the others are log-probabilities or log-odds."""
_EVEN = 0.5


def decided(ranking: Ranking, *, rivals: int) -> Ranking:
    """The ranking with the answer before its rivals, and its confidence and its lead against the best of them.

    Args:
        ranking: All candidates, best first.
        rivals: How many were asked for; where a lone answer has none, a warning says so.
    """
    found = ranking.rivals
    if not rivals or (not found and len(ranking.candidates) > 1):
        return ranking
    if not found:
        return replace(ranking, warnings=(*ranking.warnings, _none_found(rivals)))
    [answer] = [one for one in ranking.candidates if not one.is_rival]
    best = found[0]
    probability = probability_against(ranking, answer.position, best.position)
    compared = replace(answer, against_rivals=probability)
    first, second = answer.scores[ranking.rule], best.scores[ranking.rule]
    return replace(
        ranking,
        candidates=(compared, *found),
        confidence=compared.confidence,
        margin=0.0 if first == second else first - second,
        warnings=(*ranking.warnings, *([_preferred(best.text, ranking.rule)] if probability < _EVEN else [])),
    )


def probability_against(ranking: Ranking, one: int, other: int) -> float:
    """The probability, 0 to 1, that the rule gives to a candidate if it or another is right, and not both.

    It is w1 / (w1 + w2). By `discriminator` and `er_discriminator` a weight is P(correct) / P(incorrect) of the
    candidate (two independent verdicts then have this posterior), by the other rules its score, or the exponential of
    a score that is a logarithm. One half where the weights are the same, also where both are 0.

    Args:
        ranking: Whose candidates they are; not by `majority`.
        one: The `position` of the candidate.
        other: That of the other.
    """
    in_game = sorted(ranking.candidates, key=lambda candidate: candidate.position)
    scores = np.array([candidate.scores[ranking.rule] for candidate in in_game])
    logs = sort_scores(scores, ranking.rule, ranking.solution)
    if ranking.rule in _SHARES:
        with np.errstate(divide="ignore"):
            logs = np.log(logs)
    weights = {candidate.position: float(log) for candidate, log in zip(in_game, logs, strict=True)}
    return raw_verdict(weights[one], weights[other])


def _none_found(rivals: int) -> str:
    return (
        f"No rival was found: {RIVAL_ATTEMPTS} times {rivals} draws of an incorrect answer gave no other answer, so "
        "`confidence` is the judge's raw verdict."
    )


def _preferred(rival: str, rule: Rule) -> str:
    return (
        f"By the rule {rule.value!r} the model prefers {rival[:60]!r}, which was drawn as an incorrect answer. A rival "
        "is never the answer; the confidence is below one half."
    )
