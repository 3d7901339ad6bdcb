"""What a pass asks before each of its forwards: who still wants what it computes, and whether others go first.

A pass is the forwards of one or several calls together. Knows no queue and no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.engine.deadline import Call

__all__ = ["NobodyLeftError", "Watch"]


class NobodyLeftError(Exception):
    """Nobody wants the pass any more; it ends, and each caller is told why its own call is over."""


class Watch:
    """Watches the calls of one pass."""

    def __init__(self, calls: Sequence[Call], *, give_way: Callable[[], None] = lambda: None) -> None:
        """Watches `calls`.

        Args:
            calls: Whose work the pass does, in the order of its jobs; a job without a call never leaves.
            give_way: Called before each forward; runs what others wait for, if it is their turn.
        """
        self._calls = calls
        self._give_way = give_way

    @property
    def left(self) -> frozenset[int]:
        """The jobs whose callers have left."""
        return frozenset(job for job, call in enumerate(self._calls) if call.error is not None)

    def step(self) -> frozenset[int]:
        """The jobs whose callers have left; their part of the pass need not be computed.

        Raises:
            NobodyLeftError: If all have.
        """
        self._give_way()
        left = self.left
        if self._calls and len(left) == len(self._calls):
            raise NobodyLeftError
        return left
