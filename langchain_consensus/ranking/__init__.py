"""Step 4: Solution -> Ranking. Every decision rule from the same scores, the chosen order, and the evidence for it."""

from langchain_consensus.ranking.against import RIVAL_ATTEMPTS, decided, probability_against
from langchain_consensus.ranking.order import agreement_of, ranked
from langchain_consensus.ranking.record import (
    JudgeScore,
    RankedCandidate,
    Ranking,
    SolverEvidence,
    StandardErrors,
    raw_verdict,
)
from langchain_consensus.ranking.rules import Rule, rule_named, scores_of

__all__ = [
    "RIVAL_ATTEMPTS",
    "JudgeScore",
    "RankedCandidate",
    "Ranking",
    "Rule",
    "SolverEvidence",
    "StandardErrors",
    "agreement_of",
    "decided",
    "probability_against",
    "ranked",
    "raw_verdict",
    "rule_named",
    "scores_of",
]
