"""The constants of the method varied on stored scores: lengths, lambdas and numbers of steps, without a model.

Every variant is compared with the published setting on the same items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.evaluation.classes import LENGTHS
from langchain_consensus.evaluation.comparison import Accuracy, Difference, Resampled
from langchain_consensus.evaluation.methods import Method, decided
from langchain_consensus.game import LogTimeFlow

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from langchain_consensus.evaluation.classes import Length
    from langchain_consensus.evaluation.stored import StoredItem, StoredRun
    from langchain_consensus.game import Solver

__all__ = ["Variant", "compared_variants"]

_LAMBDAS = (0.01, 0.1, 1.0, 10.0)
_TIMES = (100, 500, 2000, 20_000)
_MEASURED = (Method.ER_GENERATOR, Method.ER_DISCRIMINATOR)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A setting, ER-G's and ER-D's accuracy under it, and what ER-D gains over the published setting.

    Attributes:
        name: What is different.
        accuracies: Of ER-G and ER-D.
        gain: ER-D's, over the published setting with the wording's own length.
        changed: Share of items for which ER-D's being right changed.
    """

    name: str
    accuracies: dict[Method, Accuracy]
    gain: Difference
    changed: float


def compared_variants(run: StoredRun) -> list[Variant]:
    """Every variant of a run, under its main metric; by `LogTimeFlow`, which follows `PiKL` to about 2e-4."""
    items = [item for item in run.items if item.error is None]
    metric = next(iter(items[0].candidates[0].right))
    own: Length = run.settings["wording"]["length"]
    base = _right(items, own, metric, LogTimeFlow())
    found = []
    for name, length, solver in _settings(own):
        right = _right(items, length, metric, solver)
        rows = {"variant": right[Method.ER_DISCRIMINATOR], "published": base[Method.ER_DISCRIMINATOR]}
        found.append(
            Variant(
                name=name,
                accuracies={method: Accuracy.counted(right[method]) for method in _MEASURED},
                gain=Resampled(rows).difference("variant", "published"),
                changed=float((rows["variant"] != rows["published"]).mean()),
            )
        )
    return found


def _settings(own: Length) -> Iterator[tuple[str, Length, Solver]]:
    yield f"published ({own})", own, LogTimeFlow()
    for length in LENGTHS:
        if length != own:
            yield f"length {length}", length, LogTimeFlow()
    for first in _LAMBDAS:
        for second in _LAMBDAS:
            if (first, second) != (0.1, 0.1):
                name = f"lambda_G {first:g}, lambda_D {second:g}"
                yield name, own, LogTimeFlow(lambda_generator=first, lambda_discriminator=second)
    for time in _TIMES:
        yield f"T {time}", own, LogTimeFlow(time=time)


def _right(items: list[StoredItem], length: Length, metric: str, solver: Solver) -> dict[Method, np.ndarray]:
    decisions = decided(items, length=length, metric=metric, published=solver, certified=solver)
    return {method: decisions[method].right for method in _MEASURED}
