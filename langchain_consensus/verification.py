"""Question and one answer -> Verification: what a judge says of an answer that somebody else gave.

One answer alone makes no game: with a single candidate the paper's discriminator is 1/2 by construction. So the judge's
raw verdict decides, the probabilities of the two verdict words. With contrast candidates, which the judge draws itself,
there are two more ways. The verdict can be read relative to theirs, as a judge is more generous with some questions
than with others; or all of them play the game, and the equilibrium discriminator decides. With rivals, which the judge
draws as incorrect answers, the rule of `ranking.against` may lower it.

A judge that cannot answer (hardly any probability on the verdict words, or a score that is no number) gives no
confidence, and says why; nothing is filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING, Literal

import numpy as np

from langchain_consensus.candidates import given, normalised_text
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine.base import Engine, SamplingSettings, ScoreRequest
from langchain_consensus.observation import Step, watched
from langchain_consensus.ranking import Rule, raw_verdict
from langchain_consensus.raw_verdicts import RawVerdict, mean_verdict, said_beside
from langchain_consensus.result_parts import UsageResult
from langchain_consensus.results import ConsensusResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from langchain_consensus.judges import Judge
    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Question, Wording
    from langchain_consensus.ranking import RankedCandidate

__all__ = ["Verification", "Verifier"]

_CERTAIN = 30.0
"""Log-odds beyond which a verdict is certain for all purposes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What the judge says.

    Attributes:
        result: The answer with its confidence (`None` if there is none), and what the judge was asked.
        problem: Why there is no confidence; empty if there is one.
    """

    result: ConsensusResult[Any]
    problem: str = ""

    @property
    def confidence(self) -> float | None:
        """The judge's probability, 0 to 1, that the answer is right."""
        return self.result.confidence

    def carried_by(self, text: str, *, accepted: bool) -> ConsensusResult[Any]:
        """The result for a message that says `text`: its answer is that text, or `None` if it is not accepted.

        Candidates that the judge drew are left out: who reads the message would take the best of them for its answer.
        """
        answer = text if accepted else None
        return self.result.model_copy(
            update={"answer": answer, "text": text, "abstained": not accepted, "candidates": ()}
        )

    @classmethod
    def impossible(cls, answer: str, problem: str) -> Verification:
        """That of a judge that could not be asked."""
        return cls(result=ConsensusResult(answer=None, text=answer, abstained=True), problem=problem)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verifier:
    """A model that judges answers.

    Attributes:
        engine: The model.
        wording: How it is asked; only the discriminator's part is used without contrast candidates.
        min_verdict_mass: Least probability on the two verdict words together for which the verdict counts.
        contrast: How other answers are drawn to play against; `None` judges by the raw verdict.
        contrast_by: How the answer is judged against them: by its `verdict` (its log-odds less the mean of theirs), or
            by the `game` (the equilibrium discriminator's policy). The raw verdict counts where nothing else was drawn.
        beside: Who judges beside it, and what each weighs; see `judges.Judge`. The confidence is the weighted mean of
            the verdicts of those that answer. One answer alone does not show how informative verdicts are, so without
            contrast candidates judges that are `informed` weigh alike.
        rivals: How many incorrect answers are drawn to play against instead; the raw verdict counts where none is
            found, and the result warns of it.
        observer: Is told of every step; see `observation`.
    """

    engine: Engine
    wording: Wording
    min_verdict_mass: float = 0.5
    contrast: SamplingSettings | None = None
    contrast_by: Literal["verdict", "game"] = "verdict"
    beside: tuple[Judge, ...] = ()
    rivals: int = 0
    observer: Observer | None = None

    def verify(self, question: Question, answer: str) -> Verification:
        """What the judge says of `answer`.

        Raises:
            InvalidInputError: If the wording cannot ask this question.
            EngineError: If the model fails.
        """
        if self.rivals:
            return self._against_rivals(question, answer)
        return self._raw(question, answer) if self.contrast is None else self._against(question, answer, self.contrast)

    def _raw(self, question: Question, answer: str) -> Verification:
        prompt = self.wording.discriminator_prompt(question, answer)
        with watched(self.observer, Step(name="scoring", questions=1, candidates=(1,))) as done:
            found = self.engine.score([ScoreRequest(prompt=prompt, continuations=self.wording.verdicts)])
            done(usages=[found.usage])
        own = RawVerdict(wording=self.wording, logprobs=found.scores[0].logprobs)
        others = said_beside(self, question, answer)
        result = ConsensusResult(
            answer=answer,
            text=answer,
            wording=self.wording.name,
            model=self.engine.name,
            usage=UsageResult.of(sum((one.usage for one in others), found.usage)),
        )
        mean = mean_verdict(own, others, self.beside, least_mass=self.min_verdict_mass)
        if mean.confidence is None:
            return _without(result, mean.problems[0])
        warnings = tuple(f"One judge was left out: {problem}." for problem in mean.problems)
        return Verification(result=result.model_copy(update={"confidence": mean.confidence, "warnings": warnings}))

    def _against(self, question: Question, answer: str, settings: SamplingSettings) -> Verification:
        consensus = Consensus(
            engine=self.engine, wording=self.wording, sampling=settings, judges=self.beside, observer=self.observer
        )
        (drawn,) = consensus.draw([question])
        texts = [answer, *(candidate.text for candidate in drawn.items)]
        (ranking,) = consensus.rank([given(question, texts, answer_key=normalised_text)])
        own = next(candidate for candidate in ranking.candidates if candidate.position == 0)
        others = [candidate for candidate in ranking.candidates if candidate.position != 0]
        result = ConsensusResult.of(ranking).model_copy(
            update={
                "answer": answer,
                "text": answer,
                "confidence": self._confidence(own, others),
                "usage": UsageResult.of(ranking.usage + drawn.usage),
            }
        )
        return self._checked(result, own)

    def _against_rivals(self, question: Question, answer: str) -> Verification:
        consensus = Consensus(
            engine=self.engine, wording=self.wording, rivals=self.rivals, judges=self.beside, observer=self.observer
        )
        (ranking,) = consensus.rank([given(question, [answer])])
        own = ranking.candidates[0]
        return self._checked(ConsensusResult.of(ranking), own)

    def _confidence(self, own: RankedCandidate, others: Sequence[RankedCandidate]) -> float:
        if not others:
            return own.verdict
        if self.contrast_by == "game":
            return own.scores[Rule.ER_DISCRIMINATOR]
        return raw_verdict(_log_odds(own) - sum(map(_log_odds, others)) / len(others), 0.0)

    def _checked(self, result: ConsensusResult[Any], own: RankedCandidate) -> Verification:
        """The verification, without a confidence where no judge that counts answers."""
        logprobs = np.array([own.verdict_incorrect, own.verdict_correct])
        problem = RawVerdict(wording=self.wording, logprobs=logprobs).problem(self.min_verdict_mass)
        if problem and not any(
            one.weight > 0 and exp(one.correct) + exp(one.incorrect) >= self.min_verdict_mass for one in own.judges
        ):
            return _without(result, problem)
        return Verification(result=result)


def _without(result: ConsensusResult[Any], problem: str) -> Verification:
    """Without a confidence."""
    silent = result.model_copy(update={"answer": None, "confidence": None, "abstained": True})
    return Verification(result=silent, problem=problem)


def _log_odds(candidate: RankedCandidate) -> float:
    """Of the verdict; far out they all mean "certain", and are kept finite so that they can be averaged."""
    correct, incorrect = candidate.verdict_correct, candidate.verdict_incorrect
    if candidate.judges:  # of several, that of their mean
        correct, incorrect = (log(one) if one else -_CERTAIN for one in (candidate.verdict, 1 - candidate.verdict))
    return 0.0 if correct == incorrect else min(max(correct - incorrect, -_CERTAIN), _CERTAIN)
