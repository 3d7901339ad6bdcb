"""What a result is made of, as plain data: scores of one view, verdicts, how the game was solved, what it cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

if TYPE_CHECKING:
    from langchain_consensus.engine.base import Usage
    from langchain_consensus.ranking import SolverEvidence

__all__ = [
    "GeneratorScores",
    "JudgeResult",
    "LogProbability",
    "PlainData",
    "Score",
    "SolverResult",
    "StandardErrorsResult",
    "UsageResult",
    "VerdictScores",
]


_ROUNDING = 0.01
"""How far above zero, in nats, rounding may take the logarithm of a probability near one."""


def _below_infinity(value: float) -> float:
    if math.isnan(value) or value == math.inf:
        msg = f"{value} is no score"
        raise ValueError(msg)
    return value


def _of_a_probability(value: float) -> float:
    if math.isnan(value) or value > _ROUNDING:
        msg = f"{value} is no log-probability"
        raise ValueError(msg)
    return value


_NULL = BeforeValidator(lambda value: -math.inf if value is None else value)
_TO_NULL = PlainSerializer(lambda value: value if math.isfinite(value) else None, when_used="json")

LogProbability = Annotated[float, _NULL, AfterValidator(_of_a_probability), _TO_NULL]
"""At most zero. In JSON, which has no infinity, `null` is -inf: a probability of zero."""

Score = Annotated[float, _NULL, AfterValidator(_below_infinity), _TO_NULL]
"""A rule's score, in nats, such as a log-probability or the difference of two; `null` as above."""


class PlainData(BaseModel):
    """Frozen, and nothing beside its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GeneratorScores(PlainData):
    """Summed log-probabilities of a candidate under both conditions, in nats, and the tokens that they are over.

    Where they were counted, of draws, there are no tokens: 0.
    """

    correct: LogProbability
    incorrect: LogProbability
    tokens: int


class VerdictScores(PlainData):
    """Log-probabilities of the two verdict words, in nats, as the model gave them."""

    correct: LogProbability
    incorrect: LogProbability


class JudgeResult(PlainData):
    """What one of several judges says of a candidate: log-probabilities of its two verdict words, in nats."""

    name: str
    """Its model and its wording."""
    weight: float
    """What it weighs beside the others, 0 to 1."""
    correct: LogProbability
    incorrect: LogProbability


class StandardErrorsResult(PlainData):
    """How far sampled views may be off, in nats: both log-probabilities, and the log-odds of the verdict."""

    generator_correct: float
    generator_incorrect: float
    verdict: float


class SolverResult(PlainData):
    """How the game was solved: the solver, how it ended, its steps, and the distance from an equilibrium."""

    name: str
    outcome: str
    steps: int
    gap: float

    @classmethod
    def of(cls, evidence: SolverEvidence) -> SolverResult:
        """The plain form of a game's evidence."""
        return cls(**{name: getattr(evidence, name) for name in cls.model_fields})


class UsageResult(PlainData):
    """Tokens that were read, computed (shared prefixes once) and drawn, projected rows, and forwards."""

    input_tokens: int = 0
    computed_tokens: int = 0
    sampled_tokens: int = 0
    head_rows: int = 0
    forwards: int = 0

    @classmethod
    def of(cls, usage: Usage) -> UsageResult:
        """The plain form of a usage."""
        return cls(**{name: getattr(usage, name) for name in cls.model_fields})
