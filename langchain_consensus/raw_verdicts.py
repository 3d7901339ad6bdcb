"""One answer and its judges -> raw verdicts and their weighted mean; without candidates there is no game to play."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import TYPE_CHECKING, Protocol

from langchain_consensus.candidates import given
from langchain_consensus.engine.base import Engine, Usage
from langchain_consensus.judges import Judge, wording_for
from langchain_consensus.judging import asked, shares_of
from langchain_consensus.observation import Step, watched
from langchain_consensus.ranking import raw_verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Question, Wording

__all__ = ["MeanVerdict", "RawVerdict", "mean_verdict", "said_beside"]

_ROUNDING = 1e-3
"""How far above 0 rounding may lift a log-probability."""


class Asking(Protocol):
    """Who is asked about an answer, and who beside it."""

    @property
    def engine(self) -> Engine:
        """The model itself."""
        ...

    @property
    def wording(self) -> Wording:
        """How it is asked."""
        ...

    @property
    def beside(self) -> tuple[Judge, ...]:
        """Who judges beside it."""
        ...

    @property
    def observer(self) -> Observer | None:
        """Who is told of the step."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RawVerdict:
    """One judge's verdict: `[V]` log-probabilities of its words."""

    wording: Wording
    logprobs: NDArray[np.float64]
    usage: Usage = field(default_factory=Usage)

    @property
    def incorrect(self) -> float:
        """Log-probability of the word for "incorrect"."""
        return float(self.logprobs[0])

    @property
    def correct(self) -> float:
        """Log-probability of the word for "correct"."""
        return float(self.logprobs[1])

    def problem(self, least: float) -> str:
        """Why it says nothing; empty if it does."""
        if not (self.correct <= _ROUNDING and self.incorrect <= _ROUNDING):  # true of a score that is no number, too
            return f"the judge's scores are no log-probabilities: {self.incorrect} and {self.correct}"
        if (mass := exp(self.correct) + exp(self.incorrect)) < least:
            low, high = (word.strip() for word in self.wording.verdicts)
            return (
                f"the judge is not answering: it puts {mass:.0%} of its probability on {low!r} and {high!r}, and "
                f"{least:.0%} are asked for"
            )
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanVerdict:
    """What several judges say together.

    Attributes:
        confidence: The weighted mean of the verdicts that say something, 0 to 1; `None` without any.
        problems: Why the others say nothing.
    """

    confidence: float | None
    problems: tuple[str, ...]


def said_beside(asking: Asking, question: Question, answer: str) -> list[RawVerdict]:
    """What the judges beside the model itself say of an answer; the first one's `usage` is that of all."""
    others = [judge for judge in asking.beside if not judge.is_own]
    if not others:
        return []
    with watched(asking.observer, Step(name="judging", questions=1, candidates=(1,))) as done:
        said, usages = asked([given(question, [answer])], others, engine=asking.engine, wording=asking.wording)
        done(usages=usages)
    return [
        RawVerdict(
            wording=wording_for(judge.wording or asking.wording, judge.engine or asking.engine),
            logprobs=one.members[0][:, 0],
            usage=usages[0] if place == 0 else Usage(),
        )
        for place, (judge, one) in enumerate(zip(others, said, strict=True))
    ]


def mean_verdict(
    own: RawVerdict, others: Sequence[RawVerdict], beside: Sequence[Judge], *, least_mass: float
) -> MeanVerdict:
    """The mean over the judges that answer, each by its weight; those that are `informed` weigh alike.

    Args:
        own: What the model itself says.
        others: What those beside it say, in the order of `beside`.
        beside: Who they are, and what the model itself weighs.
        least_mass: Probability on the two words below which a judge is not answering.
    """
    itself = next((judge for judge in beside if judge.is_own), Judge())
    judges = [itself, *(judge for judge in beside if not judge.is_own)]
    weights = shares_of(judges, [None] * len(judges))
    said = [own, *others]
    problems = [one.problem(least_mass) for one in said]
    heard = [(weight, one) for weight, one, wrong in zip(weights, said, problems, strict=True) if not wrong]
    total = sum(weight for weight, _ in heard)
    mean = sum(weight * raw_verdict(one.correct, one.incorrect) for weight, one in heard) / total if total else None
    return MeanVerdict(confidence=mean, problems=tuple(wrong for wrong in problems if wrong))
