"""What the arithmetic allows: the work of a forest, and how fast this machine multiplies and reads."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from langchain_consensus.engine.forest import Forest, TokenString

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.benchmarks.workloads import Workload

__all__ = ["Rates", "Work", "measured_rates", "sampling_work", "scoring_work"]

_ROWS, _TRIES = 512, 5
_FLOPS_A_TRY = 2e10
_READ_ELEMENTS = 2**26
"""256 MB of float32: more than any processor's cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What a workload needs at least.

    Attributes:
        tokens: Distinct tokens that go through the network.
        head_rows: Distinct positions at which the vocabulary projection runs.
        linear_flops: Two for each non-embedding parameter and token.
        attention_flops: Scores and sums over the keys that each token sees.
        head_flops: The vocabulary projection.
        weight_bytes: What is read if the weights are read once a step, where steps must follow each other; else once.
    """

    tokens: int
    head_rows: int
    linear_flops: float
    attention_flops: float
    head_flops: float
    weight_bytes: float

    @property
    def flops(self) -> float:
        """All of them."""
        return self.linear_flops + self.attention_flops + self.head_flops


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """How fast the machine is just now, the best of a few tries.

    Attributes:
        flops: Of a product [512 x hidden] x [hidden x intermediate] in the model's dtype, a second.
        read_bytes: Read from memory, a second.
    """

    flops: float
    read_bytes: float


def scoring_work(model: Any, strings: Sequence[TokenString]) -> Work:
    """The work of the strings' forest."""
    forest = Forest.build(strings)
    return _work(model, forest.depth + 1, head_rows=len(forest.needed()), steps=1)


def sampling_work(model: Any, prompts: Sequence[Sequence[int]], workload: Workload) -> Work:
    """The work of one prefill a prompt, and of every drawn token but the last, which is never read."""
    assert workload.settings is not None
    n, new = workload.settings.n, workload.settings.max_new_tokens
    forest = Forest.build([TokenString(prefix=tuple(ids), continuation=(0,)) for ids in prompts])
    grown = [np.repeat(len(ids) + np.arange(1, new), n) for ids in prompts]
    visible = np.concatenate([forest.depth + 1, *grown])
    return _work(model, visible, head_rows=len(forest.needed()) + n * (new - 1) * len(prompts), steps=new)


def measured_rates(model: Any) -> Rates:
    """Measures for a fraction of a second."""
    import torch

    config = model.config.get_text_config()
    weight = model.get_output_embeddings().weight
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    kind = {"device": weight.device, "dtype": weight.dtype}
    rows, matrix = torch.ones(_ROWS, config.hidden_size, **kind), torch.ones(config.hidden_size, inner, **kind)
    long = torch.ones(_READ_ELEMENTS, device=weight.device)
    products = max(int(_FLOPS_A_TRY / (2 * _ROWS * config.hidden_size * inner)), 1)

    def multiply() -> None:
        for _ in range(products):
            torch.mm(rows, matrix)
        _wait(weight)

    def read() -> None:
        float(long.sum())

    return Rates(
        flops=2 * _ROWS * config.hidden_size * inner * products / _best(multiply),
        read_bytes=4 * _READ_ELEMENTS / _best(read),
    )


def _best(call: Callable[[], None]) -> float:
    call()
    seconds = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _wait(weight: Any) -> None:
    if weight.device.type == "cuda":
        import torch

        torch.cuda.synchronize()


def _work(model: Any, visible: NDArray[np.int64], *, head_rows: int, steps: int) -> Work:
    config = model.config.get_text_config()
    head = model.get_output_embeddings().weight
    embedding = model.get_input_embeddings().weight
    inner = sum(p.numel() for p in model.base_model.parameters() if p is not embedding)
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    window: Any = getattr(config, "sliding_window", None)
    seen = 0
    for kind in kinds:
        slides = kind == "sliding_attention" and window is not None
        seen += int(np.minimum(visible, window if slides else visible).sum())
    return Work(
        tokens=len(visible),
        head_rows=head_rows,
        linear_flops=2.0 * inner * len(visible),
        attention_flops=4.0 * width * seen,
        head_flops=2.0 * head.numel() * head_rows,
        weight_bytes=float(steps * (inner + head.numel()) * head.element_size()),
    )
