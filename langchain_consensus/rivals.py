"""Step 1, on request: a lone answer gets rivals, answers that the model gives when it is asked for an incorrect one.

With one distinct candidate the game says nothing, and neither does a comparison of views. Rivals have no draws and are
never the answer; what they do to its confidence is the rule of `ranking.against`. Questions with two or more distinct
answers are left as they are.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final, Protocol

from langchain_consensus.candidates import drawn, gathered, normalised_text
from langchain_consensus.engine.base import Usage
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.engine.sampler import is_sampling
from langchain_consensus.errors import EngineError, InvalidInputError, NonFiniteScoreError
from langchain_consensus.game import Correctness
from langchain_consensus.observation import Step, watched
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import RIVAL_ATTEMPTS, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import AnswerKey, Candidate, Candidates
    from langchain_consensus.engine.base import Engine, Sample, SamplingSettings
    from langchain_consensus.engine.sampler import SamplingEngine
    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Wording

__all__ = ["Asking", "Contest", "check_rivals", "with_rivals"]

_FIRST_TEMPERATURE: Final = 1.0
"""Of rivals to greedy answers: greedy rivals would all be one, and often the answer."""


class Contest(Protocol):
    """The options that rivals must fit."""

    @property
    def rivals(self) -> int:
        """How many rivals are drawn for a lone answer; 0 for none."""
        ...

    @property
    def rule(self) -> Rule:
        """By which score candidates are ranked."""
        ...

    @property
    def anchors(self) -> str:
        """What the game starts from."""
        ...

    @property
    def calibration(self) -> object:
        """A profile, or `None`."""
        ...

    @property
    def wording(self) -> Wording | str:
        """How the views are asked."""
        ...


class Asking(Contest, Protocol):
    """What drawing rivals needs of the pipeline."""

    @property
    def engine(self) -> Engine | SamplingEngine:
        """What is drawn from."""
        ...

    @property
    def sampling(self) -> SamplingSettings:
        """How answers are drawn."""
        ...

    @property
    def answer_key(self) -> AnswerKey | None:
        """When two answers are one candidate."""
        ...

    @property
    def observer(self) -> Observer | None:
        """Who is told of the step."""
        ...

    def used_wording(self) -> Wording:
        """The wording that is used."""
        ...

    def merged(self, batch: list[Candidates]) -> list[Candidates]:
        """The candidates with those that mean the same as one, if that is asked for."""
        ...


def check_rivals(options: Contest) -> None:
    """Checks how many rivals are asked for, and that the other options leave room for them.

    Raises:
        InvalidInputError: If it is no number, or another option excludes rivals.
    """
    count: object = options.rivals
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        msg = f"`rivals` is {count!r}; it must be a whole number of at least 0."
        raise InvalidInputError(msg)
    if not count:
        return
    named = isinstance(options.wording, str) and options.wording != "auto"
    wording = wording_named(str(options.wording)) if named else options.wording
    for is_so, what, why in (
        (options.rule is Rule.MAJORITY, "`rule` is 'majority'", "rivals have no draws to count"),
        (options.anchors != "paper", f"`anchors` is {options.anchors!r}", "their weights would follow from the rivals"),
        (options.calibration is not None, "`calibration` is set", "a profile knows answers without rivals only"),
        (getattr(wording, "answer_as", "") == "letter", "`wording` answers by letter", "no answer can be drawn so"),
    ):
        if is_so:
            msg = f"`rivals` is {count} and {what}: {why}. Change it, or set `rivals` to 0."
            raise InvalidInputError(msg)


def with_rivals(pipeline: Asking, batch: Sequence[Candidates]) -> list[Candidates]:
    """The candidates, a lone one with at most `pipeline.rivals` rivals behind it, and what they cost added.

    Each time, all questions that have none yet are one call of the engine; a question that has none after three times
    stays as it is.

    Raises:
        NonFiniteScoreError: If the model gives NaN for some; its `places` are those of the questions in the batch.
        LimitExceededError: If an answer's draws and the rivals are more candidates than the engine's limit.
        DeadlineExceededError: If the time of a `deadline` around the call is over.
    """
    found = list(batch)
    waiting = [place for place, one in enumerate(batch) if len(one.items) == 1]
    if not pipeline.rivals or not waiting:
        return found
    most = max(batch[place].items[0].draws for place in waiting)
    limits_of(pipeline.engine).check_candidates(most + pipeline.rivals)
    with watched(pipeline.observer, Step(name="rivals", questions=len(batch))) as done:
        for attempt in range(RIVAL_ATTEMPTS):
            current_call().check()
            for place, one in zip(waiting, _tried(pipeline, found, waiting, attempt), strict=True):
                found[place] = one
            waiting = [place for place in waiting if len(found[place].items) == 1]
            if not waiting:
                break
        spent = [_less(one.usage, old.usage) for one, old in zip(found, batch, strict=True)]
        done(candidates=[len(one.items) for one in found], usages=spent)
    return found


def _tried(pipeline: Asking, found: Sequence[Candidates], waiting: Sequence[int], attempt: int) -> list[Candidates]:
    """Those at `waiting` after one more call for rivals; a rival that means the same as the answer is none."""
    batch = [found[place] for place in waiting]
    settings, n = pipeline.sampling, pipeline.rivals
    settings = replace(settings, n=n, first=attempt * n, temperature=settings.temperature or _FIRST_TEMPERATURE)
    if is_sampling(pipeline.engine):  # its draws are the model's own
        settings = replace(settings, temperature=1.0, top_p=1.0, top_k=0, min_p=0.0)
    questions = [one.question for one in batch]
    try:
        result = drawn(pipeline.engine, pipeline.used_wording(), questions, settings, Correctness.INCORRECT)
    except NonFiniteScoreError as error:
        raise NonFiniteScoreError(str(error), tuple(waiting[place] for place in error.places)) from error
    shares = result.usage.split(len(batch))
    beside = [
        _beside(pipeline.answer_key, replace(one, usage=one.usage + share), samples, has_form=bool(settings.grammar))
        for one, samples, share in zip(batch, result.samples, shares, strict=True)
    ]
    return [
        replace(one, items=(old.items[0], *(item for item in one.items if item.is_rival)))
        for one, old in zip(pipeline.merged(beside), batch, strict=True)
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
