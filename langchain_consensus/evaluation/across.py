"""Runs of one task against each other, item by item: stored runs go in, differences to the first of them come out.

For wordings, models or lengths that were scored on the same items; methods within a run are compared in `summary`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.evaluation.comparison import Accuracy, Difference, Resampled
from langchain_consensus.evaluation.methods import Method, decided

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.evaluation.classes import Length
    from langchain_consensus.evaluation.stored import StoredItem, StoredRun

__all__ = ["RunComparison", "compared_runs", "name_of_run"]

_METHODS = (Method.GENERATOR, Method.DISCRIMINATOR_RAW, Method.NORMALISED_PRODUCT, Method.ER_DISCRIMINATOR)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunComparison:
    """A run beside the first of its task, on the items that both have.

    Attributes:
        task: The task.
        name: The run's wording and model.
        reference: The first run's.
        items: How many items both have.
        accuracies: Of the run, for the methods that are compared.
        differences: The run's minus the reference's.
    """

    task: str
    name: str
    reference: str
    items: int
    accuracies: dict[Method, Accuracy]
    differences: dict[Method, Difference]


def compared_runs(runs: Sequence[StoredRun], *, length: Length | None = None) -> list[RunComparison]:
    """Every run that is not the first of its task and shares items with it, under the task's main metric."""
    first: dict[str, StoredRun] = {}
    found = []
    for run in runs:
        reference = first.setdefault(run.settings["task"]["name"], run)
        theirs = {item.id: item for item in reference.items if item.error is None}
        shared = [item for item in run.items if item.error is None and item.id in theirs]
        if run is not reference and shared:
            found.append(_compared(run, reference, shared, [theirs[item.id] for item in shared], length))
    return found


def _compared(
    run: StoredRun,
    reference: StoredRun,
    items: Sequence[StoredItem],
    theirs: Sequence[StoredItem],
    length: Length | None,
) -> RunComparison:
    metric = next(iter(items[0].candidates[0].right))
    mine = decided(items, length=length or run.settings["wording"]["length"], metric=metric)
    others = decided(theirs, length=length or reference.settings["wording"]["length"], metric=metric)
    accuracies, differences = {}, {}
    for method in _METHODS:
        rows = {"run": mine[method].right, "reference": others[method].right}
        accuracies[method] = Accuracy.counted(rows["run"])
        differences[method] = Resampled(rows).difference("run", "reference")
    return RunComparison(
        task=run.settings["task"]["name"],
        name=name_of_run(run),
        reference=name_of_run(reference),
        items=len(items),
        accuracies=accuracies,
        differences=differences,
    )


def name_of_run(run: StoredRun) -> str:
    """Its wording and its model."""
    return f"{run.settings['wording']['name']}, {run.settings['model']}"
