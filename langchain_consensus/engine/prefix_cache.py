"""Keys and values of long beginnings, kept from call to call: a system prompt or a few-shot header is computed once.

Least recently used beginnings go first when the byte budget is full. An entry serves every string that begins with its
tokens, or with the first of them. Token ids are exact, so a hit can change a score by rounding only.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from numpy.typing import NDArray

    from langchain_consensus.engine.forest import Forest

    Layers = list[tuple[torch.Tensor, torch.Tensor]]

__all__ = ["LEAST_LENGTH", "Prefix", "PrefixCache", "PrefixCacheStatus", "beginnings", "new_beginnings"]

LEAST_LENGTH = 32
"""Shorter beginnings are neither kept nor looked for: computing them beside others costs next to nothing."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prefix:
    """The first `length` tokens of an entry and its keys and values `[1, heads, >= length, width]`, a pair a layer."""

    length: int
    layers: Layers


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixCacheStatus:
    """What the cache holds and what it has saved.

    Attributes:
        entries: Beginnings that are kept.
        bytes: Memory of their keys and values.
        max_bytes: The budget.
        hits: Lookups that found a beginning.
        misses: Lookups that found none.
        tokens_saved: Tokens that did not have to be computed.
    """

    entries: int
    bytes: int
    max_bytes: int
    hits: int
    misses: int
    tokens_saved: int


class PrefixCache:
    """A least-recently-used cache of beginnings under a byte budget; not thread-safe, its owner holds a lock."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[bytes, tuple[Layers, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = self._tokens_saved = 0

    @property
    def status(self) -> PrefixCacheStatus:
        """What the cache holds and what it has saved."""
        return PrefixCacheStatus(
            entries=len(self._entries),
            bytes=self._bytes,
            max_bytes=self._max_bytes,
            hits=self._hits,
            misses=self._misses,
            tokens_saved=self._tokens_saved,
        )

    def clear(self) -> None:
        """Lets go of all beginnings; the counts of hits and misses stay."""
        self._entries.clear()
        self._bytes = 0

    def known(self, forest: Forest) -> dict[int, Prefix]:
        """For each root of `forest` whose beginning is kept: how much of it, and its keys and values.

        Only an unbranched beginning counts, up to the first node whose output a score needs: outputs are not kept.
        """
        found, needed = {}, forest.needed()
        for root, beginning in beginnings(forest).items():
            first = (
                needed[np.searchsorted(needed, root)] if len(needed) and needed[-1] >= root else root + len(beginning)
            )
            prefix = self._longest(beginning[: max(int(first) - root, 0)]) if self._max_bytes else None
            if prefix is not None:
                found[root] = prefix
        self._tokens_saved += sum(prefix.length for prefix in found.values())
        return found

    def keep(self, forest: Forest, layers_of: Mapping[int, Layers]) -> None:
        """Keeps the beginnings of the roots in `layers_of`, whose layers hold as many positions as they are long."""
        for root, beginning in beginnings(forest).items():
            layers = layers_of.get(root)
            if layers:
                self._store(beginning[: layers[0][0].shape[2]], layers)

    def _longest(self, tokens: NDArray[np.int64]) -> Prefix | None:
        best, best_length = None, LEAST_LENGTH - 1
        for key in self._entries:
            entry = np.frombuffer(key, dtype=np.int64)
            length = _shared(entry, tokens)
            if length > best_length:
                best, best_length = key, length
        if best is None:
            self._misses += 1
            return None
        self._hits += 1
        self._entries.move_to_end(best)
        return Prefix(length=best_length, layers=self._entries[best][0])

    def _store(self, tokens: NDArray[np.int64], layers: Layers) -> None:
        size = sum(tensor.numel() * tensor.element_size() for pair in layers for tensor in pair)
        key = tokens.tobytes()
        if size > self._max_bytes or any(other.startswith(key) for other in self._entries):
            return
        for shorter in [other for other in self._entries if key.startswith(other)]:
            self._bytes -= self._entries.pop(shorter)[1]
        self._entries[key] = (layers, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._bytes -= self._entries.popitem(last=False)[1][1]


def new_beginnings(forest: Forest, known: Mapping[int, Prefix]) -> dict[int, NDArray[np.int64]]:
    """For each root the nodes of its beginning, where it goes on for `LEAST_LENGTH` beyond what is known of it."""
    return {
        root: np.arange(root, root + len(beginning))
        for root, beginning in beginnings(forest).items()
        if root not in known or len(beginning) >= known[root].length + LEAST_LENGTH
    }


def beginnings(forest: Forest) -> dict[int, NDArray[np.int64]]:
    """For each root the tokens of its unbranched beginning, if they are at least `LEAST_LENGTH`."""
    found = {}
    root = 0
    while root < len(forest):
        end = int(forest.subtree_end[root])
        # In preorder an unbranched beginning is consecutive, and all its nodes' subtrees end where the root's does.
        inner = forest.subtree_end[root:end] == end
        chain = len(inner) if inner.all() else int(np.argmin(inner))
        if chain >= LEAST_LENGTH:
            found[root] = forest.tokens[root : root + chain]
        root = end
    return found


def _shared(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    length = min(len(a), len(b))
    differs = np.flatnonzero(a[:length] != b[:length])
    return int(differs[0]) if len(differs) else length
