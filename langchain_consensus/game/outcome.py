"""How a solve ended, in sentences."""

from enum import Enum


class Outcome(Enum):
    """How a solve ended: what happened, the likely cause, what to change. From best to worst; success is empty."""

    EQUILIBRIUM = ""
    FIXED_TIME = (
        "The dynamics ran for its fixed time, as published: the policies are an iterate on the way to an equilibrium, "
        "as far from it as `gap` says. For a certified equilibrium use `Equilibrium()`."
    )
    STEPS_EXHAUSTED = (
        "`max_steps` ran out before the solver was done. Raise it, or leave it out to let the solver finish."
    )
    NOT_SETTLED = (
        "The path had not settled at any equilibrium after `max_rounds`, probably because it passes close to a point "
        "where two equilibria merge. Raise `max_rounds`, or change a lambda a little."
    )
    NOT_CERTIFIED = (
        "The point that was reached misses the tolerance, probably because a lambda is so small that rounding "
        "dominates. Raise that lambda, or `tolerance`."
    )

    @property
    def is_success(self) -> bool:
        """Whether the solver did what it promises; an iterate of fixed time is what `PiKL` promises."""
        return self in (Outcome.EQUILIBRIUM, Outcome.FIXED_TIME)

    @property
    def severity(self) -> int:
        """0 for the best outcome, higher for worse."""
        return list(Outcome).index(self)
