"""Stored items -> labelled evidence, as `calibration` takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.calibration.evidence import evidence_of
from langchain_consensus.calibration.logit import Labelled
from langchain_consensus.evaluation.classes import answers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.calibration.evidence import Evidence
    from langchain_consensus.evaluation.classes import Answers, Length
    from langchain_consensus.evaluation.stored import StoredItem

__all__ = ["evidence_in", "labelled_items"]


def evidence_in(answers: Answers) -> Evidence:
    """What the views say of the answers to an item."""
    return evidence_of(generator=answers.generator, verdict_logprobs=answers.words, draws=answers.draws)


def labelled_items(items: Sequence[StoredItem], *, length: Length, metric: str) -> list[Labelled]:
    """The evidence of items with at least one candidate each, and which answers are right under the metric."""
    answers = [answers_of(item, length=length, metric=metric) for item in items]
    return [Labelled(evidence=evidence_in(one), right=one.right) for one in answers]
