"""The answers to one question, equal ones taken together as one candidate with its draws counted.

What "equal" means is a function from text to key: `answer_key`. Sampled answers are compared without case, quotes,
final punctuation and spacing (`normalised_text`); given ones must agree to the letter (`exact_text`), since options may
well differ in case alone.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_consensus.engine.base import Usage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from langchain_consensus.engine.base import Sample

    AnswerKey = Callable[[str], str]

__all__ = [
    "Candidate",
    "Candidates",
    "Member",
    "exact_text",
    "given",
    "merged_by_key",
    "normalised_text",
]


_AROUND = " \"'`*_“”\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}«»"
"""Quotes and Markdown's emphasis: they stand around an answer and are no part of it."""
_AFTER = ".,;:!?"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One distinct string of a candidate.

    Attributes:
        text: The string, stripped.
        draws: How often it was drawn; 1 if it was given, 0 of a rival.
        sample: One of its draws with the engine's log-probabilities, or `None` if it was given.
    """

    text: str
    draws: int
    sample: Sample | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """An answer: a class of strings that mean the same.

    Attributes:
        key: What its members have in common.
        members: Its distinct strings, in the order of their first occurrence.
        position: Index of its first occurrence among the answers that were given or drawn, rivals behind them.
        is_rival: Whether it was drawn as an incorrect answer, for a lone one to be compared with; see `rivals`.
    """

    key: str
    members: tuple[Member, ...]
    position: int
    is_rival: bool = False

    @property
    def text(self) -> str:
        """The member drawn most often, the first of them on a tie."""
        return max(self.members, key=lambda member: member.draws).text

    @property
    def draws(self) -> int:
        """How often any member was drawn."""
        return sum(member.draws for member in self.members)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """The distinct answers to one question, in the order of their first occurrence, and what they cost.

    Attributes:
        question: What was asked.
        items: At least one candidate.
        sampled: Whether the model drew them; given candidates are one draw each, which is no vote.
        empty: Draws without a visible character; they are no candidates.
        cut: Draws that ended at the length limit.
        unfinished: Draws under a grammar that were cut before they had its form; they are no candidates.
        usage: Tokens spent on drawing.
    """

    question: Question
    items: tuple[Candidate, ...]
    sampled: bool
    empty: int = 0
    cut: int = 0
    unfinished: int = 0
    usage: Usage = field(default_factory=Usage)


def exact_text(text: str) -> str:
    """The text with runs of whitespace as one space."""
    return " ".join(text.split())


def normalised_text(text: str) -> str:
    """The text without case, outer quotes and emphasis, final punctuation, extra spacing or Unicode variants.

    Signs that belong to an answer stay: -5, $5 and 5% are three answers, and so are C, C++ and C#.
    """
    folded = exact_text(unicodedata.normalize("NFKC", text).casefold())
    return folded.lstrip(_AROUND).rstrip(_AROUND + _AFTER) or folded


def given(question: Question | str, texts: Sequence[str], *, answer_key: AnswerKey | None = None) -> Candidates:
    """The candidates that the caller has already.

    Args:
        question: What they answer.
        texts: At least one answer, none without a visible character.
        answer_key: Two answers with the same key are one candidate; `exact_text` by default.

    Raises:
        InvalidInputError: If there is none, or one is no visible text.
    """
    asked = Question(text=question) if isinstance(question, str) else question
    if isinstance(texts, str) or not texts:
        msg = f"`candidates` is {texts!r}; it must be a list of at least one answer."
        raise InvalidInputError(msg)
    for position, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            msg = f"`candidates[{position}]` is {text!r}; it must be a text with at least one visible character."
            raise InvalidInputError(msg)
    items = merged_by_key(((text, None) for text in texts), answer_key or exact_text)
    return Candidates(question=asked, items=items, sampled=False)


def merged_by_key(answers: Iterable[tuple[str, Sample | None]], answer_key: AnswerKey) -> tuple[Candidate, ...]:
    """The distinct answers among `answers`, texts with the draws that they come from."""
    classes: dict[str, dict[str, tuple[int, Sample | None]]] = {}
    first: dict[str, int] = {}
    for position, (raw, sample) in enumerate(answers):
        text = raw.strip()
        key = answer_key(text)
        first.setdefault(key, position)
        members = classes.setdefault(key, {})
        draws, kept = members.get(text, (0, None))
        members[text] = (draws + 1, _better(kept, sample))
    return tuple(
        Candidate(
            key=key,
            members=tuple(Member(text=text, draws=n, sample=sample) for text, (n, sample) in members.items()),
            position=first[key],
        )
        for key, members in classes.items()
    )


def _better(kept: Sample | None, new: Sample | None) -> Sample | None:
    """The draw whose log-probability can stand for the text's: a canonical one, and one that ended by itself."""
    if kept is None or new is None:
        return new or kept
    return max((kept, new), key=lambda sample: (sample.canonical, sample.end_logprob is not None))
