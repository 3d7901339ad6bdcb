"""Token strings in, a forest of shared prefixes out: which tokens the network has to see, once each.

Pure Python and NumPy. `Forest.build` merges the common prefixes of all strings of a call; a node is one distinct
prefix, so the number of nodes is the number of tokens that go through the network. The last token of a string is
predicted, never read, and is no node unless another string goes on from it.

Nodes are numbered in preorder, so a node's subtree is a range of numbers and `a` is an ancestor of `b` (or `b` itself)
exactly if `a <= b < subtree_end[a]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Forest", "TokenString"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenString:
    """A prefix and the continuation whose log-probability is wanted; both are token ids, neither is empty."""

    prefix: tuple[int, ...]
    continuation: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Forest:
    """The distinct prefixes of some token strings.

    Attributes:
        tokens: `[M]` token id of each node.
        depth: `[M]` position of the node's token in its string, from 0.
        parent: `[M]` the node before it, -1 for a root.
        subtree_end: `[M]` one past the last node of its subtree.
        rows: For each string, in the order given, the nodes whose output predicts its continuation: `rows[k][j]` is the
            node that predicts `continuation[j]` of string `k`.
        paths_end: `[K]` the last node of each string's path.
    """

    tokens: NDArray[np.int64]
    depth: NDArray[np.int64]
    parent: NDArray[np.int64]
    subtree_end: NDArray[np.int64]
    rows: tuple[NDArray[np.int64], ...]
    paths_end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def build(cls, strings: Sequence[TokenString]) -> Forest:
        """The forest of `strings`.

        Time is linear in the strings' tokens, apart from the sort. Sorting lexicographically makes preorder and
        "shares its longest prefix with its predecessor" the same thing, so one pass over neighbours is enough.
        """
        # token:      p0 p1 p2 c0 c1        prefix p0..p2, continuation c0 c1
        # read:       p0 p1 p2 c0           the last token is only predicted
        # predicts:         c0 c1           rows: the nodes of p2 and c0
        paths = [np.array((*s.prefix, *s.continuation)[:-1], dtype=">u4") for s in strings]
        order = sorted(range(len(paths)), key=lambda k: paths[k].tobytes())
        tokens: list[NDArray[np.int64]] = []
        depth: list[NDArray[np.int64]] = []
        parent: list[NDArray[np.int64]] = []
        path_nodes = np.empty(0, dtype=np.int64)
        previous = np.empty(0, dtype=">u4")
        rows: list[NDArray[np.int64]] = [path_nodes] * len(paths)
        ends = np.empty(len(paths), dtype=np.int64)
        size = 0
        for k in order:
            path = paths[k]
            shared = _common_prefix(previous, path)
            new = np.arange(size, size + len(path) - shared)
            path_nodes = np.concatenate([path_nodes[:shared], new])
            tokens.append(path[shared:].astype(np.int64))
            depth.append(np.arange(shared, len(path)))
            parent.append(np.concatenate([[-1], path_nodes])[shared : len(path)])
            rows[k] = path_nodes[len(strings[k].prefix) - 1 :]
            ends[k] = path_nodes[-1]
            size += len(new)
            previous = path
        depths = np.concatenate(depth) if depth else path_nodes
        return cls(
            tokens=np.concatenate(tokens) if tokens else path_nodes,
            depth=depths,
            parent=np.concatenate(parent) if parent else path_nodes,
            subtree_end=_subtree_ends(depths),
            rows=tuple(rows),
            paths_end=ends,
        )

    def path(self, node: int) -> NDArray[np.int64]:
        """`[depth + 1]` the nodes from the root to `node`."""
        nodes = np.empty(self.depth[node] + 1, dtype=np.int64)
        for position in range(len(nodes) - 1, -1, -1):
            nodes[position] = node
            node = int(self.parent[node])
        return nodes

    def needed(self) -> NDArray[np.int64]:
        """The nodes at which the vocabulary projection must run, ascending, each once."""
        return np.unique(np.concatenate(self.rows)) if self.rows else np.empty(0, dtype=np.int64)


def _common_prefix(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> int:
    length = min(len(a), len(b))
    differs = np.flatnonzero(a[:length] != b[:length])
    return int(differs[0]) if len(differs) else length


def _subtree_ends(depth: NDArray[np.int64]) -> NDArray[np.int64]:
    """One past each node's subtree: the next node in preorder that is not deeper."""
    ends = np.empty(len(depth), dtype=np.int64)
    open_nodes: list[int] = []
    for node, d in enumerate(depth.tolist()):
        while open_nodes and depth[open_nodes[-1]] >= d:
            ends[open_nodes.pop()] = node
        open_nodes.append(node)
    ends[open_nodes] = len(depth)
    return ends
