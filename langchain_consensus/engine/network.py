"""A causal language model as two functions: hidden states over a trunk, and logits at chosen rows.

Token ids, positions and visibility come in as NumPy; tensors stay inside `engine/`. The module knows no tokenizer, no
prompts and no plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from langchain_consensus.engine.attention import MaskedAttention
from langchain_consensus.engine.grouped_keys import GroupedKeys
from langchain_consensus.engine.head import Head
from langchain_consensus.engine.interception import interception_for
from langchain_consensus.engine.sight import Sight
from langchain_consensus.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.engine.attention import AttentionStrategy
    from langchain_consensus.engine.sight import PackedLayout
    from langchain_consensus.engine.trunk_cache import TrunkCache

__all__ = ["Network", "UnsupportedArchitectureError"]

_FULL, _SLIDING = "full_attention", "sliding_attention"


class UnsupportedArchitectureError(EngineError):
    """The model cannot run packed strings exactly; the caller falls back to plain batches."""


def _windows(config: Any) -> dict[str, int | None]:
    """How far back each kind of attention layer of a model sees; `None` is all the way."""
    window = getattr(config, "sliding_window", None)
    kinds = frozenset(getattr(config, "layer_types", None) or {_FULL if window is None else _SLIDING})
    if not kinds <= {_FULL, _SLIDING}:
        msg = f"layers of kind {sorted(kinds - {_FULL, _SLIDING})} cannot be packed"
        raise UnsupportedArchitectureError(msg)
    if _SLIDING in kinds and window is None:
        kinds = frozenset({_FULL})
    return {kind: None if kind == _FULL else window for kind in sorted(kinds)}


class Network:
    """Runs a transformers causal language model on packed nodes; the model is left as it was found."""

    def __init__(self, model: Any) -> None:
        """Wraps `model`.

        Raises:
            UnsupportedArchitectureError: If its layers are of a kind that masks cannot keep apart.
        """
        self.model = model
        self.config = model.config.get_text_config()
        self.device: torch.device = _entry_device(model)
        self.dtype: torch.dtype = _activation_dtype(model)
        self.attention: AttentionStrategy = MaskedAttention()
        self._windows = _windows(self.config)
        self._decoder = model.base_model
        if model.get_output_embeddings() is None or self._decoder is model:
            msg = "the model has no separate vocabulary projection"
            raise UnsupportedArchitectureError(msg)
        self.head = Head(model, dtype=self.dtype)

    @property
    def _ungroups(self) -> bool:
        """Whether attention takes keys that were not repeated for each query: PyTorch's own does, on the CPU."""
        return self.device.type == "cpu" and getattr(self.model.config, "_attn_implementation", None) == "sdpa"

    @property
    def max_positions(self) -> int:
        """The longest string that the model can read, in tokens."""
        return int(getattr(self.config, "max_position_embeddings", None) or 2**31)

    def hidden(
        self,
        *,
        tokens: NDArray[np.int64],
        positions: NDArray[np.int64],
        visible: NDArray[np.bool_] | PackedLayout,
        key_positions: NDArray[np.int64],
        cache: TrunkCache,
    ) -> torch.Tensor:
        """Last hidden states `[B, L, hidden]`.

        Args:
            tokens: `[B, L]` ids that go through the network.
            positions: `[B, L]` their positions.
            visible: Which of the `S = cache.length + L` keys each may attend to: a table `[B, L, S]`, or how the nodes
                of a pack hang together.
            key_positions: `[B, S]` the positions of the keys, for sliding windows.
            cache: Holds the keys before these; this forward's are written behind them.
        """
        sight = Sight(visible=visible, positions=positions, key_positions=key_positions, windows=self._windows)
        attending = self.attention.attending(sight, device=self.device, dtype=self.dtype)
        # A model whose layers differ takes one mask for each kind of layer, any other takes the mask itself.
        mask = attending.masks if len(self._windows) > 1 else attending.masks[next(iter(self._windows))]
        grouped = GroupedKeys(cache, attending.computation) if self._ungroups else None
        with interception_for(self.device, self.dtype, attention=attending.computation, grouped=grouped):
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
        return self.head.logits(hidden)

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _activation_dtype(model: Any) -> torch.dtype:
    """The dtype that goes through the network: the embeddings', which no method of quantisation packs away."""
    dtype: torch.dtype = model.get_input_embeddings().weight.dtype
    return dtype if dtype.is_floating_point else model.dtype


def _entry_device(model: Any) -> torch.device:
    """Where token ids go in; accelerate keeps weights that it moves in for each call on the `meta` device."""
    embedding = model.get_input_embeddings()
    device: torch.device = embedding.weight.device
    if device.type == "meta":
        hook = getattr(embedding, "_hf_hook", None)
        device = torch.device(getattr(hook, "execution_device", None) or "cpu")
    return device
