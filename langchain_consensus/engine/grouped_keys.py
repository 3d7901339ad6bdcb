"""Grouped-query attention without a copy of the keys and values for every query head.

transformers repeats each head of keys and values for all the queries that share it, whenever there is a mask. On the
CPU PyTorch's attention needs no such copies: with few queries over a long prompt they cost more than attention itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    import torch

    from langchain_consensus.engine.attention import Computation
    from langchain_consensus.engine.trunk_cache import TrunkCache

__all__ = ["GroupedKeys"]

_FEW = 256
"""Queries up to which those that share a head are taken together as if they were one longer sequence."""


class GroupedKeys:
    """Leaves out the repetition in one forward, and attends to what was not repeated.

    Args:
        cache: Only what lies in its buffers is recognised as keys or values.
        computation: What stands in for attention beside this; it takes fewer heads of keys than of queries.
    """

    def __init__(self, cache: TrunkCache, computation: Computation | None) -> None:
        self._cache = cache
        self._computation = computation

    def unrepeated(self, tensor: torch.Tensor, *shape: object) -> torch.Tensor | None:
        """For `reshape`: `[B, heads, L, width]` in place of that tensor repeated as `[B, heads, groups, L, width]`."""
        del shape
        if tensor.dim() != 5 or tensor.stride(2) != 0 or tensor.shape[2] == 1 or not self._cache.holds(tensor):
            return None
        return tensor[:, :, 0]

    def attention(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: torch.Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,  # noqa: FBT001, FBT002
        scale: float | None = None,
        enable_gqa: bool = False,  # noqa: FBT001, FBT002
    ) -> torch.Tensor | None:
        """For `scaled_dot_product_attention`: `[B, heads, L, width]`, or `None` where nothing was left out."""
        grouped = enable_gqa or key.shape[1] != query.shape[1]
        if self._computation is not None:
            result = self._computation(query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa=grouped)
            if result is not None:
                return result
        if not grouped:
            return None
        if attn_mask is not None and attn_mask.shape[1] == 1 and not is_causal:
            together = query.shape[1] // key.shape[1] * query.shape[2]
            if together <= _FEW:
                return _together(query, key, value, attn_mask, scale)
        return scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=True
        )


def _together(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scale: float | None
) -> torch.Tensor:
    """Attention of all queries that share a head as one sequence: keys and values are read once for all of them."""
    batch, heads, length, width = query.shape
    shared = key.shape[1]
    groups = heads // shared
    queries = query.reshape(batch, shared, groups * length, width)
    rows = mask.expand(-1, groups, -1, -1).reshape(len(mask), 1, groups * length, mask.shape[-1])
    result = scaled_dot_product_attention(queries, key, value, attn_mask=rows, scale=scale)
    return result.reshape(batch, heads, length, value.shape[-1])
