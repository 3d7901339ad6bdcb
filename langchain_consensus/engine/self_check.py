"""Whether packed strings score as single strings do, asked of the model itself when it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.plan import make_plan
from langchain_consensus.engine.scoring import score_strings

if TYPE_CHECKING:
    from langchain_consensus.engine.network import Network

__all__ = ["packing_error", "tolerance"]

_STEM, _BRANCH = 9, 4


def tolerance(dtype: torch.dtype) -> float:
    """The largest difference, in nats, that rounding explains for weights of `dtype`."""
    return 1e-3 if dtype in {torch.float32, torch.float64} else 0.5


def packing_error(network: Network) -> float:
    """Largest difference in nats between packed and one-at-a-time token log-probabilities on a few random strings.

    The strings branch, and the plan has a trunk that two forwards share, so that masks, positions and cache are all
    exercised; NaN counts as infinite.
    """
    rng = np.random.default_rng(0)
    vocabulary = int(network.config.vocab_size)
    stem = tuple(int(t) for t in rng.integers(0, vocabulary, _STEM))
    strings = []
    for _ in range(2):
        middle = stem + tuple(int(t) for t in rng.integers(0, vocabulary, 2))
        for _ in range(2):
            branch = tuple(int(t) for t in rng.integers(0, vocabulary, _BRANCH))
            strings.append(TokenString(prefix=middle, continuation=branch))
    forest = Forest.build(strings)
    plan = make_plan(forest, token_budget=len(forest) - _BRANCH)
    packed = score_strings(network, forest, plan, strings, row_budget=len(forest))
    # All strings are of one length, so a batch of them needs no padding and is the plain computation of each.
    ids = torch.tensor([[*string.prefix, *string.continuation] for string in strings], device=network.device)
    rows = torch.log_softmax(network.model(input_ids=ids, use_cache=False).logits.float(), dim=-1)[:, -_BRANCH - 1 : -1]
    alone = rows.gather(2, ids[:, -_BRANCH:, None])[:, :, 0].double().cpu().numpy()
    difference = float(np.abs(alone - np.stack(packed)).max())
    return difference if np.isfinite(difference) else np.inf
