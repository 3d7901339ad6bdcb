"""What a solve hands back: policies with their evidence.

`B` games, `V` = 2, `N` candidates, `T` snapshots, `K` judges. Where one game was given, the axis `B` is absent.
"""

from dataclasses import dataclass

from langchain_consensus.game.arrays import BoolArray, FloatArray, IntArray
from langchain_consensus.game.block import Policies, Solver
from langchain_consensus.game.game import ConsensusGame
from langchain_consensus.game.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory:
    """The policies on the way, for plots: pi^(1), then snapshots about evenly spread in log time, then the result."""

    times: FloatArray  # [T], t of pi^(t); infinite for an equilibrium
    generator_policy: FloatArray  # [T, B, V, N]
    discriminator_policy: FloatArray  # [T, B, V, N], of several judges their weighted mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """The policies of both players and how far they are from an equilibrium of the regularised game.

    Candidates beyond a game's size have probability zero in both policies. `solution[i]` is one game, unpadded.
    """

    game: ConsensusGame
    solver: Solver
    generator_policy: FloatArray  # [B, V, N], rows sum to one over N
    discriminator_policy: FloatArray  # [B, V, N], columns sum to one over V; of several judges their weighted mean
    outcomes: tuple[Outcome, ...]  # B of them
    steps: IntArray  # [B], updates or integration steps made
    gap: FloatArray  # [B], regularised exploitability, see `gap`
    deviation: FloatArray  # [B], max |policy - best response|
    judge_policies: FloatArray | None = None  # [B, K, V, N], only of several judges
    trajectory: Trajectory | None = None  # only if `record` was given
    proved_unique: bool | None = None  # the three below: only from `Equilibrium`
    equilibria_found: IntArray | None = None  # [B], a lower bound where uniqueness is not proved
    stable: BoolArray | None = None  # [B], whether small perturbations die out; 0 and False where not certified

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of the batch."""
        return max(self.outcomes, key=lambda outcome: outcome.severity)

    @property
    def policies(self) -> Policies:
        """Both policies, as the functions of `gap.py` take them."""
        discriminator = self.discriminator_policy if self.judge_policies is None else self.judge_policies
        return Policies(generator=self.generator_policy, discriminator=discriminator)

    def __len__(self) -> int:
        """The number of games, 1 for a single one."""
        return len(self.game)

    def __getitem__(self, index: int) -> "Solution":
        """One game of the batch, without padding."""
        game = self.game[index]
        if not self.game.batched:
            return self
        size = game.generator_log_anchor.shape[-1]
        return Solution(
            game=game,
            solver=self.solver,
            generator_policy=self.generator_policy[index, :, :size],
            discriminator_policy=self.discriminator_policy[index, :, :size],
            outcomes=(self.outcomes[index],),
            steps=self.steps[index, ...],
            gap=self.gap[index, ...],
            deviation=self.deviation[index, ...],
            judge_policies=None if self.judge_policies is None else self.judge_policies[index, ..., :size],
            trajectory=None if self.trajectory is None else _one_path(self.trajectory, index, size),
            proved_unique=self.proved_unique,
            equilibria_found=None if self.equilibria_found is None else self.equilibria_found[index, ...],
            stable=None if self.stable is None else self.stable[index, ...],
        )


def _one_path(trajectory: Trajectory, index: int, size: int) -> Trajectory:
    return Trajectory(
        times=trajectory.times,
        generator_policy=trajectory.generator_policy[:, index, :, :size],
        discriminator_policy=trajectory.discriminator_policy[:, index, :, :size],
    )
