"""Which attention is fastest for a loaded model on its device: measured, not assumed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.plan import make_plan
from langchain_consensus.engine.scoring import run_steps
from langchain_consensus.engine.self_check import packing_error, tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.engine.attention import AttentionStrategy
    from langchain_consensus.engine.network import Network

__all__ = ["fastest", "worth_measuring"]

_logger = logging.getLogger(__name__)
_BRANCH = 32
_TRIES = 3


def worth_measuring(network: Network, *, token_budget: int) -> bool:
    """Whether FlexAttention may pay: on one CUDA device, with SDPA, and with packs of many blocks."""
    devices = {str(parameter.device) for parameter in network.model.parameters()}
    implementation = getattr(network.model.config, "_attn_implementation", None)
    return network.device.type == "cuda" and len(devices) == 1 and implementation == "sdpa" and token_budget >= 1024


def fastest(
    network: Network,
    strategies: Sequence[AttentionStrategy],
    *,
    token_budget: int,
    clock: Callable[[], float] = time.perf_counter,
) -> AttentionStrategy:
    """The strategy that runs a pack of `token_budget` nodes in the least time and scores as the self-check demands.

    Args:
        network: The model; it is left with the attention that it had.
        strategies: The first is taken if no other is exact and faster; one that fails is passed over.
        token_budget: Nodes of a full forward.
        clock: Seconds.
    """
    before = network.attention
    best, least = strategies[0], float("inf")
    try:
        for strategy in strategies:
            network.attention = strategy
            try:
                error = packing_error(network) if strategy is not strategies[0] else 0.0
                seconds = _seconds(network, token_budget, clock) if error <= tolerance(network.dtype) else None
            except Exception as failure:  # noqa: BLE001 - compilers and drivers fail in ways of their own
                _logger.info("attention %s cannot be used here: %s", strategy.name, failure)
                continue
            _logger.info("attention %s: %s s a forward, error %.2g nats", strategy.name, seconds, error)
            if seconds is not None and seconds < least:
                best, least = strategy, seconds
    finally:
        network.attention = before
    return best


def _seconds(network: Network, token_budget: int, clock: Callable[[], float]) -> float:
    """The best time of a few forwards over one full pack: a stem, and branches as long as an answer."""
    rng = np.random.default_rng(0)
    budget = min(token_budget, network.max_positions - _BRANCH - 1)
    ids = rng.integers(0, int(network.config.vocab_size), 2 * token_budget).tolist()
    stem = tuple(ids[: min(budget // 2, network.max_positions - _BRANCH - 1)])
    branches = max((token_budget - len(stem)) // _BRANCH, 1)
    strings = [
        TokenString(prefix=(*stem, k % int(network.config.vocab_size)), continuation=tuple(ids[-_BRANCH:]))
        for k in range(branches)
    ]
    forest = Forest.build(strings)
    plan = make_plan(forest, token_budget=max(token_budget, len(forest)))
    times = []
    for _ in range(_TRIES + 1):  # the first compiles
        start = clock()
        for _ in run_steps(network, forest, plan):
            if network.device.type == "cuda":
                torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times[1:])
