"""A forest in, a list of forwards out: what goes through the network together, and what stays in the key-value cache.

Pure Python and NumPy. The cache holds one root path at a time, the *trunk*; every forward attends to the trunk and to
ancestors among its own nodes. A tree that fits the budget shares a forward with its neighbours. A larger tree has its
unbranched beginning (a few-shot header, a retrieved passage) put into the trunk once, and its branches follow in
forwards of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from langchain_consensus.engine.forest import Forest

__all__ = ["Plan", "Step", "make_plan"]

_NOTHING: Mapping[int, int] = MappingProxyType({})
_OPEN = 32
"""Forwards that are looked through for room; more of them would make planning quadratic."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Step:
    """One forward.

    Attributes:
        base: Length of the trunk that the forward attends to; the cache is cut to it first.
        nodes: `[L]` the nodes that go through the network, ascending.
        keep: How many of the first nodes become part of the trunk afterwards.
        blocks: Where each independent subtree starts in `nodes`, ascending, from `keep`; nodes of different subtrees
            never attend to each other, the first `keep` nodes are seen by all.
        restored: The root whose beginning is put into the trunk first, from the prefix cache; -1 for none.
    """

    base: int
    nodes: NDArray[np.int64]
    keep: int
    blocks: tuple[int, ...]
    restored: int = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The forwards of one call, in order, and what they cost.

    Attributes:
        steps: The forwards.
        computed_tokens: Distinct tokens that go through the network: the size of the forest, less what is restored.
        head_rows: Distinct positions at which the vocabulary projection runs.
    """

    steps: tuple[Step, ...]
    computed_tokens: int
    head_rows: int


def make_plan(forest: Forest, *, token_budget: int, restored: Mapping[int, int] = _NOTHING) -> Plan:
    """The forwards that compute every node of `forest` exactly once, none with more than `token_budget` nodes.

    Args:
        forest: What is computed.
        token_budget: The most nodes of a forward.
        restored: For some roots how many nodes of their unbranched beginning come from the prefix cache; those are not
            computed.
    """
    planner = _Planner(forest, token_budget)
    none = np.empty(0, dtype=np.int64)
    roots = _children(forest, 0, len(forest))
    planner.branches([root for root in roots if root not in restored], base=0, lead=none)
    for root, length in restored.items():
        first = len(planner.steps)
        planner.branches(_children(forest, root + length, int(forest.subtree_end[root])), base=length, lead=none)
        planner.steps[first] = replace(planner.steps[first], restored=root)
    return Plan(
        steps=tuple(planner.steps),
        computed_tokens=len(forest) - sum(restored.values()),
        head_rows=len(forest.needed()),
    )


class _Planner:
    def __init__(self, forest: Forest, budget: int) -> None:
        self.forest = forest
        self.budget = budget
        self.steps: list[Step] = []

    def branches(self, roots: list[int], *, base: int, lead: NDArray[np.int64]) -> None:
        """Plans sibling subtrees over a trunk of length `base`, followed by `lead`, nodes not computed yet.

        Each goes into the first forward that has room for it; those that fit none follow, in forwards of their own.
        """
        packs: list[list[tuple[int, int]]] = [[]] if len(lead) else []
        room = [self.budget - len(lead)] * len(packs)
        long = []
        for root in roots:
            end = int(self.forest.subtree_end[root])
            if end - root > self.budget:
                long.append(root)
                continue
            latest = range(max(len(packs) - _OPEN, 0), len(packs))
            place = next((pack for pack in latest if end - root <= room[pack]), len(packs))
            if place == len(packs):
                packs.append([])
                room.append(self.budget)
            packs[place].append((root, end))
            room[place] -= end - root
        if long and packs == [[]]:
            packs = []  # the first long tree begins with the lead
        for pack in packs:
            self._emit(base, lead, pack)
            base, lead = base + len(lead), lead[:0]
        for root in long:
            self._long_tree(root, base=base, lead=lead)
            base, lead = base + len(lead), lead[:0]

    def _long_tree(self, root: int, *, base: int, lead: NDArray[np.int64]) -> None:
        """Plans a subtree that does not fit: its unbranched beginning joins the trunk, its branches follow."""
        chain_end = self._chain_end(root)
        chain = np.concatenate([lead, np.arange(root, chain_end)])
        whole = (len(chain) - 1) // self.budget * self.budget
        for start in range(0, whole, self.budget):
            self._emit(base, chain[start : start + self.budget], [])
            base += self.budget
        children = _children(self.forest, chain_end, int(self.forest.subtree_end[root]))
        self.branches(children, base=base, lead=chain[whole:])

    def _chain_end(self, root: int) -> int:
        """One past the unbranched beginning of `root`'s subtree; in preorder its nodes are consecutive."""
        end = int(self.forest.subtree_end[root])
        node = root
        while node + 1 < end and self.forest.subtree_end[node + 1] == end:
            node += 1
        return node + 1

    def _emit(self, base: int, lead: NDArray[np.int64], pack: list[tuple[int, int]]) -> None:
        ranges = [np.arange(start, end) for start, end in pack]
        starts = np.cumsum([len(lead), *(len(r) for r in ranges)])[: len(ranges)]
        nodes = np.concatenate([lead, *ranges])
        self.steps.append(Step(base=base, nodes=nodes, keep=len(lead), blocks=tuple(int(s) for s in starts)))


def _children(forest: Forest, start: int, end: int) -> list[int]:
    """The topmost nodes of the preorder range from `start` to `end`."""
    nodes = []
    while start < end:
        nodes.append(start)
        start = int(forest.subtree_end[start])
    return nodes
