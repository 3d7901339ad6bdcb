"""What bounds an engine's memory, and what happens when the device has less than that."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import torch

from langchain_consensus.errors import EngineMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Budgets", "MemoryGuard"]

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Budgets:
    """What bounds memory; the first three are halved when the device runs out, down to `floor`.

    Attributes:
        tokens: Tokens of one forward.
        rows: Rows of the vocabulary projection held at a time.
        positions: Key-value positions of the prompts that are sampled from together.
        prefix_bytes: Memory of the beginnings that are kept from call to call; 0 keeps none.
        floor: Where halving stops.
    """

    tokens: int = 512
    rows: int = 64
    positions: int = 16_384
    prefix_bytes: int = 128 * 2**20
    floor: int = 16

    def halved(self) -> Budgets:
        """Half of each budget, but not below `floor`."""
        return replace(
            self,
            tokens=max(self.tokens // 2, self.floor),
            rows=max(self.rows // 2, self.floor),
            positions=max(self.positions // 2, self.floor),
        )


class MemoryGuard:
    """Runs work under budgets, and again under half of them when memory runs out; smaller budgets stay.

    Args:
        budgets: To begin with.
        release: Gives up what is held only to save time, before work is tried again.
    """

    def __init__(self, budgets: Budgets, *, release: Callable[[], None] = lambda: None) -> None:
        self.budgets = budgets
        self._release = release

    def run(self, work: Callable[[Budgets], _T]) -> _T:
        """The result of `work`.

        Raises:
            EngineMemoryError: If memory runs out at the smallest budgets.
        """
        while True:
            try:
                return work(self.budgets)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not _is_out_of_memory(error):
                    raise
                smaller = self.budgets.halved()
                if smaller == self.budgets:
                    msg = (
                        f"Out of memory even with {smaller.tokens} tokens a forward, {smaller.rows} rows of logits and "
                        "no prefix cache. Shorten prompts, lower `n` or `max_new_tokens`, or load the model with a "
                        "smaller `dtype`, quantised, or over several devices with `device_map='auto'`."
                    )
                    raise EngineMemoryError(msg) from error
                _logger.warning("out of memory; going on with budgets %s", smaller)
                self.budgets = smaller
            self._release()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _is_out_of_memory(error: RuntimeError) -> bool:
    """On the CPU torch reports exhausted memory as a plain RuntimeError."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in said or "CPUAllocator" in said
