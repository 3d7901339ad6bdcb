"""`LogTimeFlow`: the published answer without the published steps. A block of games goes in, its policies come out."""

from dataclasses import dataclass

import numpy as np

from langchain_consensus.game.block import Block, BlockSolution
from langchain_consensus.game.dynamics import Rates, check_count, check_positive, policies
from langchain_consensus.game.flow import Plan, follow, log_time, plan, updates
from langchain_consensus.game.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTimeFlow:
    """The policies of `PiKL(steps=time)` to about 2e-4, some thirty-five times faster at the default values.

    Makes the first updates one by one and follows the rest as a flow in s = log t, see `flow.py`. Where small lambdas
    make the flow stiff it takes more than `flow_steps`, as many as stability needs.

    Args:
        time: the number of updates of `PiKL` that it stands for, 5000 in the paper; from 1.
        eta: the learning rate of both players, 0.1 in the paper; above 0.
        lambda_generator: weight of the generator's anchor, 0.1 in the paper; above 0.
        lambda_discriminator: weight of the discriminator's anchor, 0.1 in the paper; above 0.
        exact_steps: how many updates to make one by one first, from 1.
        flow_steps: the least number of Runge-Kutta steps for the rest, from 1.

    Raises:
        InvalidInputError: a field breaks its rule.
    """

    time: int = 5000
    eta: float = 0.1
    lambda_generator: float = 0.1
    lambda_discriminator: float = 0.1
    exact_steps: int = 20
    flow_steps: int = 16

    def __post_init__(self) -> None:
        for field in ("time", "exact_steps", "flow_steps"):
            check_count(self, field, 1)
        check_positive(self, "eta", "lambda_generator", "lambda_discriminator")

    def solve_block(self, block: Block, *, max_steps: int | None, record: int) -> BlockSolution:
        """The policies at `time`, see `Solver`."""
        rates = self.rates
        full = plan(rates, end=log_time(self.time), exact_steps=self.exact_steps, flow_steps=self.flow_steps)
        route = Plan(exact=full.exact, log_times=full.log_times[:max_steps])
        path = follow(block, rates, route, record=record)
        games, complete = len(block.sizes), route == full
        return BlockSolution(
            policies=policies(block, path.averages, rates.weights(updates(path.log_time))),
            outcomes=(Outcome.FIXED_TIME if complete else Outcome.STEPS_EXHAUSTED,) * games,
            steps=np.full(games, len(route.log_times)),
            snapshots=path.snapshots,
        )

    @property
    def rates(self) -> Rates:
        """The constants, as the dynamics takes them."""
        return Rates(
            eta=self.eta, lambda_generator=self.lambda_generator, lambda_discriminator=self.lambda_discriminator
        )
