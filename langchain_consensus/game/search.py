"""The search for the equilibria that paths lead to. A block and its path go in, certified equilibria come out."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from langchain_consensus.game.arrays import BoolArray, FloatArray, IntArray
from langchain_consensus.game.block import Block, Policies
from langchain_consensus.game.dynamics import Averages, Rates, policies
from langchain_consensus.game.flow import Path, advance, mesh, updates
from langchain_consensus.game.gap import deviation, gap
from langchain_consensus.game.newton import ascend, evaluate, is_stable, point_policies, polish
from langchain_consensus.game.outcome import Outcome

# The flow is followed to these log times, with a look for an equilibrium after each. At the last one 1/(eta t) is 1e-10
# for the published eta, and the flow all but autonomous.
LOOKS = (15.0, 25.0)
# Games that are slower still go on by best responses in turn, with a look after as many, then twice as many rounds.
FIRST_ROUNDS = 100
NEWTON_ROUNDS = 30

# How close the path must have come to an equilibrium, in every entry of both policies, for it to be the path's limit.
# A path may linger near an unstable one, so there it must have arrived.
NEAR = 1e-3
ARRIVED = 1e-8
LARGEST_DEVIATION = 1e-8


@dataclass(slots=True, kw_only=True, eq=False)
class Search:
    """The games of a block on their way to their equilibria."""

    block: Block
    rates: Rates
    pending: IntArray  # the games still on their way
    shift: FloatArray  # [N, pending], where they are, see `newton.py`
    policies: Policies  # [V, N, B] and [K, V, N, B], the equilibria, and where the pending games are
    outcomes: list[Outcome]  # B
    steps: IntArray  # [B]
    settled: BoolArray  # [B]
    stable: BoolArray  # [B]

    @classmethod
    def start(cls, block: Block, rates: Rates, path: Path, *, steps: int) -> "Search":
        """All games pending, at the end of their path."""
        games = len(block.sizes)
        now = policies(block, path.averages, rates.weights(updates(path.log_time)))
        return cls(
            block=block,
            rates=rates,
            pending=np.arange(games),
            shift=_shift(now, rates),
            policies=now,
            outcomes=[Outcome.STEPS_EXHAUSTED] * games,
            steps=np.full(games, steps),
            settled=np.zeros(games, dtype=np.bool_),
            stable=np.zeros(games, dtype=np.bool_),
        )

    def run(self, path: Path, *, tolerance: float, max_rounds: int, max_steps: int | None) -> None:
        """Look for equilibria, go on with the games that have none yet, look again."""
        budget = math.inf if max_steps is None else max_steps
        self._look(tolerance)
        if not self._may_go_on(len(mesh(self.rates, *LOOKS, 1)) - 1, budget):
            return
        self._flow(path.averages)
        self._look(tolerance)
        rounds, made = FIRST_ROUNDS, 0
        while made < max_rounds and self._may_go_on(rounds, budget):
            self._climb(rounds)
            self._look(tolerance)
            made += rounds
            rounds = min(2 * rounds, max_rounds - made)

    def _may_go_on(self, steps: int, budget: float) -> bool:
        if not len(self.pending):
            return False
        within = int(self.steps[self.pending[0]]) + steps <= budget
        for game in self.pending if not within else ():
            self.outcomes[game] = Outcome.STEPS_EXHAUSTED
        return within

    def _flow(self, averages: Averages) -> None:
        block = self.block.take(self.pending)
        averages = Averages(
            verdict=averages.verdict[:, self.pending].copy(), contrast=averages.contrast[:, self.pending].copy()
        )
        log_times = mesh(self.rates, *LOOKS, 1)
        for start, end in pairwise(log_times):
            averages = advance(block, self.rates, averages, start, end)
        now = policies(block, averages, self.rates.weights(updates(log_times[-1])))
        self._move(now, len(log_times) - 1)

    def _climb(self, rounds: int) -> None:
        block = self.block.take(self.pending)
        point = ascend(block, self.rates, evaluate(block, self.rates, self.shift), rounds)
        self._move(point_policies(block, self.rates, point), rounds)

    def _move(self, now: Policies, steps: int) -> None:
        self._store(self.pending, now)
        self.shift = _shift(now, self.rates)
        self.steps[self.pending] += steps

    def _look(self, tolerance: float) -> None:
        block = self.block.take(self.pending)
        now = _take(self.policies, self.pending)
        point = polish(block, self.rates, evaluate(block, self.rates, self.shift), NEWTON_ROUNDS)
        reached = point_policies(block, self.rates, point)
        distance = _distance(now, reached)
        stable = is_stable(point, self.rates)
        near = ((distance <= NEAR) & stable) | (distance <= ARRIVED)
        certified = _certified(block, self.rates, reached, tolerance)
        for game, is_near, is_certified in zip(self.pending, near, certified, strict=True):
            settled = Outcome.EQUILIBRIUM if is_certified else Outcome.NOT_CERTIFIED
            self.outcomes[game] = settled if is_near else Outcome.NOT_SETTLED
        done = near & certified
        self._store(self.pending[near], _take(reached, near))
        self.settled[self.pending[done]] = True
        self.stable[self.pending[done]] = stable[done]
        self.pending = self.pending[~done]
        self.shift = self.shift[:, ~done]

    def _store(self, games: IntArray, found: Policies) -> None:
        self.policies.generator[..., games] = found.generator
        self.policies.discriminator[..., games] = found.discriminator


def _take(both: Policies, games: BoolArray | IntArray) -> Policies:
    return Policies(generator=both.generator[..., games], discriminator=both.discriminator[..., games])


def _shift(now: Policies, rates: Rates) -> FloatArray:
    shift: FloatArray = (now.generator[1] - now.generator[0]) / (2 * rates.lambda_discriminator)
    return shift


def _distance(one: Policies, other: Policies) -> FloatArray:
    generator = np.abs(one.generator - other.generator).max(axis=(0, 1))
    discriminator = np.abs(one.discriminator - other.discriminator).max(axis=(0, 1, 2))
    distance: FloatArray = np.maximum(generator, discriminator)
    return distance


def _certified(block: Block, rates: Rates, found: Policies, tolerance: float) -> BoolArray:
    game = block.as_game()
    batch = Policies(
        generator=np.moveaxis(found.generator, -1, 0), discriminator=np.moveaxis(found.discriminator, -1, 0)
    )
    weights = {"lambda_generator": rates.lambda_generator, "lambda_discriminator": rates.lambda_discriminator}
    certified: BoolArray = (gap(game, batch, **weights) <= tolerance) & (
        deviation(game, batch, **weights) <= LARGEST_DEVIATION
    )
    return certified
