"""One run of a method in; which of PyTorch's operators its time went to out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.benchmarks.records import Share

if TYPE_CHECKING:
    from langchain_consensus.benchmarks.measure import Method

__all__ = ["profiled"]

_KINDS = {
    "products": ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "_linear_pointwise"),
    "attention": ("_scaled_dot_product", "_efficient_attention", "_flash_attention"),
    "sums and exponentials": ("exp", "log", "sum", "mean", "amax", "softmax", "logsumexp", "sub", "topk", "sort"),
    "copies": ("copy", "cat", "index", "gather", "scatter", "fill", "clone", "masked_fill"),
}
"""Operators by the beginnings of their names; what is in none of them is elementwise arithmetic, or views."""


def profiled(method: Method) -> list[Share]:
    """The shares of one run by kind of operator, largest first; they add up to the time inside operators.

    The profiler slows many small operators down, so that their share is an upper bound.
    """
    from torch._C._profiler import _ExperimentalConfig
    from torch.profiler import ProfilerActivity, profile

    # The engine works in a thread of its own.
    everywhere = _ExperimentalConfig(profile_all_threads=True)
    method.prepare()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True, experimental_config=everywhere) as found:
        method.run()
    seconds: dict[str, float] = {}
    calls: dict[str, int] = {}
    for event in found.key_averages():
        kind = _kind(event.key)
        seconds[kind] = seconds.get(kind, 0.0) + event.self_cpu_time_total / 1e6
        calls[kind] = calls.get(kind, 0) + event.count
    total = sum(seconds.values())
    return [
        Share(kind=kind, seconds=seconds[kind], share=seconds[kind] / total, calls=calls[kind])
        for kind in sorted(seconds, key=lambda kind: -seconds[kind])
    ]


def _kind(operator: str) -> str:
    name = operator.rpartition("::")[2].rstrip("_")
    for kind, beginnings in _KINDS.items():
        exact = kind == "products"
        if any(name == one if exact else name.startswith(one) for one in beginnings):
            return kind
    return "elementwise and the rest"
