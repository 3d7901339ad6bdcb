"""What every data set is brought to: one row an item. A plain object goes in, a checked `Row` comes out."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictInt, ValidationError, model_validator

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import json_of, read_bytes

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Row", "read_rows", "row_of"]

_RECEIVED = reprlib.Repr()
_RECEIVED.maxstring = _RECEIVED.maxother = 60


def _visible(text: str) -> str:
    if not text.strip():
        msg = "a text needs at least one visible character"
        raise ValueError(msg)
    text.encode()  # half a surrogate pair is no text; the error is a ValueError
    return text


Text = Annotated[str, AfterValidator(_visible)]


class Row(BaseModel):
    """An item of a data set; other names are ignored, and `null` is as good as nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    id: Text
    """Its name; no other row of the set has it."""
    question: Text
    context: Text | None = None
    """A passage that the answer rests on."""
    choices: tuple[Text, ...] = ()
    answer_index: StrictInt | None = None
    """The right choice, from 0."""
    answers: tuple[Text, ...] = ()
    """Right answers of an open question."""
    incorrect_answers: tuple[Text, ...] = ()
    subject: str | None = None
    rationale: str | None = None
    """A worked solution, for few-shot examples."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        kept = {
            name: value for name, value in data.items() if value is not None and not (name == "context" and value == "")
        }
        if isinstance(kept.get("id"), int) and not isinstance(kept["id"], bool):
            kept["id"] = str(kept["id"])
        return kept

    @model_validator(mode="after")
    def _check_answer(self) -> Row:
        if self.answer_index is not None and not 0 <= self.answer_index < len(self.choices):
            msg = (
                f"`answer_index` is {self.answer_index}; it must be a place in `choices`, which are {len(self.choices)}"
            )
            raise ValueError(msg)
        return self


def row_of(data: object, *, where: str) -> Row:
    """The row that `data` describes.

    Args:
        data: A plain object.
        where: File and line, or data set and number, for the message.

    Raises:
        InvalidInputError: If it breaks a rule.
    """
    try:
        return Row.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        received = "" if name == "" else f"`{name}` is {_RECEIVED.repr(first['input'])}: "
        msg = f"{where}: {received}{said}."
        raise InvalidInputError(msg) from None


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file, in its order, every line of it checked.

    Raises:
        InvalidInputError: If it cannot be read or holds no row, or a line breaks a rule; the message begins with file
            and line.
    """
    data = read_bytes(path, what="it must be a JSONL file, one object a line")
    rows: dict[str, Row] = {}
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not raw.strip():
            continue
        where = f"{path}:{number}"
        row = row_of(_object(raw, where), where=where)
        if row.id in rows:
            msg = f"{where}: `id` is {row.id!r}, which an earlier line has already; every row needs its own."
            raise InvalidInputError(msg)
        rows[row.id] = row
    if not rows:
        msg = f"{path}: holds no row; it must hold one JSON object a line."
        raise InvalidInputError(msg)
    return list(rows.values())


def _object(raw: bytes, where: str) -> object:
    try:
        return json_of(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        msg = f"{where}: byte {error.start + 1} of the line is no UTF-8; save the file as UTF-8."
        raise InvalidInputError(msg) from None
    except ValueError as error:
        msg = f"{where}: the line is no JSON ({error}); every line must be one JSON object."
        raise InvalidInputError(msg) from None
