"""Keys and values of chosen nodes, collected while a plan runs; the cache itself is overwritten from step to step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from langchain_consensus.engine.plan import Step
    from langchain_consensus.engine.prefix_cache import Prefix
    from langchain_consensus.engine.trunk_cache import TrunkCache

__all__ = ["NodeKeys"]


class NodeKeys:
    """Collects the keys and values of `nodes` (ascending); pass it as `on_keys` to a plan's run.

    Args:
        nodes: Which nodes.
        known: Beginnings that the plan restores, by root: they are no step's nodes, so they are copied from there.
    """

    def __init__(self, nodes: NDArray[np.int64], known: Mapping[int, Prefix]) -> None:
        self._nodes = nodes
        self._known = known
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __call__(self, step: Step, cache: TrunkCache) -> None:
        """Takes what it wants of one step."""
        if not len(self._nodes):
            return
        wanted = np.flatnonzero(np.isin(step.nodes, self._nodes))
        kept = cache.layers_kept()
        if not self._layers:
            self._layers = [(_like(keys, len(self._nodes)), _like(values, len(self._nodes))) for keys, values in kept]
        if step.restored >= 0:
            prefix = self._known[step.restored]
            places = np.arange(prefix.length)
            self._put(step.restored + places, prefix.layers, places)
        if len(wanted):
            self._put(step.nodes[wanted], kept, step.base + wanted)

    def layers(self, nodes: NDArray[np.int64]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """`[1, heads, len(nodes), width]` of every layer; `nodes` are among the collected ones."""
        places = torch.from_numpy(np.searchsorted(self._nodes, nodes))
        return [
            (keys[:, :, places.to(keys.device)], values[:, :, places.to(values.device)])
            for keys, values in self._layers
        ]

    def _put(
        self,
        nodes: NDArray[np.int64],
        layers: list[tuple[torch.Tensor, torch.Tensor]],
        positions: NDArray[np.int64],
    ) -> None:
        mine = np.isin(nodes, self._nodes)
        places = torch.from_numpy(np.searchsorted(self._nodes, nodes[mine]))
        found = torch.from_numpy(positions[mine])
        for pair, stored in zip(layers, self._layers, strict=True):
            for states, store in zip(pair, stored, strict=True):
                store[:, :, places.to(store.device)] = states[:, :, found.to(states.device)]


def _like(states: torch.Tensor, length: int) -> torch.Tensor:
    return states.new_empty(*states.shape[:2], length, states.shape[-1])
