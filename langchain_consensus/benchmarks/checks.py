"""What must hold of every run, whatever its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.benchmarks.limits import Work
    from langchain_consensus.benchmarks.measure import Measurement

__all__ = ["check_forest", "largest_difference"]


def check_forest(measurements: Sequence[Measurement[Any]], work: Work) -> None:
    """Checks that the engine computed every distinct token once and ran the head on the rows that are needed.

    Its own account and the hooks' must both say so. Hooks on the projection see nothing where the engine multiplies by
    its weight without calling the module; then its own account alone is checked.

    Raises:
        EngineError: If it did other work, as it does with an architecture that cannot be packed.
    """
    for one in measurements:
        usage = one.result.usage
        for what, found, wanted in (
            ("tokens computed, by its own account", usage.computed_tokens, work.tokens),
            ("tokens seen by the decoder", one.tokens, work.tokens),
            ("rows projected, by its own account", usage.head_rows, work.head_rows),
            ("rows seen by the projection", one.head_rows, work.head_rows),
        ):
            if found != wanted:
                msg = f"The engine did not do the forest's work: {found} {what}, and the forest has {wanted}."
                raise EngineError(msg)


def largest_difference(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The largest absolute difference of two lists of scores; `None` where there is nothing to compare."""
    if not ours or not theirs:
        return None
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
