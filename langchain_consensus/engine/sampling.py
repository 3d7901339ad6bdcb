"""Draws n continuations of each prompt from one prefill.

Token ids in, token ids and untruncated log-probabilities out. The forks of a prompt are not batch rows with a copy of
the prompt each: they are nodes of one sequence over one prompt's keys and values, and a mask keeps them apart. Forks
that have finished leave the sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from langchain_consensus.engine.masking import masked
from langchain_consensus.engine.rows import logsumexp
from langchain_consensus.engine.token_choice import chosen
from langchain_consensus.engine.trunk_cache import TrunkCache

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.masking import TokenGrammar
    from langchain_consensus.engine.network import Network
    from langchain_consensus.engine.prefill import Prefill

__all__ = ["Fork", "draw"]

_PROMPT, _NOBODY = -1, -2
"""Owners of a cache position that all forks see, and that none sees."""


@dataclass(kw_only=True, slots=True)
class Fork:
    """One sample in the making.

    Attributes:
        prompt: Index of its prompt in the batch.
        ids: Tokens drawn so far, the end token included.
        logprobs: Their untruncated log-probabilities.
        done: Whether it draws no more.
        grammar: Where it stands in the grammar that it follows, or `None` for any text.
    """

    prompt: int
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    done: bool = False
    grammar: TokenGrammar | None = None


def draw(
    network: Network,
    start: Prefill,
    settings: SamplingSettings,
    *,
    end_ids: frozenset[int],
    seeds: Sequence[Sequence[int]],
    finished: Callable[[Fork], bool],
    grammar: TokenGrammar | None = None,
    leaving: Callable[[], Collection[int]] = tuple,
) -> tuple[list[list[Fork]], int, int]:
    """Draws `settings.n` forks of each prompt; also returns the tokens that went through the network and the forwards.

    Args:
        network: The model.
        start: The prompts' prefill, with room for `n * max_new_tokens` positions.
        settings: How to draw.
        end_ids: Tokens that end a fork.
        seeds: For each prompt what its random numbers depend on, so that they do not depend on the batch.
        finished: Called after every token of a fork; says whether a stop string has ended it.
        grammar: What every fork follows, before its first token; `None` for any text.
        leaving: Asked before each forward for the prompts that nobody waits for any more; their forks grow no further.
    """
    end = settings.first + settings.n
    uniforms = [
        np.random.default_rng(list(seed)).random((end, settings.max_new_tokens))[settings.first :] for seed in seeds
    ]
    forks = [[Fork(prompt=p, grammar=grammar and grammar.copy()) for _ in range(settings.n)] for p in range(len(seeds))]
    everyone = [(fork, p, uniforms[p][j]) for p, group in enumerate(forks) for j, fork in enumerate(group)]
    _extend(everyone, start.logits, settings, end_ids, finished, rows=[p for _, p, _ in everyone])
    sequence = _Sequence(network, start, forks)
    computed = passes = 0
    numbers = {id(fork): u for fork, _, u in everyone}
    while any(not fork.done for fork, _, _ in everyone):
        for fork in (fork for prompt in leaving() for fork in forks[prompt]):
            fork.done = True
        if all(fork.done for fork, _, _ in everyone):
            break
        logits, order = sequence.advance()
        computed, passes = computed + len(order), passes + 1
        entries = [(fork, fork.prompt, numbers[id(fork)]) for fork in order]
        _extend(entries, logits, settings, end_ids, finished, rows=range(len(entries)))
    return forks, computed, passes


class _Sequence:
    """The prompts' rows in the cache and the forks that still grow behind them."""

    def __init__(self, network: Network, start: Prefill, forks: list[list[Fork]]) -> None:
        self.network = network
        self.rows = [list(group) for group in forks]
        self.lengths = start.lengths
        longest = int(start.lengths.max())
        self.cache = TrunkCache(capacity=start.layers[0][0].shape[2])
        self.cache.adopt(start.layers, length=longest)
        inside = np.arange(longest)[None, :] < start.lengths[:, None]
        self.owner = np.where(inside, _PROMPT, _NOBODY)  # [P, S] who sees each cache position
        self.key_positions = np.broadcast_to(np.arange(longest), inside.shape)
        self.numbers = {id(fork): j for group in forks for j, fork in enumerate(group)}

    def advance(self) -> tuple[torch.Tensor, list[Fork]]:
        """One forward over the newest token of every fork that is not done; `[F, vocabulary]` logits and the forks."""
        self._drop_finished_prompts()
        active = [[fork for fork in group if not fork.done] for group in self.rows]
        width = max(len(group) for group in active)
        shape = (len(active), width)
        tokens, owners = np.zeros(shape, dtype=np.int64), np.full(shape, _NOBODY)
        positions = np.zeros(shape, dtype=np.int64)
        for row, group in enumerate(active):
            for column, fork in enumerate(group):
                tokens[row, column] = fork.ids[-1]
                owners[row, column] = self.numbers[id(fork)]
                positions[row, column] = self.lengths[row] + len(fork.ids) - 1
        self.owner = np.concatenate([self.owner, owners], axis=1)
        self.key_positions = np.concatenate([self.key_positions, positions], axis=1)
        mine = self.owner[:, None, :] == owners[:, :, None]
        # A filler column sees the prompt alone: an empty row of the mask would give NaN.
        visible = (self.owner == _PROMPT)[:, None, :] | (mine & (owners != _NOBODY)[:, :, None])
        hidden = self.network.hidden(
            tokens=tokens, positions=positions, visible=visible, key_positions=self.key_positions, cache=self.cache
        )
        self.cache.length += width
        filled = torch.from_numpy(owners != _NOBODY).to(hidden.device)
        return self.network.logits(hidden[filled]), [fork for group in active for fork in group]

    def _drop_finished_prompts(self) -> None:
        """Takes prompts without live forks out of the cache once they are half of it: fewer copies than one by one."""
        alive = [row for row, group in enumerate(self.rows) if any(not fork.done for fork in group)]
        if 2 * len(alive) > len(self.rows):
            return
        index = torch.tensor(alive)
        # Layers may be on different devices.
        layers = [(k[index.to(k.device)], v[index.to(v.device)]) for k, v in self.cache.layers_kept()]
        self.cache.adopt(layers, length=self.cache.length)
        self.rows = [self.rows[row] for row in alive]
        self.lengths, self.owner = self.lengths[alive], self.owner[alive]
        self.key_positions = self.key_positions[alive]


