"""Step 1, on request: a lone answer gets rivals, answers that the model gives when it is asked for an incorrect one.

With one distinct candidate the game says nothing, and neither does a comparison of views. Rivals have no draws and are
never the answer; what they do to its confidence is the rule of `ranking.against`. Questions with two or more distinct
answers are left as they are.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

from langchain_consensus.candidates import normalised_text
from langchain_consensus.drawing import merged
from langchain_consensus.draws import drawn, gathered
from langchain_consensus.engine.base import Usage
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.engine.sampler import is_sampling
from langchain_consensus.errors import EngineError, NonFiniteScoreError
from langchain_consensus.game import Correctness
from langchain_consensus.observation import Step, watched
from langchain_consensus.ranking import RIVAL_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import AnswerKey, Candidate, Candidates
    from langchain_consensus.engine.base import Sample
    from langchain_consensus.options import PipelineOptions

__all__ = ["with_rivals"]

_FIRST_TEMPERATURE: Final = 1.0
"""Of rivals to greedy answers: greedy rivals would all be one, and often the answer."""


def with_rivals(options: PipelineOptions, batch: Sequence[Candidates]) -> list[Candidates]:
    """The candidates, a lone one with at most `options.rivals` rivals behind it, and what they cost added.

    Each time, all questions that have none yet are one call of the engine; a question that has none after three times
    stays as it is.

    Raises:
        NonFiniteScoreError: If the model gives NaN for some; its `places` are those of the questions in the batch.
        LimitExceededError: If an answer's draws and the rivals are more candidates than the engine's limit.
        DeadlineExceededError: If the time of a `deadline` around the call is over.
    """
    found = list(batch)
    waiting = [place for place, one in enumerate(batch) if len(one.items) == 1]
    if not options.rivals or not waiting:
        return found
    most = max(batch[place].items[0].draws for place in waiting)
    limits_of(options.engine).check_candidates(most + options.rivals)
    with watched(options.observer, Step(name="rivals", questions=len(batch))) as done:
        for attempt in range(RIVAL_ATTEMPTS):
            current_call().check()
            for place, one in zip(waiting, _tried(options, found, waiting, attempt), strict=True):
                found[place] = one
            waiting = [place for place in waiting if len(found[place].items) == 1]
            if not waiting:
                break
        spent = [_less(one.usage, old.usage) for one, old in zip(found, batch, strict=True)]
        done(candidates=[len(one.items) for one in found], usages=spent)
    return found


def _tried(
    options: PipelineOptions, found: Sequence[Candidates], waiting: Sequence[int], attempt: int
) -> list[Candidates]:
    """Those at `waiting` after one more call for rivals; a rival that means the same as the answer is none."""
    batch = [found[place] for place in waiting]
    settings, n = options.sampling, options.rivals
    settings = replace(settings, n=n, first=attempt * n, temperature=settings.temperature or _FIRST_TEMPERATURE)
    if is_sampling(options.engine):  # its draws are the model's own
        settings = replace(settings, temperature=1.0, top_p=1.0, top_k=0, min_p=0.0)
    questions = [one.question for one in batch]
    try:
        result = drawn(options.engine, options.used_wording(), questions, settings, Correctness.INCORRECT)
    except NonFiniteScoreError as error:
        raise NonFiniteScoreError(str(error), tuple(waiting[place] for place in error.places)) from error
    shares = result.usage.split(len(batch))
    beside = [
        _beside(options.answer_key, replace(one, usage=one.usage + share), samples, has_form=bool(settings.grammar))
        for one, samples, share in zip(batch, result.samples, shares, strict=True)
    ]
    return [
        replace(one, items=(old.items[0], *(item for item in one.items if item.is_rival)))
        for one, old in zip(merged(options, beside), batch, strict=True)
    ]


def _beside(answer_key: AnswerKey | None, lone: Candidates, samples: Sequence[Sample], *, has_form: bool) -> Candidates:
    """A lone answer with those of other draws that are not it."""
    try:
        others = gathered(lone.question, samples, Usage(), answer_key=answer_key, has_form=has_form)
    except EngineError:  # all are empty, or none is complete under the grammar
        return lone
    key, [answer] = answer_key or normalised_text, lone.items
    own = {key(member.text) for member in answer.members}
    rivals = [_rival(one) for one in others.items if one.key not in own]
    placed = (replace(one, position=answer.draws + place) for place, one in enumerate(rivals))
    return replace(lone, items=(answer, *placed), cut=lone.cut + others.cut)


def _rival(candidate: Candidate) -> Candidate:
    """What was drawn under the incorrect condition: it is no vote, and its log-probability is that condition's."""
    return replace(
        candidate, members=tuple(replace(member, draws=0, sample=None) for member in candidate.members), is_rival=True
    )


def _less(usage: Usage, before: Usage) -> Usage:
    return Usage(**{one.name: getattr(usage, one.name) - getattr(before, one.name) for one in fields(Usage)})
