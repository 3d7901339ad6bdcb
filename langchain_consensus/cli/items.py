"""JSONL files of questions with choices: a path goes in, checked items come out, or an error with file and line.

An object a line: `question`, `choices` (at least one), and optionally `id` (a text or a whole number; the number of
the line by default), `context` and `answer_index` (from 0). Other names are ignored, `null` is as good as nothing, and
so are empty lines.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.cli.pipeline import check_text, shortened
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import json_of, read_bytes
from langchain_consensus.prompts import Question

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from langchain_consensus.prompts import Wording

__all__ = ["Item", "ItemFile", "check_prompts", "read_items", "selected"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One line of the input.

    Attributes:
        id: Its name; no other item has it.
        line: Its line, from 1.
        question: What is asked, with the choices, which are the candidates.
        gold_index: Which choice is right, from 0, where the file says so.
    """

    id: str
    line: int
    question: Question
    gold_index: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemFile:
    """The items of a file, in its order, and the SHA-256 of its bytes."""

    path: Path
    items: tuple[Item, ...]
    sha256: str


def read_items(path: Path) -> ItemFile:
    """The items of a file, every line of it checked.

    Raises:
        InvalidInputError: If it cannot be read, or a line breaks a rule; the message begins with file and line.
    """
    data = read_bytes(path, what="`--input` must be a JSONL file")
    items: dict[str, Item] = {}
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            item = _item(number, raw)
            _check_new(item, items)
        except InvalidInputError as error:
            msg = f"{path}:{number}: {error}"
            raise InvalidInputError(msg) from error
        items[item.id] = item
    if not items:
        msg = f"{path}: holds no item; it must hold one JSON object a line, each with `question` and `choices`."
        raise InvalidInputError(msg)
    return ItemFile(path=path, items=tuple(items.values()), sha256=hashlib.sha256(data).hexdigest())


def selected(items: Sequence[Item], *, shuffle_seed: int | None, limit: int | None) -> list[Item]:
    """The first `limit` items, in the order that Python's `random.Random(shuffle_seed).shuffle` gives them.

    Args:
        items: In the order of their file, which stays without a seed.
        shuffle_seed: The seed, if they are to be shuffled.
        limit: How many are wanted at most; all of them without a limit.

    Raises:
        InvalidInputError: If `limit` is below 1.
    """
    if limit is not None and limit < 1:
        msg = f"`limit` is {limit}; it must be a whole number of at least 1."
        raise InvalidInputError(msg)
    order = list(items)
    if shuffle_seed is not None:
        random.Random(shuffle_seed).shuffle(order)  # noqa: S311 - an order that others can repeat, no secret
    return order[:limit]


def check_prompts(file: ItemFile, wording: Wording) -> None:
    """Checks that every item can be asked in this wording.

    Raises:
        InvalidInputError: If one cannot; the message begins with file and line.
    """
    for item in file.items:
        try:
            wording.generator_prompt(item.question, correctness=1)
            wording.discriminator_prompt(item.question, item.question.choices[0])
        except InvalidInputError as error:
            msg = f"{file.path}:{item.line}: {error}"
            raise InvalidInputError(msg) from error


def _item(number: int, raw: bytes) -> Item:
    record = _object(raw)
    text = check_text("question", record.get("question"))
    choices = record.get("choices")
    if not isinstance(choices, list) or not choices:
        msg = f"`choices` is {shortened(choices)}; it must be a list of at least one text."
        raise InvalidInputError(msg)
    texts = tuple(check_text(f"choices[{place}]", choice) for place, choice in enumerate(choices))
    context = record.get("context")
    context = None if context in (None, "") else check_text("context", context)
    return Item(
        id=_id(record, number),
        line=number,
        question=Question(text=text, context=context, choices=texts),
        gold_index=_gold_index(record, len(texts)),
    )


def _object(raw: bytes) -> dict[str, Any]:
    try:
        record = json_of(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        msg = f"byte {error.start + 1} of the line (0x{raw[error.start]:02x}) is no UTF-8; save the file as UTF-8."
        raise InvalidInputError(msg) from error
    except ValueError as error:
        msg = f"the line is no JSON ({error}); every line must be one JSON object."
        raise InvalidInputError(msg) from error
    if not isinstance(record, dict):
        msg = f"the line is {shortened(record)}; every line must be one JSON object with `question` and `choices`."
        raise InvalidInputError(msg)
    return record


def _id(record: dict[str, Any], number: int) -> str:
    name = record.get("id")
    if name is None:
        return str(number)
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    return check_text("id", name)


def _gold_index(record: dict[str, Any], choices: int) -> int | None:
    index = record.get("answer_index")
    if index is None:
        return None
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < choices:
        msg = f"`answer_index` is {shortened(index)}; it must be a place in `choices`, from 0 to {choices - 1}."
        raise InvalidInputError(msg)
    return index


def _check_new(item: Item, items: dict[str, Item]) -> None:
    if item.id in items:
        msg = f"`id` is {shortened(item.id)}, which line {items[item.id].line} has already; every item needs its own."
        raise InvalidInputError(msg)
