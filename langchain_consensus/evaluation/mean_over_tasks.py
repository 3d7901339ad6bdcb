"""One model over several tasks: stored runs go in, each method's mean over the tasks and what ER-D gains come out.

A task counts as much as any other, however many items it has. Intervals draw the items of each task anew and hold the
tasks fixed: they speak of these tasks and of no others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.evaluation.comparison import Gain, Resampled, gain_of
from langchain_consensus.evaluation.methods import Method, decided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.evaluation.classes import Length
    from langchain_consensus.evaluation.stored import StoredRun

    _Right = Mapping[str, NDArray[np.bool_]]

__all__ = ["MeanOverTasks", "means_over_tasks"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanOverTasks:
    """A model's methods over several tasks.

    Attributes:
        model: The model.
        tasks: The tasks, each under its own wording.
        items: How many items each has.
        accuracies: Of every method that all of them have, 0 to 1, the mean of the tasks' accuracies.
        gains: ER-D minus each of those methods.
    """

    model: str
    tasks: tuple[str, ...]
    items: tuple[int, ...]
    accuracies: dict[Method, float]
    gains: dict[Method, Gain]


def means_over_tasks(runs: Sequence[StoredRun], *, length: Length | None = None) -> list[MeanOverTasks]:
    """For every model, the tasks whose choices are given and those whose answers were drawn, where there are several.

    Args:
        runs: Of any tasks. A task's own wording counts and no other; of several runs the first.
        length: How the generator's log-probabilities are normalised; by default as each run's wording says.
    """
    groups: dict[tuple[str, bool], dict[str, StoredRun]] = {}
    for run in runs:
        task, items = run.settings["task"], [item for item in run.items if item.error is None]
        if items and run.settings["wording"]["name"] in _own_wordings(task):
            drawn = all(item.greedy is not None for item in items)
            groups.setdefault((run.settings["model"], drawn), {}).setdefault(task["name"], run)
    return [_mean(model, some, length) for (model, _), some in groups.items() if len(some) > 1]


def _own_wordings(task: Mapping[str, object]) -> set[object]:
    own = [task.get(field) for field in ("chat_wording", "text_wording")]
    return {one["name"] if isinstance(one, dict) else one for one in own}


def _mean(model: str, some: Mapping[str, StoredRun], length: Length | None) -> MeanOverTasks:
    rights = [_right(run, length) for run in some.values()]
    methods = [method for method in Method if all(method in right for right in rights)]
    mine = Method.ER_DISCRIMINATOR
    # Each task has resamples of its own, so that those of two tasks are independent.
    sampled = [Resampled(right, seed=number) for number, right in enumerate(rights)]
    accuracies = {method: float(np.mean([right[method].mean() for right in rights])) for method in methods}
    resampled = {method: np.mean([one.means(method) for one in sampled], axis=0) for method in methods}
    return MeanOverTasks(
        model=model,
        tasks=tuple(some),
        items=tuple(len(right[mine]) for right in rights),
        accuracies=accuracies,
        gains={
            method: gain_of(accuracies[mine] - accuracies[method], resampled[mine] - resampled[method])
            for method in methods
            if method is not mine
        },
    )


def _right(run: StoredRun, length: Length | None) -> _Right:
    items = [item for item in run.items if item.error is None]
    metric = next(iter(items[0].candidates[0].right))
    decisions = decided(items, length=length or run.settings["wording"]["length"], metric=metric)
    return {method: one.right for method, one in decisions.items()}
