"""`Equilibrium`: where the published path leads, certified. A block of games goes in, its equilibria come out."""

from dataclasses import dataclass

import numpy as np

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game.arrays import BoolArray, FloatArray, IntArray
from langchain_consensus.game.block import Block, BlockSolution, Policies, Snapshot
from langchain_consensus.game.dynamics import Averages, Rates, check_count, check_positive, policies
from langchain_consensus.game.flow import Plan, advance, follow, mesh, plan, updates
from langchain_consensus.game.gap import deviation, gap
from langchain_consensus.game.newton import Point, evaluate, is_stable, point_policies, polish
from langchain_consensus.game.outcome import Outcome
from langchain_consensus.game.starts import count_equilibria

EXACT_STEPS = 20
# The longest step of the flow before the first look for an equilibrium, and how far apart looks are.
STEP = 0.3
FIRST_LOOK = 15.0
BETWEEN_LOOKS = 10.0
NEWTON_ROUNDS = 30

# How close the path must have come to an equilibrium, in every entry of both policies, for it to be the path's limit.
# A path may linger near an unstable one, so there it must have arrived.
NEAR = 1e-3
ARRIVED = 1e-8
LARGEST_DEVIATION = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Equilibrium:
    """The equilibrium to which the published dynamics tends, with a certificate.

    Follows piKL as a flow in s = log t (see `flow.py`) until it is close to an equilibrium, takes Newton's method to
    it, and accepts it only if the path had come within 1e-3 of it in every entry and it is stable; an unstable one
    only if the path had come within 1e-8, as it does where a symmetry of the game keeps it there. Certified: the gap
    is at most `tolerance` and no entry is more than 1e-8 from its best response (see `gap.py`).

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
        max_log_time: the s at which a path that has not settled is given up, from 15.

    Raises:
        InvalidInputError: a field breaks its rule.
    """

    lambda_generator: float = 0.1
    lambda_discriminator: float = 0.1
    eta: float = 0.1
    tolerance: float = 1e-9
    starts: int = 16
    seed: int = 0
    max_log_time: float = 300.0

    def __post_init__(self) -> None:
        check_positive(self, "lambda_generator", "lambda_discriminator", "eta", "tolerance", "max_log_time")
        for field in ("starts", "seed"):
            check_count(self, field, 0)
        product = self.lambda_generator * self.lambda_discriminator
        if product < 1e-6:
            message = (
                f"`lambda_generator` * `lambda_discriminator` is {product:.3g}; it must be at least 1e-6 for "
                "`Equilibrium`. Raise one of them, or use `PiKL`."
            )
            raise InvalidInputError(message)
        if not FIRST_LOOK <= self.max_log_time <= 700:
            message = f"`max_log_time` is {self.max_log_time!r}; it must be from {FIRST_LOOK:g} to 700."
            raise InvalidInputError(message)
