"""Which steps of a plan somebody still wants: a step that serves only callers who have left is not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from langchain_consensus.engine.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from langchain_consensus.engine.forest import Forest
    from langchain_consensus.engine.plan import Step

__all__ = ["WantedSteps"]


class WantedSteps:
    """Says before each step of a forest's plan whether to run it, and remembers if any was left out."""

    def __init__(self, forest: Forest, owners: Sequence[AbstractSet[int]], watch: Watch) -> None:
        """Asks `watch` at each step.

        Args:
            forest: What the plan is for.
            owners: For each of its strings the jobs that asked for it.
            watch: The watch over these jobs.
        """
        self._forest, self._owners, self._watch = forest, owners, watch
        self.left_out = False

    @classmethod
    def all_of(cls, forest: Forest) -> Self:
        """All steps, whoever leaves."""
        return cls(forest, (), Watch(()))

    def __call__(self, step: Step) -> bool:
        """Whether somebody waits for what follows from the step's nodes; a step of the watch."""
        left = self._watch.step()
        # What a restored beginning gives goes into the trunk with its first step, for all that follow.
        if not left or step.restored >= 0:
            return True
        living = [string for string, jobs in enumerate(self._owners) if not jobs <= left]
        ends = self._forest.paths_end[living]
        nodes = step.nodes[:, None]
        serves = bool(((nodes <= ends) & (ends < self._forest.subtree_end[nodes])).any())
        self.left_out |= not serves
        return serves
