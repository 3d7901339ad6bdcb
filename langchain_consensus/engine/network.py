"""A causal language model as two functions: hidden states over a trunk, and log-probabilities at chosen rows.

Token ids, positions and visibility come in as NumPy; tensors stay inside `engine/`. The module knows no tokenizer, no
prompts and no plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from langchain_consensus.engine.interception import interception_for
from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.engine.packed_attention import PackedLayout
    from langchain_consensus.engine.trunk_cache import TrunkCache

__all__ = ["Network", "UnsupportedArchitectureError"]

_FULL, _SLIDING = "full_attention", "sliding_attention"


class UnsupportedArchitectureError(EngineError):
    """The model cannot run packed strings exactly; the caller falls back to plain batches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Attention:
    """The kinds of attention layer in a model, and the window of the sliding ones."""

    kinds: frozenset[str]
    window: int | None

    @classmethod
    def of(cls, config: Any) -> _Attention:
        window = getattr(config, "sliding_window", None)
        kinds = frozenset(getattr(config, "layer_types", None) or {_FULL if window is None else _SLIDING})
        if not kinds <= {_FULL, _SLIDING}:
            msg = f"layers of kind {sorted(kinds - {_FULL, _SLIDING})} cannot be packed"
            raise UnsupportedArchitectureError(msg)
        if _SLIDING in kinds and window is None:
            kinds = frozenset({_FULL})
        return cls(kinds=kinds, window=window)


class Network:
    """Runs a transformers causal language model on packed nodes; the model is left as it was found."""

    def __init__(self, model: Any) -> None:
        """Wraps `model`.

        Raises:
            UnsupportedArchitectureError: If its layers are of a kind that masks cannot keep apart.
        """
        self.model = model
        self.config = model.config.get_text_config()
        self.device: torch.device = model.get_input_embeddings().weight.device
        self._attention = _Attention.of(self.config)
        self._decoder = model.base_model
        self._head = model.get_output_embeddings()
        # Three families rescale their logits after the projection; the self-check at load finds any other.
        self._softcap: float | None = getattr(self.config, "final_logit_softcapping", None)
        self._scale = float(getattr(self.config, "logit_scale", 1.0)) / float(
            getattr(self.config, "logits_scaling", 1.0)
        )
        if self._head is None or self._decoder is model:
            msg = "the model has no separate vocabulary projection"
            raise UnsupportedArchitectureError(msg)

    @property
    def max_positions(self) -> int:
        """The longest string that the model can read, in tokens."""
        return int(getattr(self.config, "max_position_embeddings", None) or 2**31)

    def hidden(
        self,
        *,
        tokens: NDArray[np.int64],
        positions: NDArray[np.int64],
        visible: NDArray[np.bool_],
        key_positions: NDArray[np.int64],
        cache: TrunkCache,
        layout: PackedLayout | None = None,
    ) -> torch.Tensor:
        """Last hidden states `[B, L, hidden]`.

        Args:
            tokens: `[B, L]` ids that go through the network.
            positions: `[B, L]` their positions.
            visible: `[B, L, S]` which of the `S = cache.length + L` keys each may attend to.
            key_positions: `[B, S]` the positions of the keys, for sliding windows.
            cache: Holds the keys before these; this forward's are written behind them.
            layout: Which nodes are independent of each other; it saves work and changes no result.
        """
        masks = {_FULL: self._additive(visible)}
        if _SLIDING in self._attention.kinds:
            assert self._attention.window is not None
            near = positions[:, :, None] - key_positions[:, None, :] < self._attention.window
            masks[_SLIDING] = masks[_FULL] if near.all() else self._additive(visible & near)
        # A model whose layers differ takes one mask for each kind of layer, any other takes the mask itself.
        mask = masks if len(self._attention.kinds) > 1 else masks[next(iter(self._attention.kinds))]
        with interception_for(self.device, self.model.dtype, layout=layout, masks=list(masks.values())):
            output = self._decoder(
                input_ids=self._tensor(tokens),
                position_ids=self._tensor(positions),
                attention_mask=mask,
                past_key_values=cache,
                use_cache=True,
            )
        states: torch.Tensor = output.last_hidden_state
        return states

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """`[R, vocabulary]` float32 logits of the rows `hidden` `[R, hidden]`."""
        with interception_for(self.device, self.model.dtype):
            logits: torch.Tensor = self._head(hidden).float()
        if self._scale != 1.0:
            logits = logits * self._scale
        if self._softcap is not None:
            logits = torch.tanh(logits / self._softcap) * self._softcap
        return logits

    def _additive(self, visible: NDArray[np.bool_]) -> torch.Tensor:
        """`[B, 1, L, S]` zero where visible, the smallest number elsewhere; both SDPA and eager attention take it."""
        allowed = torch.from_numpy(visible).to(self.device)[:, None]
        mask = torch.zeros(allowed.shape, dtype=self.model.dtype, device=self.device)
        return mask.masked_fill_(~allowed, torch.finfo(self.model.dtype).min)

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
