"""Where rows come from: a folder of JSONL files, or the hub. A task goes in, its rows and few-shot rows come out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_consensus.dependencies import require
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.hub_rows import READERS
from langchain_consensus.evaluation.rows import read_rows, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.evaluation.rows import Row
    from langchain_consensus.evaluation.task import HubSource, Task

__all__ = ["TaskRows", "rows_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRows:
    """The rows of a task, those that few-shot examples are taken from, and where they lie.

    Attributes:
        rows: The items, in the order of their source.
        examples: Empty where the task takes no shots.
        source: A path, or the data set's id on the hub.
    """

    rows: tuple[Row, ...]
    examples: tuple[Row, ...]
    source: str

    @property
    def sha256(self) -> str:
        """A hash of all that is read of the rows, wherever they come from."""
        digest = hashlib.sha256()
        for row in (*self.rows, *self.examples):
            digest.update(row.model_dump_json().encode() + b"\n")
        return digest.hexdigest()


def rows_of(task: Task, data: Path | None) -> TaskRows:
    """The rows of a task.

    Args:
        task: The task.
        data: The folder with a folder a task, each with `dev.jsonl`; without it they come from the hub. A task of your
            own names its own file, which goes before both.

    Raises:
        InvalidInputError: If a file is missing, or a row breaks a rule of the task.
        MissingDependencyError: If the hub is needed and `datasets` is not installed.
    """
    own = Path(task.data) if task.data.endswith(".jsonl") else None
    if own is not None or data is not None:
        file = own if own is not None else Path(data or ".") / task.folder / "dev.jsonl"
        examples = read_rows(file.with_name(_shots_file(task))) if task.shots else []
        found = TaskRows(rows=tuple(read_rows(file)), examples=tuple(examples), source=str(file))
    elif task.hub is not None:
        examples = _hub_rows(task, task.hub, task.hub.shots_split) if task.shots else []
        found = TaskRows(
            rows=tuple(_hub_rows(task, task.hub, task.hub.split)), examples=tuple(examples), source=task.hub.path
        )
    else:
        msg = f"Task {task.name!r} has no data set on the hub; give `--data DIR` with {task.folder}/dev.jsonl in it."
        raise InvalidInputError(msg)
    for row in found.rows:
        _check(task, row, found.source)
    return found


def _shots_file(task: Task) -> str:
    if task.shots_file is None:
        msg = f"Task {task.name!r} has no file of few-shot examples; leave `--shots` out, or set `shots_file`."
        raise InvalidInputError(msg)
    return task.shots_file


def _check(task: Task, row: Row, source: str) -> None:
    if task.kind == "choice":
        lacking = (
            None if len(row.choices) > 1 and row.answer_index is not None else "two `choices` and an `answer_index`"
        )
    else:
        lacking = None if row.answers else "one of `answers`"
    if task.kind == "truthful" and not row.incorrect_answers:
        lacking = "one of `incorrect_answers`"
    if lacking is not None:
        msg = f"{source}: item {row.id!r} lacks what task {task.name!r} needs: at least {lacking}."
        raise InvalidInputError(msg)


def _hub_rows(task: Task, hub: HubSource, split: str | None) -> list[Row]:
    require("eval", "datasets", otherwise="or give `--data DIR`")
    if split is None:
        msg = f"Task {task.name!r} has no split of few-shot examples on the hub; leave `--shots` out."
        raise InvalidInputError(msg)
    if hub.reader not in READERS:
        msg = f"Task {task.name!r}: `hub.reader` is {hub.reader!r}; it must be one of {', '.join(READERS)}."
        raise InvalidInputError(msg)
    rows: list[Row] = []
    for config in hub.configs:
        name = "/".join(part for part in (task.folder, config, split) if part)
        rows += _read(_loaded(hub.path, config, split), name, hub.reader)
    return rows


def _read(raw_rows: Sequence[Any], name: str, reader: str) -> list[Row]:
    found = []
    for number, raw in enumerate(raw_rows):
        where = f"{name}/{number}"
        try:
            plain = READERS[reader](raw, where)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
            msg = f"{where}: the row is not as the reader {reader!r} expects ({type(error).__name__}: {error})."
            raise InvalidInputError(msg) from error
        found.append(row_of(plain, where=where))
    return found


def _loaded(path: str, config: str | None, split: str) -> Sequence[Any]:
    import datasets

    try:
        loaded: Sequence[Any] = datasets.load_dataset(path, config, split=split)
    except (OSError, ValueError, RuntimeError) as error:
        msg = (
            f"The data set {path!r} cannot be loaded from the hub ({type(error).__name__}: {error}); check the "
            "connection, or give `--data DIR`."
        )
        raise InvalidInputError(msg) from error
    return loaded
