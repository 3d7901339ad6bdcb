"""The one step that needs a model: items go in, raw log-probabilities of both views come out, as stored items.

What is stored is ids and scores: no text of a data set, and of open questions the model's own answers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from langchain_consensus.candidates import given
from langchain_consensus.draws import sampled
from langchain_consensus.evaluation.stored import StoredCandidate, StoredGreedy, StoredItem
from langchain_consensus.game import Correctness
from langchain_consensus.result_parts import GeneratorScores, UsageResult, VerdictScores
from langchain_consensus.views import scored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.engine.base import Engine, SamplingSettings
    from langchain_consensus.evaluation.grading import Grader
    from langchain_consensus.evaluation.items import Item
    from langchain_consensus.prompts import Wording
    from langchain_consensus.views import Views

__all__ = ["drawn_items", "given_items"]

_I, _C = Correctness.INCORRECT, Correctness.CORRECT


def given_items(engine: Engine, wording: Wording, items: Sequence[Item]) -> list[StoredItem]:
    """The scores of every item's choices; one call of the engine. Choices of equal text are one candidate."""
    batch = [given(item.question, item.question.choices) for item in items]
    found = []
    for item, candidates, views in zip(items, batch, scored(engine, wording, batch), strict=True):
        gold = item.question.choices[item.gold_index or 0].strip()
        stored = [
            _candidate(
                item,
                wording,
                candidates,
                views,
                place,
                key=str(one.position),
                right={"accuracy": any(member.text == gold for member in one.members)},
            )
            for place, one in enumerate(candidates.items)
        ]
        found.append(StoredItem(id=item.id, candidates=tuple(stored), usage=UsageResult.of(views.usage)))
    return found


def drawn_items(
    engine: Engine, wording: Wording, items: Sequence[Item], settings: SamplingSettings, grader: Grader
) -> list[StoredItem]:
    """Draws answers to every item, and one greedy answer; stores the scores of every distinct string.

    Args:
        engine: What to draw from and score with.
        wording: How the items are asked.
        items: What is asked.
        settings: How to draw.
        grader: Which answers are the same, and which are right.

    Raises:
        EngineError: If no draw of an item has a visible character.
    """
    questions = [item.question for item in items]
    batch = sampled(engine, wording, questions, settings, answer_key=lambda text: text)
    prompts = [wording.generator_prompt(question, correctness=1) for question in questions]
    greedy = engine.sample(prompts, replace(settings, n=1, temperature=0.0, stop=(*settings.stop, *wording.stop)))
    shares = greedy.usage.split(len(items))
    found = []
    for number, (item, candidates, views) in enumerate(zip(items, batch, scored(engine, wording, batch), strict=True)):
        stored = [
            _candidate(
                item,
                wording,
                candidates,
                views,
                place,
                key=grader.key(one.text),
                right=grader.grades(one.text, item),
                text=one.text,
            )
            for place, one in enumerate(candidates.items)
        ]
        said = greedy.samples[number][0].text.strip()
        usage = candidates.usage + views.usage + shares[number]
        found.append(
            StoredItem(
                id=item.id,
                candidates=tuple(stored),
                greedy=StoredGreedy(text=said, key=grader.key(said), right=grader.grades(said, item)),
                empty=candidates.empty,
                cut=candidates.cut,
                usage=UsageResult.of(usage),
            )
        )
    return found


def _candidate(
    item: Item,
    wording: Wording,
    candidates: Candidates,
    views: Views,
    place: int,
    *,
    key: str,
    right: dict[str, bool],
    text: str | None = None,
) -> StoredCandidate:
    one = candidates.items[place]
    return StoredCandidate(
        position=one.position,
        count=one.draws if candidates.sampled else 1,
        key=key,
        right=right,
        characters=len(wording.continuation(item.question, one.text)),
        text=text,
        generator=GeneratorScores(
            correct=float(views.generator_logprobs[_C, place]),
            incorrect=float(views.generator_logprobs[_I, place]),
            tokens=int(views.generator_tokens[place]),
        ),
        discriminator=VerdictScores(
            correct=float(views.verdict_logprobs[_C, place]), incorrect=float(views.verdict_logprobs[_I, place])
        ),
    )
