"""A calibration: scores are found or made, a profile is fitted to them, written, and described in a few lines."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.calibration.fit import Fitting, calibrated
from langchain_consensus.calibration.profile import wording_digest
from langchain_consensus.cli.eval_job import EvalJob, Overrides
from langchain_consensus.cli.exits import FAILED
from langchain_consensus.cli.show import say
from langchain_consensus.dependencies import require
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.labelled import labelled_items
from langchain_consensus.evaluation.stored import read_run
from langchain_consensus.evaluation.tasks import task_named
from langchain_consensus.prompts import Wording

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.calibration.logit import Labelled
    from langchain_consensus.calibration.profile import Profile
    from langchain_consensus.cli.eval_model import EvalModel
    from langchain_consensus.evaluation.stored import StoredRun

__all__ = ["CalibrateJob"]

_RISKS = (0.05, 0.1, 0.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrateJob:
    """What the options say; see `calibrate`."""

    tasks: tuple[str, ...]
    out: Path
    scores: Path
    data: Path | None
    wording: str | None
    limit: int
    seed: int
    kept: float
    batch_size: int
    model: EvalModel

    def __post_init__(self) -> None:
        if self.limit < 1:
            msg = f"`limit` is {self.limit}; it must be a whole number of at least 1."
            raise InvalidInputError(msg)
        if not self.out.parent.is_dir():
            msg = f"{self.out}: cannot be written, there is no folder {self.out.parent}; make it first."
            raise InvalidInputError(msg)

    def run(self) -> None:
        """Scores what has no scores yet, fits and writes.

        Raises:
            InvalidInputError: If an option breaks a rule, scores are of several models or wordings, or labels are too
                few.
            MissingDependencyError: If the extra `calibration` is not installed.
        """
        require("calibration", "scipy", "sklearn")
        names = [task_named(name).name for name in self.tasks]
        if any(self._file(name) is None for name in names) and self._score() == FAILED:
            say("some questions have no scores; the profile is fitted without them.")
        runs = [read_run(self._found(name)) for name in names]
        profile = self._fitted(runs)
        profile.save(self.out)
        for line in _described(profile):
            say(line)
        say(f"profile in {self.out}")

    def _file(self, task: str) -> Path | None:
        """The scores of a task, if they are there."""
        files = sorted(self.scores.glob(f"{task}.{self.wording or '*'}.jsonl*"))
        files = [path for path in files if path.name.endswith((".jsonl", ".jsonl.gz"))]
        if len(files) > 1:
            msg = f"{self.scores}: holds {', '.join(path.name for path in files)}; choose one with --wording."
            raise InvalidInputError(msg)
        return files[0] if files else None

    def _found(self, task: str) -> Path:
        path = self._file(task)
        if path is None:
            msg = f"{self.scores}: holds no scores of {task!r}; look at what was said above."
            raise InvalidInputError(msg)
        return path

    def _score(self) -> int:
        return EvalJob(
            tasks=self.tasks,
            wordings=() if self.wording is None else (self.wording,),
            data=self.data,
            output=self.scores,
            limit=self.limit,
            shuffle_seed=self.seed,
            batch_size=self.batch_size,
            baseline="generator",
            overrides=Overrides(shots=None, draws=None, max_new_tokens=None, temperature=1.0, seed=self.seed),
            model=self.model,
        ).run()

    def _fitted(self, runs: list[StoredRun]) -> Profile:
        first = runs[0].settings
        for run in runs:
            for name in ("model", "wording"):
                if run.settings[name] != first[name]:
                    msg = f"{run.path}: is of another {name} than {runs[0].path}; a profile holds for one of each."
                    raise InvalidInputError(msg)
        wording = Wording.model_validate(first["wording"])
        return calibrated(
            [one for run in runs for one in self._labelled(run, wording)],
            model=first["model"],
            model_hash=first.get("model_hash"),
            wording=wording.name,
            wording_digest=wording_digest(wording),
            tasks=[run.settings["task"]["name"] for run in runs],
            kept_share=self.kept,
            fitting=Fitting(seed=self.seed),
        )

    def _labelled(self, run: StoredRun, wording: Wording) -> list[Labelled]:
        """At most `limit` of a run's items, by chance where it has more."""
        items = [item for item in run.items if item.error is None and item.candidates]
        if not items:
            msg = f"{run.path}: no item has scores; there is nothing to fit."
            raise InvalidInputError(msg)
        if len(items) > self.limit:
            items = random.Random(self.seed).sample(items, self.limit)  # noqa: S311
        metric = next(iter(items[0].candidates[0].right))
        return labelled_items(items, length=wording.length, metric=metric)


def _described(profile: Profile) -> list[str]:
    """What was learned, and what can be promised with it."""
    kept = 0 if profile.kept is None else len(profile.kept.right)
    weights = ", ".join(f"{name} {value:.2f}" for name, value in profile.weights.model_dump().items())
    lines = [f"{profile.questions} questions fitted, {kept} kept apart; weights: {weights}"]
    for risk in _RISKS:
        try:
            found = profile.threshold(risk)
        except InvalidInputError as error:
            lines.append(f"--max-risk {risk:g}: not possible. {error}")
        else:
            lines.append(
                f"--max-risk {risk:g}: answers at confidence {found.value:.3f} and above, {found.answered} of "
                f"{found.of} kept questions, {found.wrong} of them wrong"
            )
    return lines
