"""Two judges from stored scores: runs of one task go in, what their judges are worth alone and together comes out.

The generator is the first run's throughout; another run of the same items, under another wording or by another model,
lends its verdicts. Nothing is asked of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.evaluation.across import name_of_run
from langchain_consensus.evaluation.classes import answers_of
from langchain_consensus.evaluation.comparison import Accuracy, Difference, Resampled
from langchain_consensus.evaluation.labelled import evidence_in
from langchain_consensus.evaluation.methods import chosen
from langchain_consensus.game import ConsensusGame, PiKL, solve, with_judges
from langchain_consensus.judges import Judge
from langchain_consensus.judging import shares_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.evaluation.classes import Answers, Length
    from langchain_consensus.evaluation.stored import StoredItem, StoredRun
    from langchain_consensus.game import Solver

__all__ = ["SETTINGS", "JudgesComparison", "compared_judges"]

SETTINGS = ("first", "second", "alike", "informed")
"""Who judges: the first run's judge alone, the other run's alone, or both, weighed alike or by informativeness."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgesComparison:
    """ER-D of the first run's generator with each judge alone and with both.

    Attributes:
        task: The task.
        first: The wording and the model of the first run.
        second: Of the run that lends its verdicts.
        items: How many items both have, with the same candidates.
        informed: What the two judges weigh by their informativeness.
        accuracies: Under each of `SETTINGS`.
        differences: Each minus `first`, on the same items.
    """

    task: str
    first: str
    second: str
    items: int
    informed: tuple[float, float]
    accuracies: dict[str, Accuracy]
    differences: dict[str, Difference]


def compared_judges(
    runs: Sequence[StoredRun], *, length: Length | None = None, solver: Solver | None = None
) -> list[JudgesComparison]:
    """The judge of every run that is not the first of its task beside the first one's, under the task's main metric.

    Args:
        runs: Of any tasks. Items that the runs do not share, or whose candidates differ, are left out.
        length: How the generator's log-probabilities are normalised; by default as the first run's wording says.
        solver: `PiKL()` by default.
    """
    first: dict[str, StoredRun] = {}
    found = []
    for run in runs:
        reference = first.setdefault(run.settings["task"]["name"], run)
        shared = [] if run is reference else _shared(reference, run)
        if shared:
            found.append(_compared(reference, run, shared, length, solver or PiKL()))
    return found


def _shared(reference: StoredRun, run: StoredRun) -> list[tuple[StoredItem, StoredItem]]:
    theirs = {item.id: item for item in run.items if item.error is None}
    pairs = [(item, theirs[item.id]) for item in reference.items if item.error is None and item.id in theirs]
    return [(one, other) for one, other in pairs if _strings(one) == _strings(other)]


def _strings(item: StoredItem) -> list[tuple[int, str, str | None]]:
    return [(one.position, one.key, one.text) for one in item.candidates]


def _lent(item: StoredItem, other: StoredItem) -> StoredItem:
    """The item with the other one's verdicts."""
    candidates = [
        mine.model_copy(update={"discriminator": theirs.discriminator})
        for mine, theirs in zip(item.candidates, other.candidates, strict=True)
    ]
    return item.model_copy(update={"candidates": tuple(candidates)})


def _compared(
    reference: StoredRun,
    run: StoredRun,
    shared: Sequence[tuple[StoredItem, StoredItem]],
    length: Length | None,
    solver: Solver,
) -> JudgesComparison:
    metric = next(iter(shared[0][0].candidates[0].right))
    used: Length = length or reference.settings["wording"]["length"]
    judges = [
        [answers_of(item, length=used, metric=metric) for item in items]
        for items in ([one for one, _ in shared], [_lent(one, other) for one, other in shared])
    ]
    shown = [InformedAnchors().informativeness([evidence_in(one) for one in each]) for each in judges]
    one, other = shares_of([Judge(), Judge()], shown)
    weights = {"first": (1.0, 0.0), "second": (0.0, 1.0), "alike": (0.5, 0.5), "informed": (one, other)}
    right = {name: _right(judges, weights[name], solver) for name in SETTINGS}
    resampled = Resampled(right)
    return JudgesComparison(
        task=reference.settings["task"]["name"],
        first=name_of_run(reference),
        second=name_of_run(run),
        items=len(shared),
        informed=(one, other),
        accuracies={name: Accuracy.counted(row) for name, row in right.items()},
        differences={name: resampled.difference(name, "first") for name in SETTINGS},
    )


def _right(judges: Sequence[Sequence[Answers]], weights: tuple[float, float], solver: Solver) -> NDArray[np.bool_]:
    """Which items ER-D gets right."""
    generator = [one.generator for one in judges[0]]
    games = [
        ConsensusGame.from_log_scores(generator=generator, discriminator=[one.discriminator for one in each])
        for each in judges
    ]
    policy = solve(with_judges(games, weights), solver, throw=False).discriminator_policy
    with np.errstate(divide="ignore"):
        logs = np.log(policy)
    places = [chosen(logs[number, :, : len(one.draws)], one) for number, one in enumerate(judges[0])]
    return np.array([bool(one.right[place]) for one, place in zip(judges[0], places, strict=True)])
