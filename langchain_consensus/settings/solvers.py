"""The solvers by their names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import is_dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL

if TYPE_CHECKING:
    from langchain_consensus.game import Solver

__all__ = ["SOLVERS", "checked_solver", "solver_named"]

SOLVERS: Mapping[str, type[Solver]] = MappingProxyType(
    {"pikl": PiKL, "log_time_flow": LogTimeFlow, "equilibrium": Equilibrium}
)
"""The solvers by the names that settings and the command line take, each with the paper's numbers."""


def solver_named(name: str, **numbers: float) -> Solver:
    """The solver called `name`, with the paper's numbers except for `numbers`.

    Raises:
        InvalidInputError: If there is none, or it has no such number; the message lists those there are.
    """
    if name not in SOLVERS:
        msg = f"`solver` is {name!r}; it must be one of {sorted(SOLVERS)}, or a solver of `langchain_consensus.game`."
        raise InvalidInputError(msg)
    known = list(inspect.signature(SOLVERS[name]).parameters)
    unknown = sorted(set(numbers) - set(known))
    if unknown:
        msg = f"`solver` has the number {unknown[0]!r}; those of {name!r} are {known}."
        raise InvalidInputError(msg)
    return SOLVERS[name](**numbers)


def checked_solver(solver: object) -> object:
    """The solver that a user gave: itself, or that of its name, or that of a mapping with `name` and its numbers.

    Raises:
        InvalidInputError: If it is none of them.
    """
    if isinstance(solver, str):
        return solver_named(solver)
    if isinstance(solver, Mapping) and "name" in solver:
        return solver_named(**solver)
    if isinstance(solver, type) or not (is_dataclass(solver) and callable(getattr(solver, "solve_block", None))):
        names = sorted(SOLVERS)
        msg = f"`solver` is {solver!r}; it must be one of {names}, or a solver of `langchain_consensus.game`."
        raise InvalidInputError(msg)
    return solver
