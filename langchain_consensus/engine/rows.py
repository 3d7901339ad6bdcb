"""Whole rows of logits, as sampling needs them: their largest entries and their sums, with few passes over memory."""

from __future__ import annotations

import torch

__all__ = ["largest", "logsumexp"]

_BLOCK = 64
"""Columns of which only the maximum is looked at first."""
_TILE = 16_384
"""Columns that are summed at a time: they fit the processor's cache."""


def largest(rows: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` largest entries of each row, descending, and their columns: `[R, count]` each, as `topk` gives them.

    They lie in the `count` blocks with the largest maxima, so that most of a long row is read only once.

    Args:
        rows: `[R, V]`.
        count: At most `V`.
    """
    length, width = rows.shape
    blocks = width // _BLOCK
    if blocks < 8 * count:
        values, columns = rows.topk(count, dim=-1)
        return values, columns
    maxima = rows[:, : blocks * _BLOCK].view(length, blocks, _BLOCK).amax(dim=-1)
    chosen = maxima.topk(count, dim=-1, sorted=False).indices
    inside = torch.arange(_BLOCK, device=rows.device)
    columns = (chosen[:, :, None] * _BLOCK + inside).reshape(length, -1)
    rest = torch.arange(blocks * _BLOCK, width, device=rows.device).expand(length, -1)
    columns = torch.cat([columns, rest], dim=1)
    values, places = rows.gather(1, columns).topk(count, dim=-1)
    return values, columns.gather(1, places)


def logsumexp(rows: torch.Tensor) -> torch.Tensor:
    """`[R]` the logarithm of the sum of exponentials of each row `[R, V]`, float32."""
    if rows.device.type != "cpu" or not torch.isfinite(most := rows.amax(dim=-1, keepdim=True)).all():
        return torch.logsumexp(rows, dim=-1)
    total = torch.zeros_like(most)
    for start in range(0, rows.shape[1], _TILE):
        total += (rows[:, start : start + _TILE] - most).exp_().sum(dim=-1, keepdim=True)
    return (most + total.log_())[:, 0]
