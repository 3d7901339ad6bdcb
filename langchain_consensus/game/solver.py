"""`solve`: a game and a solver go in, a `Solution` with its evidence comes out."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from langchain_consensus.errors import InvalidInputError, SolverError
from langchain_consensus.game.arrays import BoolArray, FloatArray, IntArray
from langchain_consensus.game.block import Block, BlockSolution, Policies, Solver, blocks
from langchain_consensus.game.game import ConsensusGame
from langchain_consensus.game.gap import deviation, gap
from langchain_consensus.game.outcome import Outcome
from langchain_consensus.game.panel import pooled
from langchain_consensus.game.pikl import PiKL
from langchain_consensus.game.solution import Solution, Trajectory

PUBLISHED: Final = PiKL()


def solve(
    game: ConsensusGame,
    solver: Solver = PUBLISHED,
    *,
    max_steps: int | None = None,
    throw: bool = True,
    record: int | None = None,
) -> Solution:
    """The solution of a game, or of every game of a batch.

    The games of a batch do not touch each other: each has the solution it would have alone.

    Args:
        game: the game or batch.
        solver: the method and its hyper-parameters; by default the published one.
        max_steps: the most steps a solver may make, from 1; by default as many as it needs.
        throw: whether an outcome that is no success is raised. With False, look at `Solution.outcomes`.
        record: how many snapshots of the path to keep in `Solution.trajectory`, from 2, both ends included; by
            default none. Each holds policies of the whole batch.

    Raises:
        InvalidInputError: `max_steps` or `record` breaks its rule.
        SolverError: some game ended without success; the message is the worst outcome's sentence.
    """
    _check_whole("max_steps", max_steps, least=1)
    _check_whole("record", record, least=2)
    pieces = _Pieces.empty(game)
    for block in blocks(game):
        pieces.add(block, solver.solve_block(block, max_steps=max_steps, record=record or 0))
    solution = pieces.solution(game, solver)
    if throw and not solution.outcome.is_success:
        failed = [i for i, outcome in enumerate(solution.outcomes) if not outcome.is_success]
        message = f"{solution.outcome.value} ({len(failed)} of {len(game)} games, the first of them game {failed[0]}.)"
        raise SolverError(message)
    return solution


def _check_whole(name: str, value: int | None, *, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        message = f"`{name}` is {value!r}; it must be a whole number of at least {least}, or None."
        raise InvalidInputError(message)


@dataclass(slots=True, kw_only=True, eq=False)
class _Pieces:
    """The batch while its blocks come in."""

    policies: Policies  # [B, V, N] and, of each judge, [B, K, V, N]
    outcomes: list[Outcome]
    steps: IntArray  # [B]
    equilibria_found: IntArray  # [B], 0 where the solver does not say
    stable: BoolArray  # [B]
    certified: bool = False
    path: dict[float, Policies] = field(default_factory=dict)

    @classmethod
    def empty(cls, game: ConsensusGame) -> "_Pieces":
        games = len(game)
        return cls(
            policies=_zeros(game),
            outcomes=[Outcome.EQUILIBRIUM] * games,
            steps=np.zeros(games, dtype=np.int64),
            equilibria_found=np.zeros(games, dtype=np.int64),
            stable=np.zeros(games, dtype=np.bool_),
        )

    def add(self, block: Block, part: BlockSolution) -> None:
        _put(block, part.policies, self.policies)
        for game, outcome in zip(block.games, part.outcomes, strict=True):
            self.outcomes[game] = outcome
        self.steps[block.games] = part.steps
        if part.equilibria_found is not None and part.stable is not None:
            self.certified = True
            self.equilibria_found[block.games] = part.equilibria_found
            self.stable[block.games] = part.stable
        for snapshot in part.snapshots:
            batch = self.path.setdefault(snapshot.time, _zeros_like(self.policies))
            _put(block, snapshot.policies, batch)

    def solution(self, game: ConsensusGame, solver: Solver) -> Solution:
        weights = {
            "lambda_generator": solver.lambda_generator,
            "lambda_discriminator": solver.lambda_discriminator,
        }
        of_each = self.policies.discriminator
        mean = pooled(of_each, game.judges.weights)
        policies = Policies(
            generator=game.shaped(self.policies.generator),
            discriminator=game.shaped(mean if game.panel is None else of_each),
        )
        return Solution(
            game=game,
            solver=solver,
            generator_policy=policies.generator,
            discriminator_policy=game.shaped(mean),
            judge_policies=None if game.panel is None else policies.discriminator,
            outcomes=tuple(self.outcomes),
            steps=game.shaped(self.steps),
            gap=gap(game, policies, **weights),
            deviation=deviation(game, policies, **weights),
            trajectory=self._trajectory(game),
            proved_unique=16 * solver.lambda_generator * solver.lambda_discriminator > 1 if self.certified else None,
            equilibria_found=game.shaped(self.equilibria_found) if self.certified else None,
            stable=game.shaped(self.stable) if self.certified else None,
        )

    def _trajectory(self, game: ConsensusGame) -> Trajectory | None:
        if not self.path:
            return None
        times = sorted(self.path)
        generator: list[FloatArray] = [game.shaped(self.path[time].generator) for time in times]
        discriminator: list[FloatArray] = [
            game.shaped(pooled(self.path[time].discriminator, game.judges.weights)) for time in times
        ]
        return Trajectory(
            times=np.array(times), generator_policy=np.stack(generator), discriminator_policy=np.stack(discriminator)
        )


def _put(block: Block, policies: Policies, batch: Policies) -> None:
    block.put(policies.generator, batch.generator)
    for judge, policy in enumerate(policies.discriminator):
        block.put(policy, batch.discriminator[:, judge])


def _zeros(game: ConsensusGame) -> Policies:
    judges = game.judges.log_anchors.shape
    return Policies(generator=np.zeros(game.generator_log_anchor.shape), discriminator=np.zeros(judges))


def _zeros_like(policies: Policies) -> Policies:
    return Policies(generator=np.zeros_like(policies.generator), discriminator=np.zeros_like(policies.discriminator))
