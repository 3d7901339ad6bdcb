"""How many draws are enough: a run's draws go in, what each method is worth with fewer of them comes out.

A run of `N` draws holds runs of fewer: any `n` of its draws, taken without replacement, are what `n` draws would have
been. The scores of what is left are known, so nothing is asked of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.evaluation.comparison import Gain, Resampled
from langchain_consensus.evaluation.methods import DRAWN_ONLY, Method, decided
from langchain_consensus.game import LogTimeFlow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.evaluation.classes import Length
    from langchain_consensus.evaluation.stored import StoredItem, StoredRun

    FloatArray = NDArray[np.float64]

__all__ = ["FewerDraws", "fewer_draws"]

_MEASURED = (
    Method.GENERATOR,
    Method.DISCRIMINATOR_RAW,
    Method.NORMALISED_PRODUCT,
    Method.ER_DISCRIMINATOR,
    Method.INFORMED,
    *DRAWN_ONLY,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FewerDraws:
    """Every method with `draws` draws an item.

    Attributes:
        draws: How many, of those that the run made.
        candidates: Distinct answers among them, on the mean.
        covered: Share of the items with a right answer among them, on the mean over the subsets.
        accuracies: Of each method, 0 to 1, on the mean over items and subsets.
        over_majority: ER-D minus the majority vote, on the same subsets.
        over_fewest: ER-D minus itself with a single draw, on the same items.
    """

    draws: int
    candidates: float
    covered: float
    accuracies: dict[Method, float]
    over_majority: Gain
    over_fewest: Gain


def fewer_draws(run: StoredRun, *, length: Length | None = None, subsets: int = 20, seed: int = 0) -> list[FewerDraws]:
    """Every method with 1, 2, 4 ... and all draws of a run, under its main metric; empty where nothing was drawn.

    Draws without a visible character are draws: a subset of nothing else is an item that no method gets right.

    Args:
        run: Scores of answers that were drawn.
        length: How the generator's log-probabilities are normalised; by default as the run's wording says.
        subsets: How many sets of draws stand for `n` draws of an item; their mean counts.
        seed: Of the subsets.
    """
    items = [item for item in run.items if item.error is None]
    if not items or any(item.greedy is None for item in items):
        return []
    metric = next(iter(items[0].candidates[0].right))
    own: Length = length or run.settings["wording"]["length"]
    chance = np.random.default_rng(seed)
    most = max(map(_drawn, items))
    sizes = [*(2**power for power in range(most.bit_length()) if 2**power < most), most]
    # The whole run is one subset of itself.
    kept = {size: [_some(item, size, chance) for item in items for _ in range(subsets)] for size in sizes[:-1]}
    kept[most] = list(items)
    rights = {size: _rights(some, len(items), length=own, metric=metric) for size, some in kept.items()}
    return [_told(size, kept[size], rights[size], rights[sizes[0]]) for size in sizes]


def _drawn(item: StoredItem) -> int:
    return item.empty + sum(one.count for one in item.candidates)


def _some(item: StoredItem, size: int, chance: np.random.Generator) -> StoredItem | None:
    """The item with `size` of its draws; `None` if nothing was written in any of them."""
    if size >= _drawn(item):
        return item
    counts = [item.empty, *(one.count for one in item.candidates)]
    empty, *left = chance.multivariate_hypergeometric(counts, size).tolist()
    candidates = tuple(
        one.model_copy(update={"count": count}) for one, count in zip(item.candidates, left, strict=True) if count
    )
    return item.model_copy(update={"candidates": candidates, "empty": empty}) if candidates else None


def _rights(some: Sequence[StoredItem | None], items: int, *, length: Length, metric: str) -> dict[Method, FloatArray]:
    """For each method `[items]`: in what share of an item's subsets its answer is right."""
    there = np.array([one is not None for one in some])
    # Published dynamics by the flow, which follows them to about 2e-4; the certified end is not asked for.
    flow = LogTimeFlow()
    decisions = decided([one for one in some if one], length=length, metric=metric, published=flow, certified=flow)
    found = {}
    for method in _MEASURED:
        right = np.zeros(len(some))
        right[there] = decisions[method].right
        found[method] = right.reshape(items, -1).mean(axis=1)
    return found


def _told(
    size: int,
    some: Sequence[StoredItem | None],
    rights: Mapping[Method, FloatArray],
    fewest: Mapping[Method, FloatArray],
) -> FewerDraws:
    metric = next(next(iter(one.candidates[0].right)) for one in some if one)
    keys = [{candidate.key for candidate in one.candidates if candidate.key} if one else set() for one in some]
    covered = [any(candidate.right[metric] for candidate in one.candidates) if one else False for one in some]
    sampled = Resampled(
        {
            "mine": rights[Method.ER_DISCRIMINATOR],
            "majority": rights[Method.MAJORITY],
            "fewest": fewest[Method.ER_DISCRIMINATOR],
        }
    )
    return FewerDraws(
        draws=size,
        candidates=float(np.mean([len(found) for found in keys])),
        covered=float(np.mean(covered)),
        accuracies={method: float(row.mean()) for method, row in rights.items()},
        over_majority=sampled.gain("mine", "majority"),
        over_fewest=sampled.gain("mine", "fewest"),
    )
