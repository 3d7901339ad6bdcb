"""Stored scores: raw log-probabilities of both views for every candidate of every item, one JSON object a line.

The names are those of the machine-readable output (`results`). Any method can be computed again from them.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.results import GeneratorScores, UsageResult, VerdictScores

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StoredCandidate", "StoredGreedy", "StoredItem", "StoredRun", "read_run", "stored_item"]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class StoredCandidate(_Stored):
    """A distinct string with both views of it."""

    position: int
    """Index of its first occurrence among the choices or draws, from 0."""
    count: int
    """How often it was drawn; 1 if it was given."""
    key: str
    """Candidates of one key are one answer; an empty key is no answer."""
    right: dict[str, bool]
    """Whether it is right, under each of the task's metrics."""
    characters: int
    """Length of the string that was scored."""
    text: str | None = None
    """What the model wrote; `None` for a choice of the data set."""
    generator: GeneratorScores
    discriminator: VerdictScores


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
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        meta_path = path.with_name(path.name.removesuffix(".gz") + ".meta.json")
        meta = json.loads(meta_path.read_text("utf-8"))
        settings, notes = meta["settings"], meta["notes"]
    except OSError as error:
        msg = f"{error.filename or path}: cannot be read ({error.strerror or error}); give files that `eval` wrote."
        raise InvalidInputError(msg) from error
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path}: its .meta.json cannot be understood ({error}); give files that `eval` wrote."
        raise InvalidInputError(msg) from error
    items = []
    for number, line in enumerate(raw[: raw.rfind(b"\n") + 1].splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            msg = f"{where}: is no JSON ({error}); was it edited?"
            raise InvalidInputError(msg) from None
        items.append(stored_item(record, where=where))
    return StoredRun(path=path, settings=settings, notes=notes, items=tuple(items))
