"""Runs some of PyTorch's functions differently for the time of one forward.

The model, its weights and its settings stay as they are, and so do other threads: the mode is PyTorch's own, on in the
calling thread only, and a handler that declines leaves a call as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from langchain_consensus.engine.few_rows import few_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_consensus.engine.grouped_keys import GroupedKeys

__all__ = ["Interception", "interception_for"]


class Interception(TorchFunctionMode):
    """While it is entered, calls of `handlers`' functions go to their handlers; `None` from a handler declines."""

    def __init__(self, handlers: Mapping[Callable[..., Any], Callable[..., torch.Tensor | None]]) -> None:
        super().__init__()
        self._handlers = handlers

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        handler = self._handlers.get(func)
        if handler is not None:
            result = handler(*args, **(kwargs or {}))
            if result is not None:
                return result
        return func(*args, **(kwargs or {}))


def interception_for(
    device: torch.device,
    dtype: torch.dtype,
    *,
    attention: Callable[..., torch.Tensor | None] | None = None,
    grouped: GroupedKeys | None = None,
) -> Interception:
    """What makes a forward on `device` faster without changing what it computes.

    Args:
        device: Where the model is.
        dtype: Of its weights.
        attention: Stands in for `scaled_dot_product_attention`.
        grouped: Does so too, over keys and values that are not repeated for each query.
    """
    handlers: dict[Callable[..., Any], Callable[..., torch.Tensor | None]] = {}
    if device.type == "cpu" and dtype == torch.float32 and torch.backends.mkldnn.enabled:
        handlers[linear] = few_rows
    if grouped is not None:
        handlers[torch.Tensor.reshape] = grouped.unrepeated
        handlers[scaled_dot_product_attention] = grouped.attention
    elif attention is not None:
        handlers[scaled_dot_product_attention] = attention
    return Interception(handlers)
