"""What a task is: which rows, how they are asked, how answers are graded. A file goes in, a `Task` comes out."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import MOST_SETTINGS_BYTES, read_bytes
from langchain_consensus.prompts import Wording

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HubSource", "Kind", "Task", "task_file"]

Kind = Literal["choice", "exact", "number", "truthful"]
"""How answers are graded: a choice by its place, an open answer by exact match, by its final number, or by which of the
true and false references it is closest to (see `grading`)."""


class HubSource(BaseModel):
    """Where a data set lies on the Hugging Face hub, and which function of `hub_rows` reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    path: str
    reader: str
    configs: tuple[str | None, ...] = (None,)
    """Configurations, one after the other."""
    split: str = "test"
    shots_split: str | None = None
    """The split that few-shot examples are taken from."""


class Task(BaseModel):
    """A benchmark. A file of your own in TOML has these names; see `task_file`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    kind: Kind
    data: str = ""
    """The folder of its `dev.jsonl` under `--data`, the task's name by default; in a file of your own, a JSONL file."""
    hub: HubSource | None = None
    chat_wording: str | Wording = "chat_qa"
    """How a model with a chat template is asked."""
    text_wording: str | Wording = "qa"
    """How a model without one is asked."""
    shots: int = Field(default=0, ge=0)
    """Few-shot examples in front of each question."""
    shots_file: str | None = None
    """Where they come from, beside `dev.jsonl`; examples of the question's own subject, where rows have one."""
    subject_header: str = ""
    """A line in front of the question, with `{subject}`."""
    draws: int = Field(default=8, ge=1)
    """Answers drawn for each open question."""
    max_new_tokens: int = Field(default=32, ge=1)
    licence: str = ""

    @property
    def folder(self) -> str:
        """Its folder under `--data`."""
        return self.data or self.name


def task_file(path: Path) -> Task:
    """The task that a TOML file describes; `data` in it is a path beside the file.

    Raises:
        InvalidInputError: If the file cannot be read or breaks a rule.
    """
    plain = read_bytes(path, what="`--task` takes a built-in name or a TOML file", most=MOST_SETTINGS_BYTES)
    try:
        task = Task.model_validate(tomllib.loads(plain.decode("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{path}: `{'.'.join(map(str, first['loc']))}`: {first['msg'].removeprefix('Value error, ')}."
        raise InvalidInputError(msg) from None
    except (ValueError, RecursionError) as error:
        msg = f"{path}: is no TOML ({error})."
        raise InvalidInputError(msg) from None
    if not task.data and task.hub is None:
        msg = f"{path}: has neither `data` nor `[hub]`; say where the rows are."
        raise InvalidInputError(msg)
    if task.data and not task.data.endswith(".jsonl"):
        msg = f"{path}: `data` is {task.data!r}; it must be a .jsonl file."
        raise InvalidInputError(msg)
    for field in ("data", "shots_file"):
        _check_beside(path, field, getattr(task, field))
    return task.model_copy(update={"data": str(path.parent / task.data)}) if task.data else task


def _check_beside(path: Path, field: str, name: str | None) -> None:
    """Refuses a file elsewhere: a task that someone sent must not read what its reader never meant to give it."""
    folder = path.parent.resolve()
    if name and not (folder / name).resolve().is_relative_to(folder):
        msg = f"{path}: `{field}` is {name!r}, which is not beside this file; put the rows into its folder or below it."
        raise InvalidInputError(msg)
