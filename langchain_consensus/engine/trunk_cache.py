"""The key-value cache that a plan's steps run over: one trunk, cut and grown between forwards.

Buffers are preallocated and written in place, so attending to a long trunk copies nothing, and a forward's own keys
lie right behind the trunk's. Every layer keeps all its positions, sliding windows too: which of them a query may see is
the mask's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers.cache_utils import Cache

if TYPE_CHECKING:
    import torch

__all__ = ["TrunkCache"]


class TrunkCache(Cache):
    """Keys and values `[B, heads, length, head_dim]` of every layer, with room for `capacity` positions."""

    def __init__(self, *, capacity: int) -> None:
        super().__init__(layers=[])
        self.capacity = capacity
        self.length = 0
        """Positions that the next forward attends to, and behind which it writes."""
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}
        self._storages: set[int] = set()

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes a forward's keys and values behind the trunk; returns both together, as views."""
        del args, kwargs
        end = self.length + key_states.shape[-2]
        assert end <= self.capacity, f"{end} positions do not fit a cache of {self.capacity}"
        if layer_idx not in self._keys:
            self._put(layer_idx, _room(key_states, self.capacity), _room(value_states, self.capacity))
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[:, :, self.length : end] = key_states
        values[:, :, self.length : end] = value_states
        return keys[:, :, :end], values[:, :, :end]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Length of the trunk."""
        del layer_idx
        return self.length

    def restore(self, layers: list[tuple[torch.Tensor, torch.Tensor]], *, length: int) -> None:
        """Makes the first `length` positions of `layers`, `[1, heads, >= length, width]`, the trunk."""
        for layer, (keys, values) in enumerate(layers):
            if layer not in self._keys:
                self._put(layer, _room(keys, self.capacity), _room(values, self.capacity))
            self._keys[layer][:, :, :length] = keys[:, :, :length]
            self._values[layer][:, :, :length] = values[:, :, :length]

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether `tensor` is a view of this cache's buffers."""
        place = tensor.untyped_storage().data_ptr()
        return place in self._storages

    def layers_kept(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The buffers of every layer, in order of the layers."""
        return [(self._keys[layer], self._values[layer]) for layer in sorted(self._keys)]

    def adopt(self, layers: list[tuple[torch.Tensor, torch.Tensor]], *, length: int) -> None:
        """Takes over buffers made elsewhere, with `length` positions filled."""
        self._storages.clear()
        for layer, (keys, values) in enumerate(layers):
            self._put(layer, keys, values)
        self.length = length

    def _put(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        self._keys[layer], self._values[layer] = keys, values
        self._storages |= {keys.untyped_storage().data_ptr(), values.untyped_storage().data_ptr()}


def _room(states: torch.Tensor, capacity: int) -> torch.Tensor:
    batch, heads, _, width = states.shape
    return states.new_empty(batch, heads, capacity, width)
