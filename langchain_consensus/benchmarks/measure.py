"""One call in, its time, its memory and what went through the network out.

Tokens, head rows and forwards are counted by hooks on the decoder and on the vocabulary projection, in the same way for
every method, so that no method reports its own work.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Counter", "Measurement", "Method", "PeakMemory", "measured"]

T = TypeVar("T")
_SAMPLING_SECONDS = 0.02


class Method(Protocol):
    """A way to do a workload."""

    def prepare(self) -> None:
        """What is done before the clock starts."""
        ...

    def run(self) -> Any:
        """The whole workload; its result is the method's own affair."""
        ...

    def scores(self, result: Any) -> list[float]:
        """The log-probability of each of the workload's strings; empty where there is none to compare."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement(Generic[T]):
    """What one call took.

    Attributes:
        result: What it returned.
        seconds: Its wall time.
        peak_bytes: Most memory during the call, above what was in use before it, weights included in the latter.
        tokens: Positions that went through the decoder, padding included.
        head_rows: Positions at which the vocabulary projection ran.
        forwards: Passes through the decoder.
    """

    result: T
    seconds: float
    peak_bytes: int
    tokens: int
    head_rows: int
    forwards: int


def measured(model: Any, call: Callable[[], T]) -> Measurement[T]:
    """Runs `call` once, watched."""
    _release()
    with Counter(model) as counter, PeakMemory(model.device) as memory:
        start = time.perf_counter()
        result = call()
        memory.finish()
        seconds = time.perf_counter() - start
    return Measurement(
        result=result,
        seconds=seconds,
        peak_bytes=memory.peak_bytes,
        tokens=counter.tokens,
        head_rows=counter.head_rows,
        forwards=counter.forwards,
    )


class Counter:
    """Counts what goes through a model's decoder and its vocabulary projection; a context manager."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._handles: list[Any] = []
        self._logits = 0
        self.tokens = self.forwards = 0

    @property
    def head_rows(self) -> int:
        """Positions that were projected onto the vocabulary; a row done in tiles counts once all are done."""
        return self._logits // len(self._model.get_output_embeddings().weight)

    def __enter__(self) -> Self:
        import langchain_consensus.engine.head as tiled

        decoder, head = self._model.base_model, self._model.get_output_embeddings()
        vars(tiled)["linear"] = self._tile_projected
        self._handles = [
            decoder.register_forward_pre_hook(self._read, with_kwargs=True),
            head.register_forward_pre_hook(self._projected),
        ]
        return self

    def __exit__(self, *args: object) -> None:
        from torch.nn.functional import linear

        import langchain_consensus.engine.head as tiled

        vars(tiled)["linear"] = linear
        for handle in self._handles:
            handle.remove()

    def _read(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        del module
        self.tokens += (args[0] if args else kwargs["input_ids"]).numel()
        self.forwards += 1

    def _projected(self, module: Any, args: tuple[Any, ...]) -> None:
        self._logits += args[0].numel() // args[0].shape[-1] * len(module.weight)

    def _tile_projected(self, hidden: Any, weight: Any, bias: Any) -> Any:
        # The engine multiplies by parts of the weight itself, which no hook on the module sees.
        from torch.nn.functional import linear

        self._logits += len(hidden) * len(weight)
        return linear(hidden, weight, bias)


class PeakMemory:
    """The most memory in use while it is open, above what was in use when it was opened; a context manager.

    On the CPU a thread reads the process's anonymous resident memory every 20 ms: mapped files, which is where the
    weights may lie, neither count nor hide anything. On CUDA it is the allocator's own figure.
    """

    def __init__(self, device: Any) -> None:
        self._on_cuda = device.type == "cuda"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before = self._most = 0

    def __enter__(self) -> Self:
        if self._on_cuda:
            import torch

            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
        else:
            self._before = self._most = _resident()
            self._thread.start()
        return self

    def finish(self) -> None:
        """Waits for the device, so that the clock may be read."""
        if self._on_cuda:
            import torch

            torch.cuda.synchronize()

    def __exit__(self, *args: object) -> None:
        if self._on_cuda:
            import torch

            self._most = torch.cuda.max_memory_allocated()
        else:
            self._stop.set()
            self._thread.join()
            self._most = max(self._most, _resident())

    @property
    def peak_bytes(self) -> int:
        """Bytes, at least 0."""
        return max(self._most - self._before, 0)

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLING_SECONDS):
            self._most = max(self._most, _resident())


def _resident() -> int:
    import psutil

    memory = psutil.Process().memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


def _release() -> None:
    """Gives freed memory back to the system, so that a call cannot hide in what an earlier one left behind."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
