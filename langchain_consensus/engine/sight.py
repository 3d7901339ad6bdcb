"""Which keys each node of a forward may attend to, and what that means for each kind of attention layer.

Plain NumPy: the planner's side of attention. `L` nodes go through the network over `S` keys, their own included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from langchain_consensus.engine.forest import Forest
    from langchain_consensus.engine.plan import Step

__all__ = ["PackedLayout", "Sight"]

_LEAST_GROUP = 64
"""Neighbouring subtrees are taken together up to this many nodes: a kernel call has a cost of its own."""
_WORTH = 0.7
"""Share of the pairs that must remain for taking subtrees apart to pay for the extra calls and copies."""


@dataclass(frozen=True, kw_only=True)
class PackedLayout:
    """How the nodes of a pack hang together: each sees the trunk and its own ancestors.

    Attributes:
        base: Length of the trunk.
        keep: The first nodes of the pack, which all others see.
        groups: Start and end in the pack of each part that sees the trunk, the kept nodes and itself.
        entry: `[L]` the nodes' numbers, ascending: a walk through the tree enters them in this order.
        exit: `[L]` one past the last node of each node's subtree.
    """

    base: int
    keep: int
    groups: tuple[tuple[int, int], ...]
    entry: NDArray[np.int64]
    exit: NDArray[np.int64]

    @classmethod
    def of(cls, step: Step, forest: Forest) -> PackedLayout:
        """The layout of a plan's step, small subtrees taken together."""
        groups: list[tuple[int, int]] = []
        for start, end in pairwise((*step.blocks, len(step.nodes))):
            if groups and end - groups[-1][0] <= _LEAST_GROUP:
                groups[-1] = (groups[-1][0], end)
            else:
                groups.append((start, end))
        return cls(
            base=step.base,
            keep=step.keep,
            groups=tuple(groups),
            entry=step.nodes,
            exit=forest.subtree_end[step.nodes],
        )

    @property
    def length(self) -> int:
        """`L`."""
        return len(self.entry)

    @cached_property
    def saves_work(self) -> bool:
        """Whether the parts have clearly fewer pairs than the whole; copying the shared keys counts as work."""
        shared = self.base + self.keep
        pairs = self.keep * shared + sum((shared + end - start) * (end - start + 8) for start, end in self.groups)
        return pairs < _WORTH * self.length * (self.base + self.length)

    def table(self) -> NDArray[np.bool_]:
        """`[1, L, base + L]` whether a node sees a key."""
        ancestors = (self.entry[None, :] <= self.entry[:, None]) & (self.entry[:, None] < self.exit[None, :])
        return np.concatenate([np.ones((self.length, self.base), dtype=np.bool_), ancestors], axis=1)[None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What the nodes of one forward see in each kind of attention layer.

    Attributes:
        visible: The layout of a pack, or a table `[B, L, S]`.
        positions: `[B, L]` the nodes' positions.
        key_positions: `[B, S]` the keys' positions.
        windows: How far back a layer sees, by kind of layer; `None` is all the way.
    """

    visible: PackedLayout | NDArray[np.bool_]
    positions: NDArray[np.int64]
    key_positions: NDArray[np.int64]
    windows: Mapping[str, int | None]

    def reach(self, kind: str) -> int | None:
        """The window of a kind of layer, or `None` where it is as wide as this forward needs."""
        window = self.windows[kind]
        if window is None or int(self.positions.max()) - int(self.key_positions.min()) < window:
            return None
        return window

    def table(self, kind: str) -> NDArray[np.bool_]:
        """`[B, L, S]` whether a node sees a key in layers of `kind`."""
        visible = self.visible.table() if isinstance(self.visible, PackedLayout) else self.visible
        window = self.reach(kind)
        if window is None:
            return visible
        near: NDArray[np.bool_] = self.positions[:, :, None] - self.key_positions[:, None, :] < window
        return visible & near
