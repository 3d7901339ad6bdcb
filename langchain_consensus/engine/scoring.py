"""Runs a plan: the forest's nodes through the network, the vocabulary projection where a score needs it.

Token ids in, log-probabilities out. Tokenizers and prompts are unknown here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.sight import PackedLayout
from langchain_consensus.engine.trunk_cache import TrunkCache
from langchain_consensus.engine.waiting_rows import WaitingRows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from langchain_consensus.engine.forest import Forest, TokenString
    from langchain_consensus.engine.network import Network
    from langchain_consensus.engine.plan import Plan, Step
    from langchain_consensus.engine.prefix_cache import Prefix

    OnKeys = Callable[[Step, TrunkCache], None]
    Wanted = Callable[[Step], bool]

__all__ = ["run_steps", "score_strings"]

_NOTHING: Mapping[int, Prefix] = MappingProxyType({})


def _every(step: Step) -> bool:  # noqa: ARG001
    return True


def score_strings(
    network: Network,
    forest: Forest,
    plan: Plan,
    strings: Sequence[TokenString],
    *,
    row_budget: int,
    known: Mapping[int, Prefix] = _NOTHING,
    on_keys: OnKeys | None = None,
    wanted: Wanted = _every,
) -> list[NDArray[np.float64]]:
    """For each string the log-probability of every continuation token, `[len(continuation)]` in nats.

    Args:
        network: The model.
        forest: The forest of `strings`.
        plan: The plan of `forest`.
        strings: What to score.
        row_budget: Rows of the vocabulary projection held at a time; it bounds memory at rows x vocabulary floats.
        known: As in `run_steps`.
        on_keys: As in `run_steps`.
        wanted: As in `run_steps`; strings whose steps are left out get NaN.
    """
    # Each (node, next token) is scored once, whichever strings share it.
    nodes = np.concatenate(forest.rows)
    targets = np.concatenate([np.array(s.continuation, dtype=np.int64) for s in strings])
    pairs, where = np.unique(np.stack([nodes, targets], axis=1), axis=0, return_inverse=True)
    logprobs = np.full(len(pairs), np.nan)
    waiting = WaitingRows(network.head, logprobs, row_budget=row_budget)
    for step, hidden in run_steps(network, forest, plan, known=known, on_keys=on_keys, wanted=wanted):
        first, last = np.searchsorted(pairs[:, 0], [step.nodes[0], step.nodes[-1] + 1])
        mine = np.arange(first, last)
        mine = mine[np.isin(pairs[mine, 0], step.nodes)]
        local = np.searchsorted(step.nodes, pairs[mine, 0])
        waiting.add(hidden[0], rows=local, targets=pairs[mine, 1], places=mine)
    waiting.project()
    ends = np.cumsum([len(s.continuation) for s in strings])
    return np.split(logprobs[where.reshape(-1)], ends[:-1])


def run_steps(
    network: Network,
    forest: Forest,
    plan: Plan,
    *,
    known: Mapping[int, Prefix] = _NOTHING,
    on_keys: OnKeys | None = None,
    wanted: Wanted = _every,
) -> Iterator[tuple[Step, torch.Tensor]]:
    """Yields each step with its last hidden states `[1, L, hidden]`.

    Args:
        network: The model.
        forest: What the plan is for.
        plan: The forwards.
        known: The beginnings that the plan's steps restore, by root.
        on_keys: Called after each forward, while the cache holds the keys of all its nodes, behind `cache.length`.
        wanted: Asked before each forward whether to run it. A step that puts nodes into the trunk may be left out if
            all that follow from them are.
    """
    cache = TrunkCache(capacity=max((s.base + len(s.nodes) for s in plan.steps), default=0))
    for step in plan.steps:
        if step.restored >= 0:
            cache.restore(known[step.restored].layers, length=step.base)
        if not wanted(step):
            continue
        cache.length = step.base
        nodes = step.nodes
        positions = forest.depth[nodes]
        hidden = network.hidden(
            tokens=forest.tokens[nodes][None],
            positions=positions[None],
            visible=PackedLayout.of(step, forest),
            key_positions=np.concatenate([np.arange(step.base), positions])[None],
            cache=cache,
        )
        if on_keys is not None:
            on_keys(step, cache)
        yield step, hidden
