"""`Ranking`: the answer to one question, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from langchain_consensus.engine.base import Usage
from langchain_consensus.errors import MissingDependencyError
from langchain_consensus.ranking.table import as_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_consensus.diagnosis import Worded
    from langchain_consensus.game import Solution
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking.rules import Rule

__all__ = ["JudgeScore", "RankedCandidate", "Ranking", "SolverEvidence", "StandardErrors", "raw_verdict"]

_CERTAIN: Final = 1.96
"""Standard errors that a lead must exceed: 95% of a normal distribution are within so many on either side."""


def raw_verdict(correct: float, incorrect: float) -> float:
    """P(correct) by the log-probabilities of the two verdict words alone; 1/2 if neither has any."""
    logodds = 0.0 if correct == incorrect else correct - incorrect
    return 1 / (1 + exp(-logodds)) if logodds > 0 else exp(logodds) / (1 + exp(logodds))


@dataclass(frozen=True, kw_only=True, slots=True)
class StandardErrors:
    """How far sampled views of a candidate may be off, in nats; see `counts`.

    Attributes:
        generator_correct: Of `generator_correct`.
        generator_incorrect: Of `generator_incorrect`.
        verdict: Of the verdict's log-odds; 0 where the model told the words' probabilities.
    """

    generator_correct: float
    generator_incorrect: float
    verdict: float


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeScore:
    """What one of several judges says of a candidate.

    Attributes:
        name: Its model and its wording.
        weight: What it weighs beside the others, 0 to 1.
        correct: Log-probability of its verdict word for "correct".
        incorrect: Log-probability of its verdict word for "incorrect".
    """

    name: str
    weight: float
    correct: float
    incorrect: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedCandidate:
    """A candidate with everything that is known of it.

    Attributes:
        text: The answer.
        members: All distinct strings that were merged into it.
        position: Index of its first occurrence among the answers that were given or drawn, from 0; rivals come after.
        draws: How often it was drawn.
        generator_correct: log P(text given question, correct), summed over tokens.
        generator_incorrect: The same under the incorrect condition.
        tokens: How many tokens the sums are over; 0 where the probability was counted, of draws.
        verdict_correct: Log-probability of the verdict word for "correct".
        verdict_incorrect: Log-probability of the verdict word for "incorrect".
        scores: The candidate's score under every rule.
        calibrated: The probability that it is right by the profile that was used; `None` without one.
        is_rival: Whether it was drawn as an incorrect answer, to compare a lone one with; it is never the answer.
        against_rivals: Of an answer with rivals, the probability that the rule gives to it against its best rival.
        errors: Standard errors of these views, if they were sampled.
        judges: What every judge says where there are several, the model itself first; else empty.
    """

    text: str
    members: tuple[str, ...]
    position: int
    draws: int
    generator_correct: float
    generator_incorrect: float
    tokens: int
    verdict_correct: float
    verdict_incorrect: float
    scores: Mapping[Rule, float]
    calibrated: float | None = None
    is_rival: bool = False
    against_rivals: float | None = None
    errors: StandardErrors | None = None
    judges: tuple[JudgeScore, ...] = ()

    @property
    def confidence(self) -> float:
        """The probability, 0 to 1, that it is right: the profile's where one was used, else the raw verdict.

        Against rivals it is that verdict or `against_rivals`, whichever is lower.
        """
        if self.against_rivals is not None:
            return min(self.verdict, self.against_rivals)
        return self.verdict if self.calibrated is None else self.calibrated

    @property
    def verdict(self) -> float:
        """The judge's raw probability that the answer is correct, from the two verdict words alone.

        Of several judges the weighted mean of theirs.
        """
        if self.judges:
            return sum(one.weight * raw_verdict(one.correct, one.incorrect) for one in self.judges)
        return raw_verdict(self.verdict_correct, self.verdict_incorrect)

    @property
    def verdict_mass(self) -> float:
        """Probability on the two verdict words together."""
        return float(np.exp(self.verdict_correct) + np.exp(self.verdict_incorrect))


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverEvidence:
    """How the game was solved: which solver, how it ended, and how far from an equilibrium (see `game.gap`)."""

    name: str
    outcome: str
    steps: int
    gap: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """The answer to one question, and why.

    Attributes:
        question: What was asked.
        candidates: Best first, under `rule`. Ties go to the candidate drawn more often, then to the generator's score,
            then to the one that came first. Rivals stand behind the answer, whatever their scores.
        rule: By which score they are ordered.
        confidence: The probability, 0 to 1, that the best candidate is correct: with a profile calibrated on labelled
            questions, else the judge's raw verdict, which is not calibrated. With rivals at most the probability that
            the rule gives to the answer against the best of them.
        agreement: How much of their probability the two views put on the same candidates before the game: 1 minus the
            total variation distance of the anchors, both as distributions over the candidates; 1 if they agree.
        margin: How far the best candidate's score is above the second's; infinite for a single candidate, negative
            where a rival's is higher.
        views: Whether the views are `exact` log-probabilities or were estimated from what was `sampled`.
        margin_error: Standard error of the lead from sampling; 0 for exact views.
        warnings: What a reader should know before trusting the answer.
        solver: The evidence of the game.
        wording: Name of the wording.
        model: Name of the model.
        usage: Tokens that drawing and scoring took.
        profile: Digest of the profile that was used; `None` without one.
        used_wording: The wording itself, from which the prompts can be made again.
        solution: The solved game, its candidates in the order of their `position`.
    """

    question: Question
    candidates: tuple[RankedCandidate, ...]
    rule: Rule
    confidence: float
    agreement: float
    margin: float
    warnings: tuple[str, ...]
    solver: SolverEvidence
    wording: str
    model: str
    usage: Usage = field(default_factory=Usage)
    profile: str | None = None
    views: Literal["exact", "sampled"] = "exact"
    margin_error: float = 0.0
    used_wording: Worded = field(repr=False, compare=False)
    solution: Solution = field(repr=False, compare=False)

    @property
    def answer(self) -> str:
        """The text of the best candidate."""
        return self.candidates[0].text

    @property
    def rivals(self) -> tuple[RankedCandidate, ...]:
        """What the answer was compared with because nothing else was drawn or given; best first, often empty."""
        return tuple(one for one in self.candidates if one.is_rival)

    @property
    def is_certain(self) -> bool:
        """Whether the answer leads by more than sampling explains (with 95% confidence); no word on its truth."""
        return self.margin > _CERTAIN * self.margin_error

    def to_html(self, *, seconds: float | None = None, min_confidence: float | None = None) -> str:
        """One self-contained page that explains this ranking; see `report.explain_html`, which this is."""
        from langchain_consensus.report import explain_html

        return explain_html(self, seconds=seconds, min_confidence=min_confidence)

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the table of `__str__`; `None`, so that it shows the text, where Jinja2 is missing."""
        from langchain_consensus.report import notebook_html

        try:
            return notebook_html(self)
        except MissingDependencyError:
            return None

    def __str__(self) -> str:
        """A table of the candidates, best first, with both views before and after the game."""
        return as_table(self)
