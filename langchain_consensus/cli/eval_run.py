"""One task under one wording: missing scores are computed and stored, then all of them are summarised.

Batches are fixed chunks of the items in their order, whatever is stored already and whatever the limit is, so that a
run that was interrupted and continued, or made longer, computes the very numbers of one that was not.
"""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from langchain_consensus import __version__
from langchain_consensus.cli.output import OutputFile, Recorded, meta_path
from langchain_consensus.cli.passes import passed
from langchain_consensus.cli.progress import progress_bar
from langchain_consensus.cli.show import say, visible
from langchain_consensus.errors import ConsensusError, InvalidInputError
from langchain_consensus.evaluation.grading import grader_for
from langchain_consensus.evaluation.scoring_pass import drawn_items, given_items
from langchain_consensus.evaluation.stored import StoredItem, StoredRun, stored_item
from langchain_consensus.evaluation.summary import summarised, summary_json
from langchain_consensus.files import json_of, read_bytes, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from langchain_consensus.cli.eval_model import EvalModel
    from langchain_consensus.cli.passes import Cluster
    from langchain_consensus.engine.base import Engine, SamplingSettings
    from langchain_consensus.evaluation.items import Item
    from langchain_consensus.evaluation.task import Task
    from langchain_consensus.prompts import Wording

    Score = Callable[[Sequence[Item]], list[StoredItem]]

__all__ = ["EvalRun", "EvalWork", "score_and_summarise"]

_PACKAGES = ("torch", "transformers", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalRun:
    """What is scored, how, and where the scores go.

    Attributes:
        task: The task.
        wording: How it is asked.
        items: All of its items in the order of the run.
        limit: How many of them are wanted.
        batch_size: Items scored in one call.
        baseline: The method that others are compared with.
        sampling: How answers are drawn; `None` where choices are given.
        output: The file of scores.
        settings: What decides the scores, besides the model.
        source: Where the rows come from.
    """

    task: Task
    wording: Wording
    items: tuple[Item, ...]
    limit: int
    batch_size: int
    baseline: str
    sampling: SamplingSettings | None
    output: Path
    settings: dict[str, Any]
    source: str

    @property
    def name(self) -> str:
        """Task and wording."""
        return f"{self.task.name}.{self.wording.name}"

    @property
    def summary_path(self) -> Path:
        """Where the summary goes."""
        return self.output.with_suffix(".summary.json")

    def scorer(self, engine: Engine) -> Score:
        """The function that scores a batch of its items."""
        sampling = self.sampling
        if sampling is None:
            return lambda items: given_items(engine, self.wording, items)
        grader = grader_for(self.task.kind)
        return lambda items: drawn_items(engine, self.wording, items, sampling, grader)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalWork:
    """Scoring as it is done with batches, here or on another machine."""

    run: EvalRun
    model: EvalModel
    engine: Engine | None

    def begin(self) -> Score:
        """Loads the model, and gives the function that scores a batch."""
        engine = self.engine or self.model.make()
        self.model.load(engine, self.run.wording)
        score = self.run.scorer(engine)
        return lambda batch: _each(score, batch)

    def portable(self) -> EvalWork:
        """The same without the engine and the items."""
        return replace(self, engine=None, run=replace(self.run, items=()))


def score_and_summarise(run: EvalRun, model: EvalModel, engine: Engine, cluster: Cluster | None = None) -> bool:
    """Whether any item failed, after all scores are stored and the summary is written."""
    notes = {"source": run.source, "device_map": model.settings.device_map, "versions": _versions()}
    work = EvalWork(run=run, model=model, engine=engine)
    recorded = Recorded(settings={**run.settings, **model.deciding(engine)}, notes=notes)
    wanted = [item.id for item in run.items[: run.limit]]
    with OutputFile(run.output, recorded) as output:
        stored = {
            name: stored_item(record, where=f"{run.output}: item {name!r}") for name, record in output.written.items()
        }

        def finish(item: StoredItem) -> None:
            output.write(item.line())
            stored[item.id] = item

        try:
            _score_missing(work, cluster, stored, finish)
        except KeyboardInterrupt:
            say(f"interrupted: {len(stored)} items are in {run.output}; run the same command again to go on.")
            raise
    items = tuple(stored[name] for name in wanted)
    summary = summarised(
        StoredRun(path=run.output, settings=dict(recorded.settings), notes=_notes_of(run.output), items=items),
        baseline=run.baseline,
    )
    write_whole(run.summary_path, summary_json(summary))
    say(f"{run.name}: {summary.sentence()}, in {run.summary_path}")
    return any(item.error is not None for item in items)


def _score_missing(
    work: EvalWork, cluster: Cluster | None, stored: dict[str, StoredItem], finish: Callable[[StoredItem], None]
) -> None:
    run, begun = work.run, time.perf_counter()
    wanted = {item.id for item in run.items[: run.limit]}
    missing = len(wanted - stored.keys())
    if not missing:
        return
    # Whole chunks, even where the limit cuts one: what is packed together must not depend on the limit.
    chunks = [run.items[start : start + run.batch_size] for start in range(0, run.limit, run.batch_size)]
    batches = [chunk for chunk in chunks if any(item.id in wanted and item.id not in stored for item in chunk)]
    with progress_bar() as progress:
        bar = progress.add_task(run.name, total=run.limit, completed=run.limit - missing)
        for found in passed(work, batches, cluster):
            for scored in found:
                if scored.id in stored or scored.id not in wanted:
                    continue
                if scored.error is not None:
                    progress.console.print(visible(f"error: {scored.id!r} failed: {scored.error}"), soft_wrap=True)
                finish(scored)
                progress.advance(bar)
    say(f"{run.name}: {missing} items scored in {time.perf_counter() - begun:.0f} s")


def _each(score: Score, batch: Sequence[Item]) -> list[StoredItem]:
    """All in one call; where that fails, one by one, so that one failure takes nothing else with it."""
    try:
        return score(batch)
    except ConsensusError as error:
        if len(batch) == 1:
            return [StoredItem(id=batch[0].id, error=str(error))]
    return [scored for one in batch for scored in _each(score, [one])]


def _notes_of(output: Path) -> dict[str, Any]:
    """The notes of the run that began the file, so that a summary does not depend on who continued it."""
    path = meta_path(output)
    try:
        notes: dict[str, Any] = dict(json_of(read_bytes(path, what="it lies beside what `eval` wrote"))["notes"])
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{path}: cannot be understood ({error}); give another --output."
        raise InvalidInputError(msg) from error
    return notes


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "langchain-consensus": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
