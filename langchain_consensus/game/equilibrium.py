"""`Equilibrium`: where the published path leads, certified. A block of games goes in, its equilibria come out."""

import math
from dataclasses import dataclass

import numpy as np

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game.block import Block, BlockSolution, Snapshot
from langchain_consensus.game.dynamics import Rates, check_count, check_positive
from langchain_consensus.game.flow import Plan, follow, plan
from langchain_consensus.game.search import LOOKS, Search
from langchain_consensus.game.starts import count_equilibria

EXACT_STEPS = 20
# The longest step of the flow before the first look for an equilibrium.
STEP = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Equilibrium:
    """The equilibrium to which the published dynamics tends, with a certificate.

    Follows piKL as a flow in s = log t (see `flow.py`) until it is close to an equilibrium, takes Newton's method to
    it, and accepts it only if the path had come within 1e-3 of it in every entry and it is stable; an unstable one
    only if the path had come within 1e-8, as it does where a symmetry of the game keeps it there. A path that has not
    settled by s = 25 is carried on by best responses in turn, which climb the same potential with longer steps.
    Certified: the gap is at most `tolerance` and no entry is more than 1e-8 from its best response (see `gap.py`).

    The equilibrium is proved unique where lambda_generator * lambda_discriminator > 1/16. Elsewhere
    `Solution.equilibria_found` counts those that a multi-start finds, a lower bound, and which one is returned is a
    matter of the path: another eta may lead to another.

    Args:
        lambda_generator: weight of the generator's anchor, 0.1 in the paper; above 0.
        lambda_discriminator: weight of the discriminator's anchor, 0.1 in the paper; above 0. The product of the
            two must be at least 1e-6: below, the flow is too stiff to follow.
        eta: the learning rate of both players, 0.1 in the paper; above 0.
        tolerance: the largest gap of an equilibrium; above 0.
        starts: how many starts the search for other equilibria makes, from 0.
        seed: for the random half of the starts.
        max_rounds: how many rounds of best responses to make before a path that does not settle is given up, from 0.

    Raises:
        InvalidInputError: a field breaks its rule.
    """

    lambda_generator: float = 0.1
    lambda_discriminator: float = 0.1
    eta: float = 0.1
    tolerance: float = 1e-9
    starts: int = 16
    seed: int = 0
    max_rounds: int = 50_000

    def __post_init__(self) -> None:
        check_positive(self, "lambda_generator", "lambda_discriminator", "eta", "tolerance")
        for field in ("starts", "seed", "max_rounds"):
            check_count(self, field, 0)
        product = self.lambda_generator * self.lambda_discriminator
        if product < 1e-6:
            message = (
                f"`lambda_generator` * `lambda_discriminator` is {product:.3g}; it must be at least 1e-6 for "
                "`Equilibrium`. Raise one of them, or use `PiKL`."
            )
            raise InvalidInputError(message)

    @property
    def rates(self) -> Rates:
        """The constants, as the dynamics takes them."""
        return Rates(
            eta=self.eta, lambda_generator=self.lambda_generator, lambda_discriminator=self.lambda_discriminator
        )

    def solve_block(self, block: Block, *, max_steps: int | None, record: int) -> BlockSolution:
        """The certified equilibria, see `Solver`."""
        rates = self.rates
        full = plan(rates, end=LOOKS[0], exact_steps=EXACT_STEPS, flow_steps=math.ceil(LOOKS[0] / STEP))
        route = Plan(exact=full.exact, log_times=full.log_times[:max_steps])
        path = follow(block, rates, route, record=max(0, record - 1))
        search = Search.start(block, rates, path, steps=len(route.log_times))
        if route == full:
            search.run(path, tolerance=self.tolerance, max_rounds=self.max_rounds, max_steps=max_steps)
        count = np.ones(len(block.sizes), dtype=np.int64)
        if 16 * self.lambda_generator * self.lambda_discriminator <= 1:
            verdict = block.pooled(search.policies.discriminator[:, 1] - search.policies.discriminator[:, 0])
            count = count_equilibria(block, rates, verdict, starts=self.starts, seed=self.seed)
        last = (Snapshot(time=np.inf, policies=search.policies),) if record else ()
        return BlockSolution(
            policies=search.policies,
            outcomes=tuple(search.outcomes),
            steps=search.steps,
            snapshots=path.snapshots + last,
            equilibria_found=np.where(search.settled, count, 0),
            stable=search.stable,
        )
