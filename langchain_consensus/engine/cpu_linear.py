"""Faster matrix products on the CPU for the few dozen rows that sampling and small forwards have.

PyTorch sends float32 `linear` to MKL, which on many processors takes several times as long for 2 to 100 rows as reading
the weights does; oneDNN, which ships with PyTorch too, does not. The mode is on for the time of a forward only, in the
calling thread only, and changes no weight, no module and no setting.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["fast_linear"]

_MOST_ROWS = 256
"""From here on both libraries are bound by arithmetic, and MKL is as fast or faster."""


def fast_linear(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """A context in which `torch.nn.functional.linear` is fast for few rows, where that can be had; else one without effect."""
    known = hasattr(torch.ops.mkldnn, "_linear_pointwise") and torch.backends.mkldnn.is_available()
    return _OneDNN() if known and device.type == "cpu" and dtype == torch.float32 else nullcontext()


class _OneDNN(TorchFunctionMode):
    """Sends `linear` with 2 to `_MOST_ROWS` rows to oneDNN."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        if func is torch.nn.functional.linear and not kwargs and _has_few_rows(args[0], args[1]):
            bias = args[2] if len(args) > 2 else None  # noqa: PLR2004
            return torch.ops.mkldnn._linear_pointwise(args[0], args[1], bias, "none", [], "")  # noqa: SLF001
        return func(*args, **(kwargs or {}))


def _has_few_rows(rows: torch.Tensor, weight: torch.Tensor) -> bool:
    count = rows.numel() // rows.shape[-1]
    return 1 < count <= _MOST_ROWS and weight.dtype == rows.dtype == torch.float32 and weight.is_contiguous()
