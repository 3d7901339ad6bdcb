"""Rankings with their right answers -> a `Profile`, for questions of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.evidence import evidence_of
from langchain_consensus.calibration.fit import calibrated
from langchain_consensus.calibration.logit import Labelled
from langchain_consensus.calibration.profile import wording_digest
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Wording

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.calibration.fit import Fitting
    from langchain_consensus.calibration.profile import Profile
    from langchain_consensus.ranking import Ranking

__all__ = ["calibrated_from"]


def calibrated_from(
    rankings: Sequence[Ranking],
    is_right: Sequence[Callable[[str], bool]],
    *,
    kept_share: float = 0.5,
    fitting: Fitting | None = None,
) -> Profile:
    """The profile of one model under one wording, from rankings of labelled questions.

    Args:
        rankings: Of 50 to 200 questions, by whatever rule and anchors.
        is_right: For each of them, whether the text of a candidate is a right answer.
        kept_share: The share of questions on which nothing is fitted: promises are proved with them.
        fitting: How to fit.

    Raises:
        InvalidInputError: If rankings and labels are not equally many, the rankings are of several models or
            wordings, with rivals or by several judges, there are too few, or their answers are all right or all wrong.
    """
    if len(rankings) != len(is_right) or not rankings:
        msg = f"`rankings` has {len(rankings)} entries and `is_right` {len(is_right)}; give one for each question."
        raise InvalidInputError(msg)
    first = rankings[0]
    wording = first.used_wording
    if not isinstance(wording, Wording):
        msg = f"`rankings` are under {wording!r}, which asks no question; give rankings of answers."
        raise InvalidInputError(msg)
    for one in rankings:
        if one.rivals:
            msg = f"`rankings` has one with rivals, of {one.question.text[:60]!r}; a profile is fitted without rivals."
            raise InvalidInputError(msg)
        if one.candidates[0].judges:
            msg = f"`rankings` has one by several judges, of {one.question.text[:60]!r}; a profile is fitted to one."
            raise InvalidInputError(msg)
        if one.model != first.model or one.used_wording != wording:
            msg = (
                f"`rankings` are of {first.model!r} under {first.wording!r} and of {one.model!r} under "
                f"{one.wording!r}; a profile holds for one model and one wording."
            )
            raise InvalidInputError(msg)
    items = [_labelled(one, right, wording) for one, right in zip(rankings, is_right, strict=True)]
    return calibrated(
        items,
        model=first.model,
        wording=wording.name,
        wording_digest=wording_digest(wording),
        kept_share=kept_share,
        fitting=fitting,
    )


def _labelled(ranking: Ranking, is_right: Callable[[str], bool], wording: Wording) -> Labelled:
    ordered = sorted(ranking.candidates, key=lambda one: one.position)
    sums = np.array([[one.generator_incorrect, one.generator_correct] for one in ordered]).T
    tokens = np.array([float(one.tokens) for one in ordered])
    return Labelled(
        evidence=evidence_of(
            generator=sums / tokens if wording.length == "mean" else sums,
            verdict_logprobs=np.array([[one.verdict_incorrect, one.verdict_correct] for one in ordered]).T,
            draws=np.array([float(one.draws) for one in ordered]),
        ),
        right=np.array([bool(is_right(one.text)) for one in ordered]),
    )
