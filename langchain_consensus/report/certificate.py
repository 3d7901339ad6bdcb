"""How the game ended and what that is worth: a solution goes in, facts with their explanations come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.game import Outcome

if TYPE_CHECKING:
    from langchain_consensus.game import Solution

__all__ = ["Certificate", "certified"]

_BOUND = 1 / 16
"""lambda_G * lambda_D above which the equilibrium is proved unique; see `game.gap`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """The outcome in a sentence, then (name, value, what it means)."""

    outcome: str
    facts: tuple[tuple[str, str, str], ...]


def certified(solution: Solution) -> Certificate:
    """The evidence that the solver of one game left."""
    outcome = solution.outcomes[0]
    sentence = outcome.value or "The solver reached an equilibrium and certified it."
    if outcome is Outcome.FIXED_TIME:
        sentence = (
            "The dynamics ran for its fixed time, as published: the policies are an iterate on the way to an "
            "equilibrium, and the gap says how far from it they are."
        )
    solver = solution.solver
    return Certificate(
        outcome=sentence,
        facts=(
            (
                "Solver",
                type(solver).__name__,
                f"λ generator {solver.lambda_generator:g}, λ judge {solver.lambda_discriminator:g}",
            ),
            ("Steps", f"{int(solution.steps):,}", "updates or integration steps"),
            ("Gap", f"{float(solution.gap):.2g}", "what both players could still gain alone; 0 at an equilibrium"),
            ("Deviation", f"{float(solution.deviation):.2g}", "largest distance of a policy from its best response"),
            ("Other equilibria", *_uniqueness(solution)),
        ),
    )


def _uniqueness(solution: Solution) -> tuple[str, str]:
    product = solution.solver.lambda_generator * solution.solver.lambda_discriminator
    if product > _BOUND:
        return "none", f"proved: λ generator · λ judge = {product:g} is above 1/16, so there is exactly one"
    unproved = f"λ generator · λ judge = {product:g} is not above 1/16, so one alone is not proved"
    if solution.equilibria_found is None:
        return "not searched", f"{unproved}; the solver Equilibrium searches for others"
    found = int(solution.equilibria_found)
    if found == 0:
        return "unknown", f"{unproved}, and this point is not certified"
    stable = "stable" if solution.stable is not None and bool(solution.stable) else "not stable"
    several = "no other found" if found == 1 else f"{found} found in all"
    return several, f"{unproved}; a search from many starts gives a lower bound. This one is {stable}"
