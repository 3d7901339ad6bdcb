"""The shape that solvers work on: games go in, blocks of `[V, N, B]` come out, and policies go back.

The batch is the last axis, so that every operation runs over many games at once; candidates are sorted by their
scores, so that their order in the input changes no bit of a solution; padding adds zeros at the end of sums.
`B` games, `K` judges, `V` = 2, `N` candidates of the longest game of the block. Knows no solver.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from langchain_consensus.game.arrays import FloatArray, IntArray
from langchain_consensus.game.game import ConsensusGame
from langchain_consensus.game.outcome import Outcome
from langchain_consensus.game.panel import Panel

# About what keeps a solver's arrays in a core's cache: 8,192 entries are 64 KiB.
ENTRIES = 8192

# Stands for infinity inside a block: its exponential is zero, and zero times it is zero.
INFINITE = 1e30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Games of similar size, solved together."""

    log_generator: FloatArray  # [V, N, B], log pi_G^(1); -INFINITE is no mass
    log_odds: FloatArray  # [K, N, B], log pi_k^(1)(correct) - log pi_k^(1)(incorrect) of each judge
    judge_weights: FloatArray  # [K, B], each column sums to one
    sizes: IntArray  # [B]
    games: IntArray  # [B], where each game stands in the batch
    order: IntArray  # [B, N], where each candidate stands in its game

    def take(self, columns: IntArray) -> "Block":
        """The block of some of its games."""
        return Block(
            log_generator=np.ascontiguousarray(self.log_generator[..., columns]),
            log_odds=np.ascontiguousarray(self.log_odds[..., columns]),
            judge_weights=np.ascontiguousarray(self.judge_weights[..., columns]),
            sizes=self.sizes[columns],
            games=self.games[columns],
            order=self.order[columns],
        )

    def pooled(self, judged: FloatArray) -> FloatArray:
        """What the generator faces: the weighted mean `[N, B]` of something of each judge, `[K, N, B]`.

        Of one judge it is that judge's own array. Judges without weight at the end change no bit of it.
        """
        total: FloatArray = judged[0] if len(judged) == 1 else (self.judge_weights[:, None] * judged).sum(axis=0)
        return total

    def as_game(self) -> ConsensusGame:
        """The block as a batch of its own, for the functions of `gap.py`; its judges are a panel, one or several."""
        both = np.stack([self.log_odds, -self.log_odds], axis=1)
        return ConsensusGame.of_panel(
            np.moveaxis(self.log_generator, -1, 0),
            Panel(log_anchors=np.moveaxis(-np.logaddexp(0, both), -1, 0), weights=self.judge_weights.T),
            sizes=self.sizes,
            batched=True,
        )

    def put(self, policies: FloatArray, batch: FloatArray) -> None:
        """Write `[V, N, B]` policies to their games and candidates in a `[B, V, N]` batch."""
        real = np.arange(len(policies[0]))[:, None] < self.sizes
        rows = self.games[:, None, None], np.arange(2)[:, None], self.order[:, None, :]
        batch[rows] = np.moveaxis(np.where(real, policies, 0.0), -1, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policies:
    """One policy of each player, in any of the shapes that a game has."""

    generator: FloatArray  # [..., V, N]
    discriminator: FloatArray  # [..., V, N], in a game of several judges [..., K, V, N]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """The policies pi^(time) on the way."""

    time: float
    policies: Policies  # [V, N, B] and [K, V, N, B]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockSolution:
    """What a solver hands back for a block."""

    policies: Policies  # [V, N, B] and, of each judge, [K, V, N, B]
    outcomes: tuple[Outcome, ...]  # B of them
    steps: IntArray  # [B]
    snapshots: tuple[Snapshot, ...] = ()
    equilibria_found: IntArray | None = None  # [B]
    stable: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None  # [B]


class Solver(Protocol):
    """A method with its hyper-parameters; it solves one block at a time."""

    @property
    def lambda_generator(self) -> float:
        """The weight of the generator's anchor, above 0."""

    @property
    def lambda_discriminator(self) -> float:
        """The weight of the discriminator's anchor, above 0."""

    def solve_block(self, block: Block, *, max_steps: int | None, record: int) -> BlockSolution:
        """The solution of a block's games.

        Args:
            block: the games.
            max_steps: the most steps to make, None for the solver's own number.
            record: how many snapshots of the path to keep, 0 for none.
        """


def blocks(game: ConsensusGame) -> Iterator[Block]:
    """The batch in blocks of similar sizes, the longest games first."""
    order = _canonical_order(game)
    by_size = np.argsort(-game.sizes, kind="stable")
    judges = game.judges
    count = judges.weights.shape[1]
    start = 0
    while start < len(by_size):
        width = int(game.sizes[by_size[start]])
        games = by_size[start : start + max(1, ENTRIES // (width * count))]
        start += len(games)
        yield _block(game, judges, games, order[games, :width])


def _canonical_order(game: ConsensusGame) -> IntArray:
    # Last key first: real candidates before padding, then by what tells candidates apart. Equal candidates keep
    # equal values throughout, so which of them comes first does not matter.
    generator, discriminator = game.generator_log_anchor, game.discriminator_log_anchor
    each = (
        []
        if game.panel is None
        else [game.panel.log_anchors[:, k, v] for k in range(game.panel.weights.shape[1]) for v in (0, 1)]
    )
    keys = (*each, *discriminator.swapaxes(0, 1), *-generator.swapaxes(0, 1), ~game.real[:, 0])
    order: IntArray = np.lexsort(keys, axis=-1)
    return order


def _block(game: ConsensusGame, judges: Panel, games: IntArray, order: IntArray) -> Block:
    rows = games[:, None, None], np.arange(2)[:, None], order[:, None, :]
    generator = np.moveaxis(game.generator_log_anchor[rows], 0, -1)  # [V, N, B]
    each = (judges.log_anchors[:, k][rows] for k in range(judges.weights.shape[1]))
    floored = np.maximum(np.stack([np.moveaxis(one, 0, -1) for one in each]), -INFINITE)  # [K, V, N, B]
    return Block(
        log_generator=np.ascontiguousarray(np.maximum(generator, -INFINITE)),
        log_odds=np.ascontiguousarray(floored[:, 1] - floored[:, 0]),
        judge_weights=np.ascontiguousarray(judges.weights[games].T),
        sizes=game.sizes[games],
        games=games,
        order=order,
    )
