"""Attention over packed subtrees without the work that the mask throws away.

Nodes of different subtrees never see each other. One attention call over the whole pack computes all pairs and masks
most of them; here each subtree attends to the trunk and to itself. `L` nodes over a trunk of `base`, of which the first
`keep` are seen by all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import scaled_dot_product_attention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.engine.sight import PackedLayout

__all__ = ["PackedAttention"]


class PackedAttention:
    """Stands in for `scaled_dot_product_attention` in one forward; calls with a mask that is not ours are declined."""

    def __init__(self, layout: PackedLayout, masks: Sequence[torch.Tensor]) -> None:
        self._layout = layout
        self._masks = {id(mask) for mask in masks}

    def __call__(
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
        """`[B, heads, L, width]`, or `None` to leave the call as it is."""
        if attn_mask is None or id(attn_mask) not in self._masks or dropout_p or is_causal:
            return None
        layout = self._layout
        shared = layout.base + layout.keep
        result = query.new_empty(*query.shape[:-1], value.shape[-1])
        for start, end in ((0, layout.keep), *layout.groups):
            if start == end:
                continue
            own = slice(max(layout.base + start, shared), layout.base + end)
            keys, values = (
                torch.cat([tensor[..., :shared, :], tensor[..., own, :]], dim=-2) if shared else tensor[..., own, :]
                for tensor in (key, value)
            )
            rows = attn_mask[..., start:end, :]
            mask = torch.cat([rows[..., :shared], rows[..., own]], dim=-1)
            result[..., start:end, :] = scaled_dot_product_attention(
                query[..., start:end, :], keys, values, attn_mask=mask, scale=scale, enable_gqa=enable_gqa
            )
        return result
