"""The vocabulary projection: logits of some rows, or only the log-probabilities of some tokens.

A row of logits is as long as the vocabulary. Where only few of its entries are wanted, on the CPU, the projection runs
over a tile of the vocabulary at a time: the tile is still in the processor's cache when it is summed up, and the whole
row never exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import linear

from langchain_consensus.engine.interception import interception_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Head"]

_TILE = 2048
"""Columns of a tile."""
_MOST_ROWS = 768
"""Rows of a tile: a product of fewer takes longer for each, and the sums of more would not find them in the cache."""


class Head:
    """The projection of one model and what some families do to its logits afterwards."""

    def __init__(self, model: Any, *, dtype: torch.dtype) -> None:
        """Takes over what `model` projects with; nothing is copied."""
        config = model.config.get_text_config()
        self._module = model.get_output_embeddings()
        self._dtype = dtype
        # Three families rescale their logits after the projection; the self-check at load finds any other.
        self._softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self._scale = float(getattr(config, "logit_scale", 1.0)) / float(getattr(config, "logits_scaling", 1.0))

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """`[R, vocabulary]` float32 logits of the rows `hidden` `[R, hidden]`."""
        with interception_for(hidden.device, self._dtype):
            return self._final(self._module(hidden))

    def logprobs(
        self, hidden: torch.Tensor, rows: NDArray[np.int64], targets: NDArray[np.int64], *, row_budget: int
    ) -> NDArray[np.float64]:
        """`[P]` log P(`targets[p]`) after row `rows[p]` of `hidden`; the projection runs once a distinct row.

        Args:
            hidden: `[L, hidden]`.
            rows: `[P]` ascending, repeats allowed.
            targets: `[P]` tokens.
            row_budget: Rows of logits held at a time; it bounds memory at rows x vocabulary floats.
        """
        distinct, where = np.unique(rows, return_inverse=True)
        summed = self._tiled if self._is_plain(hidden.device) else self._whole
        count = _even(len(distinct), _MOST_ROWS) if summed == self._tiled else row_budget
        result = np.empty(len(rows))
        for start in range(0, len(distinct), count):
            chunk = torch.from_numpy(distinct[start : start + count]).to(hidden.device)
            mine = (where >= start) & (where < start + count)
            local, wanted = torch.from_numpy(where[mine] - start), torch.from_numpy(targets[mine])
            result[mine] = summed(hidden[chunk], local, wanted).double().cpu().numpy()
        return result

    def _whole(self, hidden: torch.Tensor, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = self.logits(hidden)
        rows, targets = rows.to(logits.device), targets.to(logits.device)
        return logits[rows, targets] - torch.logsumexp(logits, dim=-1)[rows]

    def _tiled(self, hidden: torch.Tensor, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        weight, bias = self._module.weight, self._module.bias
        order = torch.argsort(targets)
        bounds = torch.searchsorted(targets[order], torch.arange(0, len(weight) + _TILE, _TILE)).tolist()
        most = hidden.new_full((len(hidden), 1), -torch.inf, dtype=torch.float32)
        total = torch.zeros_like(most)
        found = torch.empty(len(targets))
        with interception_for(hidden.device, self._dtype):
            for number, start in enumerate(range(0, len(weight), _TILE)):
                part = slice(start, start + _TILE)
                tile = self._final(linear(hidden, weight[part], None if bias is None else bias[part]))
                mine = order[bounds[number] : bounds[number + 1]]
                found[mine] = tile[rows[mine], targets[mine] - start]
                # sum(exp(x)) so far, in units of exp(most): rescaled whenever a larger logit turns up.
                larger = torch.maximum(most, tile.amax(dim=-1, keepdim=True))
                total.mul_((most - larger).exp_()).add_(tile.sub_(larger).exp_().sum(dim=-1, keepdim=True))
                most = larger
        return found - (most + total.log_())[rows, 0]

    def _final(self, logits: torch.Tensor) -> torch.Tensor:
        """What the model makes of its projection's output, in float32."""
        logits = logits.float()
        if self._scale != 1.0:
            logits = logits * self._scale
        if self._softcap is not None:
            logits = torch.tanh(logits / self._softcap) * self._softcap
        return logits

    def _is_plain(self, device: torch.device) -> bool:
        """Whether the module does nothing but multiply by a weight that lies here as it is."""
        module = self._module
        return (
            device.type == "cpu"
            and type(module) is torch.nn.Linear
            and "forward" not in vars(module)  # accelerate's, which moves the weight in
            and module.weight.device == device
            and module.weight.is_floating_point()
        )


def _even(total: int, most: int) -> int:
    """How many of `total` rows to take at a time, at most `most`, so that the last turn is not much smaller."""
    return -(-total // max(-(-total // most), 1))
