"""Attention over long packs by PyTorch's FlexAttention: blocks that no node sees are skipped, inside one kernel.

Not verified on a GPU. On the CPU the same rule is tested in eager mode, which is slow and therefore never chosen there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from langchain_consensus.engine.attention import Attending, MaskedAttention
from langchain_consensus.engine.block_table import BLOCK, BlockTable, KeyOrder
from langchain_consensus.engine.sight import PackedLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from langchain_consensus.engine.sight import Sight

__all__ = ["FlexAttention", "block_mask"]

_LEAST = 2 * BLOCK
"""Shorter packs have too few blocks to skip any."""


class FlexAttention:
    """Block masks by the ancestor test for packs; everything else as `otherwise` does it."""

    name = "flex"

    def __init__(
        self,
        *,
        kernel: Callable[..., torch.Tensor] | None = None,
        least: int = _LEAST,
    ) -> None:
        """Compiles nothing yet.

        Args:
            kernel: Called as `flex_attention` is; by default that, compiled on first use.
            least: The fewest nodes of a pack that goes through the kernel.
        """
        self._kernel = kernel
        self._otherwise = MaskedAttention()  # for short packs, and for forwards that are no packs
        self._least = least

    def attending(self, sight: Sight, *, device: torch.device, dtype: torch.dtype) -> Attending:
        """A block mask for each kind of layer, and stand-ins by which the decoder's calls are recognised."""
        layout = sight.visible
        if not isinstance(layout, PackedLayout) or layout.length < max(self._least, 2):
            return self._otherwise.attending(sight, device=device, dtype=dtype)
        masks, blocks = {}, {}
        # No call but ours can use a stand-in: its shape fits no attention, and it holds one element.
        shape = (1, 1, layout.length + 1, layout.base + layout.length + 1)
        for kind in sight.windows:
            masks[kind] = torch.zeros(1, dtype=dtype, device=device).expand(shape)
            blocks[id(masks[kind])] = block_mask(sight, kind, device=device)
        if self._kernel is None:
            self._kernel = torch.compile(flex_attention, dynamic=True)
        return Attending(masks=masks, computation=_FlexCall(self._kernel, blocks))


class _FlexCall:
    """Stands in for `scaled_dot_product_attention` in one forward."""

    def __init__(self, kernel: Callable[..., torch.Tensor], blocks: Mapping[int, BlockMask]) -> None:
        self._kernel = kernel
        self._blocks = blocks

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
        block = None if attn_mask is None else self._blocks.get(id(attn_mask))
        if block is None or dropout_p or is_causal:
            return None
        return self._kernel(query, key, value, block_mask=block, scale=scale, enable_gqa=enable_gqa)


def block_mask(sight: Sight, kind: str, *, device: torch.device) -> BlockMask:
    """The block mask of a pack in layers of `kind`.

    Args:
        sight: What its nodes see; its `visible` is a layout.
        kind: Of layer.
        device: Where the mask is used.
    """
    layout, window = sight.visible, sight.reach(kind)
    assert isinstance(layout, PackedLayout)
    table = BlockTable.of(layout, positions=sight.positions[0], key_positions=sight.key_positions[0], window=window)
    keys = KeyOrder.of(layout)

    def on_device(array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(array.astype(np.int32)).to(device)

    entry, key_entry, key_exit = on_device(layout.entry), on_device(keys.entry), on_device(keys.exit)
    position, key_position = on_device(sight.positions[0]), on_device(sight.key_positions[0])

    def ancestor(b: torch.Tensor, h: torch.Tensor, node: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        del b, h
        return (key_entry[key] <= entry[node]) & (entry[node] < key_exit[key])

    reach = 0 if window is None else window

    def near_ancestor(b: torch.Tensor, h: torch.Tensor, node: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return ancestor(b, h, node, key) & (position[node] - key_position[key] < reach)

    return BlockMask.from_kv_blocks(
        *_listed(table.partial, device),
        *_listed(table.full, device),
        BLOCK_SIZE=BLOCK,
        mask_mod=ancestor if window is None else near_ancestor,
        seq_lengths=(layout.length, layout.base + layout.length),
    )


def _listed(blocks: NDArray[np.bool_], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """How many blocks each row has, `[1, 1, rows]`, and which, those first, `[1, 1, rows, columns]`."""
    order = np.argsort(~blocks, axis=1, kind="stable").astype(np.int32)
    counts = blocks.sum(axis=1).astype(np.int32)
    return torch.from_numpy(counts).to(device)[None, None], torch.from_numpy(order).to(device)[None, None]
