"""Answers and single passages in, how far each passage supports its answer out.

The judge that saw all passages together is asked again with one passage in sight, so a passage's support is its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from langchain_consensus.engine.base import ScoreRequest, Usage
from langchain_consensus.game import Correctness
from langchain_consensus.ranking import raw_verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.engine.base import Engine
    from langchain_consensus.prompts import Question, Wording

__all__ = ["Answered", "Support", "supports"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """An answer to a question, and the passages that may support it, each by itself."""

    question: Question
    answer: str
    passages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """How far each passage supports an answer.

    Attributes:
        probabilities: One for each passage, the judge's raw probability, 0 to 1, that it supports the answer.
        usage: Tokens spent on asking.
    """

    probabilities: tuple[float, ...]
    usage: Usage


def supports(engine: Engine, wording: Wording, batch: Sequence[Answered]) -> list[Support]:
    """The support for every answer; one call of the engine for the whole batch, none if there are no passages."""
    requests = [
        ScoreRequest(
            prompt=wording.discriminator_prompt(replace(one.question, context=passage), one.answer),
            continuations=wording.verdicts,
        )
        for one in batch
        for passage in one.passages
    ]
    if not requests:
        return [Support(probabilities=(), usage=Usage()) for _ in batch]
    result = engine.score(requests)
    words = iter([scores.logprobs for scores in result.scores])
    found = [[next(words) for _ in one.passages] for one in batch]
    return [
        Support(
            probabilities=tuple(
                raw_verdict(float(one[Correctness.CORRECT]), float(one[Correctness.INCORRECT])) for one in verdicts
            ),
            usage=usage,
        )
        for verdicts, usage in zip(found, result.usage.split(len(batch)), strict=True)
    ]
