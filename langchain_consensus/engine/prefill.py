"""Prompts through the network, once: what is common to them is computed once, and each gets its row of keys and values.

Whoever draws goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.node_keys import NodeKeys
from langchain_consensus.engine.plan import Plan, make_plan
from langchain_consensus.engine.prefix_cache import new_beginnings
from langchain_consensus.engine.scoring import run_steps
from langchain_consensus.engine.wanted import WantedSteps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.network import Network
    from langchain_consensus.engine.prefix_cache import PrefixCache

__all__ = ["Prefill", "prefill"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prefill:
    """Prompts that went through the network.

    Attributes:
        plan: How they went.
        lengths: `[P]` tokens of each prompt.
        logits: `[P, vocabulary]` float32, for the first token of the answers.
        layers: Keys and values of every layer, `[P, heads, longest + room, head_dim]`.
    """

    plan: Plan
    lengths: NDArray[np.int64]
    logits: torch.Tensor
    layers: list[tuple[torch.Tensor, torch.Tensor]]


def prefill(
    network: Network,
    prompts: Sequence[Sequence[int]],
    *,
    room: int,
    token_budget: int,
    prefixes: PrefixCache,
    wanted_by: Callable[[Forest], WantedSteps] = WantedSteps.all_of,
) -> Prefill:
    """Computes every distinct prefix of `prompts` once and lays each prompt's keys and values out in a row.

    Args:
        network: The model.
        prompts: Token ids, none empty.
        room: Positions to leave behind the longest prompt for what will be drawn.
        token_budget: Tokens of one forward.
        prefixes: Beginnings of earlier calls; those of this one are added.
        wanted_by: Says of each step whether to run it; prompts whose steps are left out get no logits, and must not be
            drawn from.
    """
    # The forest reads all but a string's last token; a dummy continuation makes it read the whole prompt.
    forest = Forest.build([TokenString(prefix=tuple(ids), continuation=(0,)) for ids in prompts])
    known = prefixes.known(forest)
    plan = make_plan(forest, token_budget=token_budget, restored={root: p.length for root, p in known.items()})
    keys = NodeKeys(np.arange(len(forest)), known)
    last = torch.empty(0)
    wanted = wanted_by(forest)
    for step, hidden in run_steps(network, forest, plan, known=known, on_keys=keys, wanted=wanted):
        mine = np.flatnonzero(np.isin(forest.paths_end, step.nodes))
        if len(mine):
            rows = np.searchsorted(step.nodes, forest.paths_end[mine])
            found = hidden[0, torch.from_numpy(rows).to(hidden.device)]
            last = last if len(last) else found.new_zeros(len(prompts), found.shape[-1])
            last[torch.from_numpy(mine).to(hidden.device)] = found
    lengths = np.array([len(ids) for ids in prompts])
    longest = int(lengths.max())
    paths = torch.zeros(len(prompts), longest, dtype=torch.int64)
    for number, end in enumerate(forest.paths_end):
        paths[number, : lengths[number]] = torch.from_numpy(forest.path(int(end)))
    layers = [(_rows(k, paths, room), _rows(v, paths, room)) for k, v in keys.layers(np.arange(len(forest)))]
    if not wanted.left_out:  # what was left out has no keys
        prefixes.keep(forest, {root: keys.layers(nodes) for root, nodes in new_beginnings(forest, known).items()})
    return Prefill(plan=plan, lengths=lengths, logits=network.logits(last), layers=layers)


def _rows(store: torch.Tensor, paths: torch.Tensor, room: int) -> torch.Tensor:
    """`[P, heads, longest + room, width]`: the nodes' states of each path, and room behind them."""
    _, heads, _, width = store.shape
    prompts, longest = paths.shape
    rows = store.new_empty(prompts, heads, longest + room, width)
    rows[:, :, :longest] = store[0][:, paths.to(store.device)].transpose(0, 1)
    return rows
