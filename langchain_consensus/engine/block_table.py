"""Which blocks of an attention table must be computed, from the order in which a walk enters and leaves the nodes.

A key is seen by a node if it is the node's ancestor: `entry[key] <= entry[node] < exit[key]`. Nodes of a block are
neighbours in that order, so comparing a key with the first and the last of them decides for all: no table of nodes by
keys is ever made. Plain NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.engine.sight import PackedLayout

__all__ = ["BLOCK", "BlockTable", "KeyOrder"]

BLOCK = 128
"""Nodes, and keys, of a block."""
_LAST = 2**31 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyOrder:
    """Entry and exit of every key, `[S]`: the trunk is entered before all nodes and never left."""

    entry: NDArray[np.int32]
    exit: NDArray[np.int32]

    @classmethod
    def of(cls, layout: PackedLayout) -> KeyOrder:
        """Those of a pack over its trunk."""
        before, never = np.full(layout.base, -1), np.full(layout.base, _LAST)
        return cls(
            entry=np.concatenate([before, layout.entry]).astype(np.int32),
            exit=np.concatenate([never, layout.exit]).astype(np.int32),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockTable:
    """`[rows, columns]` blocks of nodes by blocks of keys.

    Attributes:
        partial: Some nodes may see some keys; the rule decides for each pair.
        full: Every node sees every key.
    """

    partial: NDArray[np.bool_]
    full: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        layout: PackedLayout,
        *,
        positions: NDArray[np.int64],
        key_positions: NDArray[np.int64],
        window: int | None,
        size: int = BLOCK,
    ) -> BlockTable:
        """The table of a pack.

        Args:
            layout: The pack.
            positions: `[L]` the nodes' positions.
            key_positions: `[S]` the keys' positions.
            window: How far back nodes see; `None` is all the way.
            size: Nodes, and keys, of a block.
        """
        keys = KeyOrder.of(layout)
        rows = np.arange(0, layout.length, size)
        lasts = np.minimum(rows + size, layout.length) - 1
        first, last = layout.entry[rows][:, None], layout.entry[lasts][:, None]
        some = (keys.entry[None] <= last) & (first < keys.exit[None])
        every = (keys.entry[None] <= first) & (last < keys.exit[None])
        if window is not None:
            nearest = np.minimum.reduceat(positions, rows)[:, None]
            farthest = np.maximum.reduceat(positions, rows)[:, None]
            some &= nearest - key_positions[None] < window
            every &= farthest - key_positions[None] < window
        columns = np.arange(0, len(keys.entry), size)
        some, every = np.logical_or.reduceat(some, columns, axis=1), np.logical_and.reduceat(every, columns, axis=1)
        # A kernel does not look at the rule inside a full block, so one that sticks out of the table cannot be full.
        every[lasts - rows + 1 < size] = False
        if len(keys.entry) % size:
            every[:, -1] = False
        return cls(partial=some & ~every, full=every)
