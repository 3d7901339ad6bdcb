"""Rankings as plain data: what surfaces hand out and the command line writes, under the same names everywhere.

The raw log-probabilities are always there, so that any rule can be computed again without the model.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from pydantic import Field

from langchain_consensus.ranking import Rule, raw_verdict
from langchain_consensus.result_parts import (
    GeneratorScores,
    JudgeResult,
    PlainData,
    Score,
    SolverResult,
    StandardErrorsResult,
    UsageResult,
    VerdictScores,
)

if TYPE_CHECKING:
    from langchain_consensus.ranking import RankedCandidate, Ranking

__all__ = ["CandidateResult", "ConsensusResult"]

AnswerT = TypeVar("AnswerT")


class CandidateResult(PlainData):
    """One candidate: its text, how often it was drawn, both views, and its score under every rule."""

    text: str
    members: tuple[str, ...]
    """The distinct strings that were merged into it."""
    position: int
    """Index of its first occurrence among the answers that were given or drawn, from 0; rivals come after."""
    count: int
    generator: GeneratorScores
    discriminator: VerdictScores
    scores: dict[Rule, Score]
    calibrated: float | None = None
    """The probability that it is right by the profile that was used; `None` without one."""
    is_rival: bool = False
    """Whether it was drawn as an incorrect answer, to compare a lone one with; it is never the answer."""
    against_rivals: float | None = None
    """Of an answer with rivals, the probability that the rule gives to it against its best rival."""

    @property
    def confidence(self) -> float:
        """The probability, 0 to 1, that it is right: the profile's where one was used, else the raw verdict.

        Against rivals it is that verdict or `against_rivals`, whichever is lower.
        """
        raw = raw_verdict(self.discriminator.correct, self.discriminator.incorrect)
        if self.judges:
            raw = sum(one.weight * raw_verdict(one.correct, one.incorrect) for one in self.judges)
        if self.against_rivals is not None:
            return min(raw, self.against_rivals)
        return raw if self.calibrated is None else self.calibrated

    errors: StandardErrorsResult | None = None
    """Standard errors of the views, if they were sampled."""
    judges: tuple[JudgeResult, ...] | None = Field(default=None, exclude_if=lambda judges: judges is None)
    """Every judge's verdict where there are several, the model itself first; absent where there is one."""

    @classmethod
    def of(cls, candidate: RankedCandidate) -> CandidateResult:
        """The plain form of a ranked candidate."""
        return cls(
            text=candidate.text,
            members=candidate.members,
            position=candidate.position,
            count=candidate.draws,
            generator=GeneratorScores(
                correct=candidate.generator_correct, incorrect=candidate.generator_incorrect, tokens=candidate.tokens
            ),
            discriminator=VerdictScores(correct=candidate.verdict_correct, incorrect=candidate.verdict_incorrect),
            scores=dict(candidate.scores),
            calibrated=candidate.calibrated,
            is_rival=candidate.is_rival,
            against_rivals=candidate.against_rivals,
            errors=None if candidate.errors is None else StandardErrorsResult(**asdict(candidate.errors)),
            judges=tuple(JudgeResult(**asdict(one)) for one in candidate.judges) or None,
        )


class ConsensusResult(PlainData, Generic[AnswerT]):
    """The answer to one question with the evidence for it.

    `model_dump(mode="json")` holds nothing but JSON's own types.
    """

    answer: AnswerT | None
    """The best answer, parsed if a parser was given; `None` (or the fallback) if `abstained`."""
    text: str
    """The best candidate as the model wrote it."""
    abstained: bool = False
    """Whether the confidence was below the threshold that the caller set."""
    confidence: float | None = None
    """The probability, 0 to 1, that the best candidate is correct; `None` where it is unknown.

    With a profile calibrated on labelled questions, else the judge's raw verdict; with rivals at most the probability
    that the rule gives to the answer against the best of them.
    """
    agreement: float | None = None
    """How much of their probability the two views put on the same candidates before the game, 0 to 1."""
    margin: float | None = None
    """How far the best score is above the second, below 0 where a rival's is higher; `None` if that is infinite."""
    views: Literal["exact", "sampled"] | None = None
    """Whether the views are exact log-probabilities or estimated from samples; `None` where there are none."""
    margin_error: float | None = None
    """Standard error of the lead from sampling; `None` for exact views."""
    certain: bool | None = None
    """Whether the answer leads by more than sampling explains; `None` for exact views. No word on its truth."""
    rule: Rule | None = None
    candidates: tuple[CandidateResult, ...] = ()
    """Best first; rivals, which are no answers, stand behind the answer."""
    solver: SolverResult | None = None
    warnings: tuple[str, ...] = ()
    wording: str | None = None
    model: str | None = None
    usage: UsageResult = Field(default_factory=UsageResult)
    profile: str | None = None
    """Digest of the profile that was used."""

    @property
    def answers(self) -> tuple[CandidateResult, ...]:
        """The candidates that may be the answer: all but rivals."""
        return tuple(one for one in self.candidates if not one.is_rival)

    @classmethod
    def of(cls, ranking: Ranking) -> ConsensusResult[Any]:
        """The plain form of a ranking, its answer as text."""
        return ConsensusResult(
            answer=ranking.answer,
            text=ranking.answer,
            confidence=ranking.confidence,
            agreement=ranking.agreement,
            margin=ranking.margin if math.isfinite(ranking.margin) else None,
            views=ranking.views,
            **(_uncertainty(ranking) if ranking.views == "sampled" else {}),
            rule=ranking.rule,
            candidates=tuple(CandidateResult.of(candidate) for candidate in ranking.candidates),
            solver=SolverResult.of(ranking.solver),
            warnings=ranking.warnings,
            wording=ranking.wording,
            model=ranking.model,
            usage=UsageResult.of(ranking.usage),
            profile=ranking.profile,
        )

    def with_choice(self, place: int, answer: object, *, passed_over: str) -> ConsensusResult[Any]:
        """The result whose answer is `answer`, which the candidate at `place` was read as.

        Args:
            place: Index in `answers`; those before it rank higher.
            answer: The answer.
            passed_over: What is the matter with those before it, as the end of a sentence about them.
        """
        if place == 0:
            return self.model_copy(update={"answer": answer})
        chosen = self.candidates[place]
        warning = f"{place} of the candidates rank higher and {passed_over}."
        uncertain = {} if self.certain is None else {"margin_error": None, "certain": False}
        return self.model_copy(
            update={
                **uncertain,
                "answer": answer,
                "text": chosen.text,
                "confidence": chosen.confidence,
                "margin": None,
                "warnings": (*self.warnings, warning),
            }
        )


def _uncertainty(ranking: Ranking) -> dict[str, Any]:
    error = ranking.margin_error if math.isfinite(ranking.margin_error) else None
    return {"margin_error": error, "certain": ranking.is_certain}
