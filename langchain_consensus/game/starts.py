"""A multi-start: a block and one equilibrium of each game go in, how many different ones were found comes out."""

import numpy as np

from langchain_consensus.game.arrays import FloatArray, IntArray
from langchain_consensus.game.block import Block
from langchain_consensus.game.dynamics import Rates
from langchain_consensus.game.newton import ascend, evaluate, polish

# Equilibria whose verdicts differ by less are the same one.
SAME = 1e-6
ROUNDS_OF_ASCENT = 40
ROUNDS_OF_NEWTON = 12
GOLDEN = 0.6180339887498949


def count_equilibria(
    block: Block, rates: Rates, known: FloatArray, *, starts: int, seed: int, accuracy: float = 1e-9
) -> IntArray:
    """How many different equilibria best responses in turn reach from `starts` places, `known` included, `[B]`.

    A lower bound. The starts are the same for a game wherever it stands in a batch: every other one is a pair of
    candidates that the generator sends for sure, one for each condition; the rest are random verdicts.

    Args:
        block: the games.
        rates: the constants of the game.
        known: the (mean) verdicts pi_D(correct) - pi_D(incorrect) of an equilibrium of each game, `[N, B]`, counted
            first.
        starts: the number of starts.
        seed: for the random part.
        accuracy: the residual above which a reached point is not counted.
    """
    found = [known]
    fresh = [np.ones(len(block.sizes), dtype=np.bool_)]
    for start in range(starts):
        point = ascend(block, rates, evaluate(block, rates, _start(block, rates, start, seed)), ROUNDS_OF_ASCENT)
        point = polish(block, rates, point, ROUNDS_OF_NEWTON)
        new = point.error * rates.lambda_discriminator <= accuracy
        for verdict, counted in zip(found, fresh, strict=True):
            new &= (np.abs(point.verdict - verdict).max(axis=0) > SAME) | ~counted
        if new.any():
            found.append(point.verdict)
            fresh.append(new)
    count: IntArray = np.sum(fresh, axis=0, dtype=np.int64)
    return count


def _start(block: Block, rates: Rates, start: int, seed: int) -> FloatArray:
    random = np.random.default_rng([seed, start])
    if start % 2:
        verdict = random.uniform(-1, 1, size=block.log_odds.shape[1])
        return np.repeat((2 * np.arctanh(verdict))[:, None], len(block.sizes), axis=1) - block.pooled(block.log_odds)
    return _sure_pair(block, np.random.default_rng(seed).uniform() + start * GOLDEN) / (2 * rates.lambda_discriminator)


def _sure_pair(block: Block, turn: float) -> FloatArray:
    # Multiples of the golden ratio go through the ordered pairs of candidates without coming back soon.
    pairs = np.maximum(block.sizes * (block.sizes - 1), 1)
    first, step = np.divmod((pairs * (turn % 1)).astype(np.int64), np.maximum(block.sizes - 1, 1))
    second = (first + 1 + step) % block.sizes
    candidates = np.arange(block.log_odds.shape[1])[:, None]
    contrast: FloatArray = (candidates == first).astype(np.float64) - (candidates == second)
    return contrast
