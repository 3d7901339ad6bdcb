"""The decision rules: by which score the candidates of a question are ordered, and that score for each candidate."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Correctness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.game import Solution

    FloatArray = NDArray[np.float64]

__all__ = ["Rule", "rule_named", "scores_of", "sort_scores"]

_I, _C = Correctness.INCORRECT, Correctness.CORRECT


class Rule(StrEnum):
    """By which score the candidates of a question are ranked; higher is better in each.

    `P` are the model's probabilities, `pi^(1)` the game's anchors (the views, cross-normalised), `pi*` the policies
    that the solver returns; arXiv:2310.09139, section 4.
    """

    GENERATOR = "generator"
    """G: log P(y | x, correct), as the wording normalises its length."""
    DISCRIMINATOR = "discriminator"
    """D: pi_D^(1)(correct | x, y)."""
    MUTUAL_INFORMATION = "mutual_information"
    """MI: log P(y | x, correct) + log P(correct | x, y)."""
    SELF_CONTRASTIVE = "self_contrastive"
    """SC: pi_G^(1)(y | x, correct)."""
    NORMALISED_PRODUCT = "normalised_product"
    """MI*: pi_G^(1)(y | x, correct) pi_D^(1)(correct | x, y)."""
    MAJORITY = "majority"
    """How often the candidate was drawn."""
    ER_GENERATOR = "er_generator"
    """ER-G: pi_G*(y | x, correct)."""
    ER_DISCRIMINATOR = "er_discriminator"
    """ER-D: pi_D*(correct | x, y)."""


def rule_named(name: str) -> Rule:
    """The rule called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists them.
    """
    try:
        return Rule(name)
    except ValueError:
        msg = f"`rule` is {name!r}; it must be one of {[rule.value for rule in Rule]}."
        raise InvalidInputError(msg) from None


def scores_of(
    generator: FloatArray, discriminator: FloatArray, solution: Solution, *, votes: FloatArray
) -> dict[Rule, FloatArray]:
    """The scores of candidates under every rule: `[N]` of one game, `[B, N]` of a batch of equally large ones.

    Args:
        generator: `[V, N]` or `[B, V, N]`, as in `Views`.
        discriminator: The same.
        solution: The game of these views, or the games, solved.
        votes: `[N]` or `[B, N]` how often each candidate was drawn.
    """
    generator_anchor = solution.game.generator_anchor[..., _C, :]
    discriminator_anchor = solution.game.discriminator_anchor[..., _C, :]
    return {
        Rule.GENERATOR: generator[..., _C, :],
        Rule.DISCRIMINATOR: discriminator_anchor,
        Rule.MUTUAL_INFORMATION: generator[..., _C, :] + discriminator[..., _C, :],
        Rule.SELF_CONTRASTIVE: generator_anchor,
        Rule.NORMALISED_PRODUCT: generator_anchor * discriminator_anchor,
        Rule.MAJORITY: votes,
        Rule.ER_GENERATOR: solution.generator_policy[..., _C, :],
        Rule.ER_DISCRIMINATOR: solution.discriminator_policy[..., _C, :],
    }


def sort_scores(scores: FloatArray, rule: Rule, solution: Solution) -> FloatArray:
    """Scores of the same order: log-odds for probabilities, which near 0 and 1 would round to false ties."""
    policies = {
        Rule.DISCRIMINATOR: solution.game.discriminator_anchor,
        Rule.ER_DISCRIMINATOR: solution.discriminator_policy,
    }
    if rule not in policies:
        return scores
    with np.errstate(divide="ignore"):
        logs = np.log(policies[rule])
    return np.asarray(logs[_C] - logs[_I])
