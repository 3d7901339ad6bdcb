"""Products of a few dozen rows with a weight, as a sampling step and a short question make them, on the CPU.

PyTorch sends them to MKL, which for 2 to 100 rows takes up to five times as long as oneDNN on the processors where we
measured. oneDNN compiles code for every number of rows that it meets and keeps it, 0.7 MB for each weight's shape; so
only some numbers are asked of it, and what lies between is filled up with zeros.
"""

from __future__ import annotations

from bisect import bisect_left

import torch

__all__ = ["LENGTHS", "few_rows"]

LENGTHS = (2, 4, 6, *range(8, 25, 4), *range(32, 65, 8), *range(80, 129, 16), *range(160, 257, 32))
"""The numbers of rows that are computed. Up to the last oneDNN is faster than MKL; beyond, arithmetic binds both."""


def few_rows(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor | None:
    """`linear` through oneDNN: `[..., N]`, float32, or `None` where it would not be faster.

    Args:
        rows: `[..., K]`, float32.
        weight: `[N, K]`, float32.
        bias: `[N]`, or none.
    """
    width = rows.shape[-1]
    count = rows.numel() // width
    if not 1 < count <= LENGTHS[-1] or rows.dtype != torch.float32 or weight.dtype != torch.float32:
        return None
    length = LENGTHS[bisect_left(LENGTHS, count)]
    if length == count:
        return _product(rows, weight, bias)
    filled = rows.new_empty(length, width)
    filled[:count] = rows.reshape(count, width)
    filled[count:] = 0
    return _product(filled, weight, bias)[:count].view(*rows.shape[:-1], len(weight))


def _product(rows: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")  # noqa: SLF001
    return result
