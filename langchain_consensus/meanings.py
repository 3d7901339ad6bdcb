"""Step 1, on request: candidates that mean the same become one, by the engine's own judgement.

Two answers mean the same if each says that the other is true, to the question that was asked: entailment both ways,
as in semantic entropy (arXiv:2302.09664, section 3.2). All pairs of a batch are one call of the engine. A candidate
joins the first class whose first member it matches, so that a chain of small differences does not tie the ends
together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations
from math import log
from typing import TYPE_CHECKING

from langchain_consensus.engine.base import ScoreRequest
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt, Message, TextPrompt
from langchain_consensus.views import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.candidates import Candidate, Candidates
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.prompts import Prompt, Question

__all__ = ["Meanings", "merged_by_meaning"]

_SYSTEM = "You compare answers to a question."
_CHAT = (
    "{context}Question: {question}\nOne answer: {first}\nAnother answer: {second}\n"
    "If the one answer is right, is the other answer right as well, because it says the same? Reply Yes or No."
)
_TEXT = (
    "{context}Question: {question}\nOne answer: {first}\nAnother answer: {second}\n"
    "If the one answer is right, is the other answer right as well, because it says the same? Yes or no:"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Meanings:
    """How candidates are merged by what they mean.

    Attributes:
        least_probability: Probability of "yes", normalised over "yes" and "no", that both directions must reach; above
            0 and at most 1. A higher one merges less.
    """

    least_probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.least_probability <= 1:
            msg = f"`least_probability` is {self.least_probability!r}; it must be above 0 and at most 1."
            raise InvalidInputError(msg)


def merged_by_meaning(engine: Engine, batch: Sequence[Candidates], meanings: Meanings) -> list[Candidates]:
    """The candidates of every question with those that mean the same as one, and the tokens that it took added.

    The merged candidate has the key and the position of the first and the members and draws of all. A question with
    `N` candidates takes `N (N - 1)` prompts, which share their beginnings.
    """
    wanted = [(place, pair) for place, one in enumerate(batch) for pair in permutations(range(len(one.items)), 2)]
    if not wanted:
        return list(batch)
    words = ("No", "Yes") if engine.is_chat else (" no", " yes")
    result = engine.score(
        [ScoreRequest(prompt=_prompt(engine, batch[place], *pair), continuations=words) for place, pair in wanted]
    )
    says_so: list[set[tuple[int, int]]] = [set() for _ in batch]
    for (place, pair), scores in zip(wanted, result.scores, strict=True):
        if normalised(scores.logprobs[:, None])[1, 0] >= log(meanings.least_probability):
            says_so[place].add(pair)
    return [
        replace(one, items=_joined(one.items, _both_ways(said)), usage=one.usage + share)
        for one, said, share in zip(batch, says_so, result.usage.split(len(batch)), strict=True)
    ]


def _both_ways(said: set[tuple[int, int]]) -> Callable[[int, int], bool]:
    return lambda i, j: (i, j) in said and (j, i) in said


def _joined(items: Sequence[Candidate], same: Callable[[int, int], bool]) -> tuple[Candidate, ...]:
    classes: list[list[int]] = []
    for place in range(len(items)):
        home = next((group for group in classes if same(group[0], place)), None)
        if home is None:
            classes.append([place])
        else:
            home.append(place)
    return tuple(
        replace(items[group[0]], members=tuple(member for place in group for member in items[place].members))
        for group in classes
    )


def _prompt(engine: Engine, candidates: Candidates, first: int, second: int) -> Prompt:
    question: Question = candidates.question
    fields = {
        "context": f"Context: {question.context}\n" if question.context else "",
        "question": question.text,
        "first": candidates.items[first].text,
        "second": candidates.items[second].text,
    }
    if not engine.is_chat:
        return TextPrompt(text=_TEXT.format(**fields))
    said = (Message(role="system", content=_SYSTEM), Message(role="user", content=_CHAT.format(**fields)))
    return ChatPrompt(messages=said)