def _extend(
    entries: Sequence[tuple[Fork, int, NDArray[np.float64]]],
    logits: torch.Tensor,
    settings: SamplingSettings,
    end_ids: frozenset[int],
    finished: Callable[[Fork], bool],
    *,
    rows: Sequence[int],
) -> None:
    """Draws one token for each entry from the row of `logits` that belongs to it."""
    index = torch.tensor(list(rows), device=logits.device)
    uniforms = torch.tensor([u[len(fork.ids)] for fork, _, u in entries], dtype=torch.float64)
    allowed = _allowed(logits, [fork for fork, _, _ in entries], rows)
    tokens = chosen(allowed, index, uniforms, settings) if settings.temperature else allowed.argmax(-1)[index]
    logprobs = (logits[index, tokens] - logsumexp(logits)[index]).double().cpu().tolist()
    for (fork, _, _), token, logprob in zip(entries, tokens.tolist(), logprobs, strict=True):
        fork.ids.append(token)
        fork.logprobs.append(logprob)
        if fork.grammar is not None:
            fork.grammar.advance(token)
        fork.done = token in end_ids or len(fork.ids) >= settings.max_new_tokens or finished(fork)


def _allowed(logits: torch.Tensor, forks: Sequence[Fork], rows: Sequence[int]) -> torch.Tensor:
    """The logits without the tokens that the forks' grammars rule out."""
    # Forks share a row before their first token alone, and stand at the same place in the grammar there.
    grammars = {row: fork.grammar for row, fork in zip(rows, forks, strict=True) if fork.grammar is not None}
    return masked(logits, [grammars[row] for row in range(len(logits))]) if grammars else logits
