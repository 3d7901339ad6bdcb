"""What the two views are like on a task, before any method joins them. Stored items go in, facts come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.diagnosis import LEAST_MASS, LEAST_SPREAD, spread
from langchain_consensus.evaluation.classes import answers_of
from langchain_consensus.evaluation.comparison import Accuracy
from langchain_consensus.game import ConsensusGame, Correctness
from langchain_consensus.verdicts import log_odds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.evaluation.classes import Length
    from langchain_consensus.evaluation.stored import StoredItem

    FloatArray = NDArray[np.float64]

__all__ = ["ViewFacts", "view_facts"]

_C = Correctness.CORRECT


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewFacts:
    """Averages over the items.

    Attributes:
        candidates: Distinct answers of an item.
        chance: Accuracy of choosing among them at random.
        covered: Share of items of which some candidate is right; no ranking can do better.
        disagreement: Share of items on which the two anchors' best answers differ.
        wrong_where_agreed: Share of wrong answers where they are the same, with its interval; `None` if nowhere.
        raw_disagreement: As `disagreement`, of the generator's score and the judge's raw verdict.
        label_mass: The judge's probability on its two words together.
        judge_silent: Share of items with a mass below 1/2: the judge is not answering.
        judge_flat: Share of items whose verdicts differ by less than 0.1 nats: the judge cannot tell the answers apart.
        contrast_flat: Share of items on which asking for an incorrect answer hardly changes the generator.
        verdict_correct: The judge's mean raw P(correct) over all candidates; far from `chance`, it says yes (or no) to
            everything.
        without_answer: Share of draws that answer nothing, such as a chain without a number.
        cut: Share of draws that ended at the length limit.
    """

    candidates: float
    chance: float
    covered: float
    disagreement: float
    wrong_where_agreed: Accuracy | None
    raw_disagreement: float
    label_mass: float
    judge_silent: float
    judge_flat: float
    contrast_flat: float
    verdict_correct: float
    without_answer: float
    cut: float


def view_facts(items: Sequence[StoredItem], *, length: Length, metric: str) -> ViewFacts:
    """The facts over items with at least one candidate each."""
    answers = [answers_of(item, length=length, metric=metric) for item in items]
    game = ConsensusGame.from_log_scores(
        generator=[one.generator for one in answers], discriminator=[one.discriminator for one in answers]
    )
    generators = np.argmax(game.generator_log_anchor[:, _C], axis=1)
    judges = np.array(
        [
            int(np.argmax(log_odds(game.discriminator_log_anchor[i, :, : len(one.draws)])))
            for i, one in enumerate(answers)
        ]
    )
    agreed = generators == judges
    wrong = np.array([not one.right[choice] for one, choice in zip(answers, judges, strict=True)])
    masses = np.array([float(np.exp(one.words).sum(axis=0).mean()) for one in answers])
    draws = sum(candidate.count for item in items for candidate in item.candidates)
    return ViewFacts(
        candidates=_mean([len(one.draws) for one in answers]),
        chance=_mean([float(one.right.mean()) for one in answers]),
        covered=_mean([bool(one.right.any()) for one in answers]),
        disagreement=float((~agreed).mean()),
        wrong_where_agreed=Accuracy.counted(wrong[agreed]) if agreed.any() else None,
        raw_disagreement=_mean([int(np.argmax(one.generator[_C])) != int(np.argmax(one.verdict)) for one in answers]),
        label_mass=float(masses.mean()),
        judge_silent=float((masses < LEAST_MASS).mean()),
        judge_flat=_mean([spread(log_odds(one.discriminator)) < LEAST_SPREAD for one in answers]),
        contrast_flat=_mean([spread(log_odds(one.generator)) < LEAST_SPREAD for one in answers]),
        verdict_correct=float(np.concatenate([one.verdict for one in answers]).mean()),
        without_answer=sum(c.count for item in items for c in item.candidates if not c.key) / draws,
        cut=sum(item.cut for item in items) / draws,
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
