"""Stored scores: raw log-probabilities of both views for every candidate of every item, one JSON object a line.

The names are those of the machine-readable output (`results`). Any method can be computed again from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import MOST_SETTINGS_BYTES, check_format, json_of, read_bytes, unpacked_bytes
from langchain_consensus.result_parts import GeneratorScores, UsageResult, VerdictScores

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RESULTS_FORMAT", "StoredCandidate", "StoredGreedy", "StoredItem", "StoredRun", "read_run", "stored_item"]


RESULTS_FORMAT = 1
"""Raised whenever what a line of results or its `.meta.json` means changes. Files without a number are of the first."""

_MOST_TOKENS = 2**31

_WHAT = "give files that `eval` wrote"


class _Named(BaseModel):
    name: str


class _Asked(_Named):
    length: Literal["sum", "mean"]


class _Settings(BaseModel):
    """What every summary says of a run; there is more in the settings."""

    model_config = ConfigDict(extra="allow")

    task: _Named
    wording: _Asked
    model: str


class _Meta(BaseModel):
    """What stands beside a file of results."""

    format: int = 1
    settings: _Settings
    notes: dict[str, Any]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


_Place = Annotated[int, Field(ge=0, le=2**31)]
_Count = Annotated[int, Field(ge=1, le=2**31)]


class StoredCandidate(_Stored):
    """A distinct string with both views of it."""

    position: _Place
    """Index of its first occurrence among the choices or draws, from 0."""
    count: _Count
    """How often it was drawn; 1 if it was given."""
    key: str
    """Candidates of one key are one answer; an empty key is no answer."""
    right: dict[str, bool]
    """Whether it is right, under each of the task's metrics."""
    characters: _Count
    """Length of the string that was scored."""
    text: str | None = None
    """What the model wrote; `None` for a choice of the data set."""
    generator: GeneratorScores
    discriminator: VerdictScores

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if not (self.right and 1 <= self.generator.tokens <= _MOST_TOKENS):
            msg = f"`right` must not be empty, and `generator.tokens` must be from 1 to {_MOST_TOKENS:,}"
            raise ValueError(msg)
        return self


class StoredGreedy(_Stored):
    """The answer of greedy decoding."""

    text: str
    key: str
    right: dict[str, bool]


class StoredItem(_Stored):
    """The scores of one item, or why it has none."""

    id: str
    candidates: tuple[StoredCandidate, ...] = ()
    greedy: StoredGreedy | None = None
    empty: int = 0
    """Draws without a visible character."""
    cut: int = 0
    """Draws that ended at the length limit."""
    usage: UsageResult = Field(default_factory=UsageResult)
    error: str | None = None

    @model_validator(mode="after")
    def _check_scored(self) -> Self:
        if not self.candidates and self.error is None:
            msg = "an item has at least one candidate, or an `error` that says why it has none"
            raise ValueError(msg)
        return self

    def line(self) -> dict[str, Any]:
        """The object that is written, JSON's own types only."""
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRun:
    """The stored scores of one task under one wording.

    Attributes:
        path: Their file.
        settings: What decided them: task, wording, model, data; see `cli.eval_run`.
        notes: What else is known of how they were made, such as versions.
        items: In the order of the run, failed ones among them.
    """

    path: Path
    settings: dict[str, Any]
    notes: dict[str, Any]
    items: tuple[StoredItem, ...]


def stored_item(record: object, *, where: str) -> StoredItem:
    """The item that a line describes.

    Raises:
        InvalidInputError: If it is none; the message begins with `where`.
    """
    try:
        return StoredItem.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{where}: is no stored item (`{'.'.join(map(str, first['loc']))}`: {first['msg']}); was it edited?"
        raise InvalidInputError(msg) from None


def read_run(path: Path) -> StoredRun:
    """The stored scores of a file, plain or gzipped; what is known of them lies beside it in `.meta.json`.

    Raises:
        InvalidInputError: If a file is missing, damaged, or of another kind.
    """
    raw = (unpacked_bytes if path.suffix == ".gz" else read_bytes)(path, what=_WHAT)
    meta_path = path.with_name(path.name.removesuffix(".gz") + ".meta.json")
    plain = read_bytes(meta_path, what=_WHAT, most=MOST_SETTINGS_BYTES)
    try:
        found = json_of(plain)
        meta = _Meta.model_validate(found)
    except ValueError as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        why = f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}" if first else error
        msg = f"{path}: its .meta.json cannot be understood ({why}); give files that `eval` wrote."
        raise InvalidInputError(msg) from error
    check_format(meta.format, RESULTS_FORMAT, where=str(meta_path), remedy="Score again, into a new file.")
    items = []
    for number, line in enumerate(raw[: raw.rfind(b"\n") + 1].splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            record = json_of(line)
        except ValueError as error:
            msg = f"{where}: is no JSON ({error}); was it edited?"
            raise InvalidInputError(msg) from None
        items.append(stored_item(record, where=where))
        _check_metrics(items[0], items[-1], where)
    return StoredRun(path=path, settings=found["settings"], notes=meta.notes, items=tuple(items))


def _metrics(item: StoredItem) -> set[frozenset[str]]:
    greedy = [] if item.greedy is None else [item.greedy.right]
    return {frozenset(right) for right in (*(one.right for one in item.candidates), *greedy)}


def _check_metrics(first: StoredItem, item: StoredItem, where: str) -> None:
    """Refuses an item that was not graded as the first was."""
    if len(_metrics(first) | _metrics(item)) > 1:
        msg = f"{where}: `right` has other metrics than the first item's; was it edited?"
        raise InvalidInputError(msg)
