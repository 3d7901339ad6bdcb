"""An evaluation: options are checked, then each task is scored under each wording and summarised, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.cli.eval_run import EvalRun, score_and_summarise
from langchain_consensus.cli.exits import FAILED
from langchain_consensus.dependencies import require
from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.items import check_prompts, items_of, shuffled
from langchain_consensus.evaluation.methods import DRAWN_ONLY, method_named
from langchain_consensus.evaluation.sources import rows_of
from langchain_consensus.evaluation.tasks import task_named
from langchain_consensus.evaluation.wordings import evaluation_wording
from langchain_consensus.prompts import Wording

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.cli.eval_model import EvalModel
    from langchain_consensus.cli.passes import Cluster
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.evaluation.sources import TaskRows
    from langchain_consensus.evaluation.task import Task

__all__ = ["EvalJob", "Overrides"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """What options say instead of the task; `None` leaves it to the task."""

    shots: int | None
    draws: int | None
    max_new_tokens: int | None
    temperature: float
    seed: int

    def applied(self, task: Task) -> Task:
        """The task with these in place of its own."""
        given = {"shots": self.shots, "draws": self.draws, "max_new_tokens": self.max_new_tokens}
        for name, value in given.items():
            least = 0 if name == "shots" else 1
            if value is not None and value < least:
                shown = "n" if name == "draws" else name
                msg = f"`{shown}` is {value}; it must be a whole number of at least {least}."
                raise InvalidInputError(msg)
        return task.model_copy(update={name: value for name, value in given.items() if value is not None})

    def sampling(self, task: Task) -> SamplingSettings:
        """How answers to the task's open questions are drawn."""
        return SamplingSettings(
            n=task.draws, max_new_tokens=task.max_new_tokens, temperature=self.temperature, seed=self.seed
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalJob:
    """What the options say; see `eval`."""

    tasks: tuple[str, ...]
    wordings: tuple[str, ...]
    data: Path | None
    output: Path
    limit: int | None
    shuffle_seed: int | None
    batch_size: int
    baseline: str
    overrides: Overrides
    model: EvalModel
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        for name, value in (("limit", self.limit), ("batch_size", self.batch_size)):
            if value is not None and value < 1:
                msg = f"`{name}` is {value}; it must be a whole number of at least 1."
                raise InvalidInputError(msg)
        method_named(self.baseline)

    def run(self) -> int:
        """The exit code, after every task has its scores and its summary.

        Every name, file and row is checked before anything is loaded or written.

        Raises:
            InvalidInputError: If one of them breaks a rule.
            MissingDependencyError: If the extra `eval` is not installed.
        """
        require("eval", "scipy", "sklearn")
        tasks = [self.overrides.applied(task_named(name)) for name in self.tasks]
        named = [evaluation_wording(name) for name in self.wordings]
        rows = [rows_of(task, self.data) for task in tasks]
        engine = self.model.make()
        runs = [
            self._run(task, found, wording, engine)
            for task, found in zip(tasks, rows, strict=True)
            for wording in named or [_own_wording(task, engine)]
        ]
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = (
                f"{self.output}: cannot be made ({error.strerror}); give an --output in a folder that you may write to."
            )
            raise InvalidInputError(msg) from error
        failed = [score_and_summarise(run, self.model, engine, self.cluster) for run in runs]
        return FAILED if any(failed) else 0

    def _run(self, task: Task, found: TaskRows, wording: Wording, engine: Engine) -> EvalRun:
        if wording.kind == "chat" and not engine.is_chat:
            msg = (
                f"`wording` is {wording.name!r}, a chat, and {engine.name!r} has no chat template; leave --wording to "
                "the task, or choose one of plain text."
            )
            raise InvalidInputError(msg)
        if task.kind == "choice" and self.baseline in DRAWN_ONLY:
            msg = f"`baseline` is {self.baseline!r}, which needs draws, and task {task.name!r} has given choices."
            raise InvalidInputError(msg)
        items = shuffled(items_of(task, found, wording), self.shuffle_seed)
        check_prompts(items, wording)
        return EvalRun(
            task=task,
            wording=wording,
            items=tuple(items),
            limit=min(self.limit or len(items), len(items)),
            batch_size=self.batch_size,
            baseline=self.baseline,
            sampling=None if task.kind == "choice" else self.overrides.sampling(task),
            output=self.output / f"{task.name}.{wording.name}.jsonl",
            settings={
                "task": task.model_dump(mode="json"),
                "wording": wording.model_dump(mode="json"),
                "data_sha256": found.sha256,
                "shuffle_seed": self.shuffle_seed,
                "batch_size": self.batch_size,
                "sampling": None
                if task.kind == "choice"
                else {"temperature": self.overrides.temperature, "seed": self.overrides.seed},
            },
            source=found.source,
        )


def _own_wording(task: Task, engine: Engine) -> Wording:
    chosen = task.chat_wording if engine.is_chat else task.text_wording
    return chosen if isinstance(chosen, Wording) else evaluation_wording(chosen)
