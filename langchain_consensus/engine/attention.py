"""How a decoder's attention is computed in one forward: a strategy turns what nodes see into masks and a computation.

The masks are what the decoder is given, one for each kind of layer. The computation, if there is one, stands in for
PyTorch's `scaled_dot_product_attention` wherever it is called with one of these masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

from langchain_consensus.engine.packed_attention import PackedAttention
from langchain_consensus.engine.sight import PackedLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from langchain_consensus.engine.sight import Sight

    Computation = Callable[..., torch.Tensor | None]

__all__ = ["Attending", "AttentionStrategy", "MaskedAttention"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attending:
    """What one forward attends with.

    Attributes:
        masks: For each kind of layer what the decoder is given, `[B, 1, L, S]`.
        computation: Replaces `scaled_dot_product_attention`; it returns `None` for calls with other masks.
    """

    masks: Mapping[str, torch.Tensor]
    computation: Computation | None = None


class AttentionStrategy(Protocol):
    """A way to compute attention; the scores must not depend on which."""

    @property
    def name(self) -> str:
        """What logs call it."""
        ...

    def attending(self, sight: Sight, *, device: torch.device, dtype: torch.dtype) -> Attending:
        """What one forward attends with.

        Args:
            sight: What its nodes see.
            device: Where the model is.
            dtype: Of its activations.
        """
        ...


class MaskedAttention:
    """Dense masks, and independent subtrees of a pack apart from each other where that saves work."""

    name = "sdpa"

    def attending(self, sight: Sight, *, device: torch.device, dtype: torch.dtype) -> Attending:
        """Masks that SDPA and eager attention take alike."""
        masks: dict[str, torch.Tensor] = {}
        by_reach: dict[int | None, torch.Tensor] = {}
        for kind in sight.windows:
            reach = sight.reach(kind)
            if reach not in by_reach:
                by_reach[reach] = self._additive(sight.table(kind), device, dtype)
            masks[kind] = by_reach[reach]
        layout = sight.visible
        if isinstance(layout, PackedLayout) and layout.saves_work:
            return Attending(masks=masks, computation=PackedAttention(layout, list(masks.values())))
        return Attending(masks=masks)

    def _additive(self, visible: NDArray[np.bool_], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """`[B, 1, L, S]` zero where visible, the smallest number elsewhere."""
        allowed = torch.from_numpy(visible).to(device)[:, None]
        mask = torch.zeros(allowed.shape, dtype=dtype, device=device)
        return mask.masked_fill_(~allowed, torch.finfo(dtype).min)
