"""What is asked of the model: rows go in, items with their few-shot examples come out."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.evaluation.rows import Row
    from langchain_consensus.evaluation.sources import TaskRows
    from langchain_consensus.evaluation.task import Task
    from langchain_consensus.prompts import Wording

__all__ = ["Item", "check_prompts", "items_of", "shuffled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A question with what is known of its answer.

    Attributes:
        id: Its name.
        question: What is asked; few-shot examples and passages are its context.
        gold_index: The right choice, from 0, or `None` for an open question.
        answers: The right answers of an open question.
        incorrect_answers: Wrong ones, where the set has them.
    """

    id: str
    question: Question
    gold_index: int | None
    answers: tuple[str, ...]
    incorrect_answers: tuple[str, ...]


def items_of(task: Task, found: TaskRows, wording: Wording) -> list[Item]:
    """The items of a task, in the order of its rows."""
    return [
        Item(
            id=row.id,
            question=Question(text=row.question, context=_context(task, row, found, wording), choices=row.choices),
            gold_index=row.answer_index,
            answers=row.answers,
            incorrect_answers=row.incorrect_answers,
        )
        for row in found.rows
    ]


def shuffled(items: Sequence[Item], seed: int | None) -> list[Item]:
    """The items in the order that Python's `random.Random(seed).shuffle` gives them; as they are without a seed."""
    order = list(items)
    if seed is not None:
        random.Random(seed).shuffle(order)  # noqa: S311 - an order that others can repeat, no secret
    return order


def check_prompts(items: Sequence[Item], wording: Wording) -> None:
    """Checks that every item can be asked in this wording.

    Raises:
        InvalidInputError: If one cannot; the message begins with its id.
    """
    for item in items:
        try:
            wording.generator_prompt(item.question, correctness=1)
            for answer in item.question.choices[:1]:
                wording.continuation(item.question, answer)
                wording.discriminator_prompt(item.question, answer)
        except InvalidInputError as error:
            msg = f"item {item.id!r}: {error}"
            raise InvalidInputError(msg) from error


def _context(task: Task, row: Row, found: TaskRows, wording: Wording) -> str | None:
    parts = [task.subject_header.format(subject=(row.subject or "").replace("_", " "))] if task.subject_header else []
    if task.shots:
        own = [one for one in found.examples if one.subject is None or one.subject == row.subject]
        if len(own) < task.shots:
            msg = f"Task {task.name!r} has {len(own)} few-shot examples for item {row.id!r}; `shots` is {task.shots}."
            raise InvalidInputError(msg)
        parts += [_example(one, wording) for one in own[: task.shots]]
    if row.context is not None:
        parts.append(row.context)
    return "\n\n".join(parts) or None


def _example(row: Row, wording: Wording) -> str:
    letters = string.ascii_uppercase
    listed = [f"{letter}. {choice}" for letter, choice in zip(letters, row.choices, strict=False)]
    if row.answer_index is not None:
        answer = letters[row.answer_index] if wording.answer_as == "letter" else row.choices[row.answer_index]
    else:
        answer = row.answers[0]
        if row.rationale is not None:
            answer = f"{_without_marks(row.rationale)}\nThe answer is {answer}."
    head = row.question if listed else f"Question: {row.question}"
    return "\n".join([head, *listed, f"Answer: {answer}"])


def _without_marks(rationale: str) -> str:
    """GSM8K's worked solutions without the calculator's <<...>>."""
    kept, rest = "", rationale
    while "<<" in rest:
        before, _, rest = rest.partition("<<")
        kept, rest = kept + before, rest.partition(">>")[2]
    return kept + rest
