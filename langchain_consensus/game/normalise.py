"""Cross-normalisation, in log space: checked scores of a view go in, the anchor of its player comes out.

`B` games, `V` = 2 correctness values, `N` candidates; -inf is no mass. See `ConsensusGame.from_log_scores` for what is
made of scores of -inf.
"""

import numpy as np

from langchain_consensus.game.arrays import LARGEST, FloatArray, Table, sum_candidates


def _scores(table: Table) -> FloatArray:
    # Clipped so that differences stay finite; -inf keeps its meaning.
    clipped = np.where(table.values == -np.inf, -np.inf, np.clip(table.values, -LARGEST, LARGEST))
    return np.where(table.real, clipped, -np.inf)


def generator_log_anchor(table: Table) -> FloatArray:
    """Log pi_G^(1), `[B, V, N]`: normalised over v, then over the candidates."""
    scores, real = _scores(table), table.real
    contrast = np.where(real, over_correctness(scores), -np.inf)
    contrast = np.where(scores == -np.inf, -np.inf, contrast)
    # A condition with no mass takes the candidates that have some under the other one, all alike.
    other = np.where(scores[:, ::-1] > -np.inf, 0.0, -np.inf)
    empty = (scores == -np.inf).all(axis=-1, keepdims=True)
    return over_candidates(np.where(empty, other, contrast))


def discriminator_log_anchor(table: Table) -> FloatArray:
    """Log pi_D^(1), `[B, V, N]`: normalised over the candidates, then over v."""
    scores, real = _scores(table), table.real
    # A verdict that nobody can get, and a candidate that can get none, carry no information: all alike.
    empty = (scores == -np.inf).all(axis=-1, keepdims=True)
    shares = over_candidates(np.where(empty, 0.0, scores) + np.where(real, 0.0, -np.inf))
    silent = (scores == -np.inf).all(axis=1, keepdims=True)
    return np.where(real, over_correctness(np.where(silent, 0.0, shares)), -np.inf)


def over_candidates(values: FloatArray) -> FloatArray:
    """Logarithms `[B, V, N]` normalised over N; a row without mass stays without."""
    below = _below_top(values, axis=-1)
    # Sorted, so that the order of the candidates changes no bit of the sum.
    terms = np.exp(-np.sort(-below, axis=-1))
    total = np.swapaxes(sum_candidates(np.swapaxes(terms, -1, -2)), -1, -2)
    logs: FloatArray = below - np.log(np.maximum(total, 1))
    return logs


def over_correctness(values: FloatArray) -> FloatArray:
    """Logarithms `[B, V, N]` normalised over V; a column without mass stays without."""
    below = _below_top(values, axis=1)
    logs: FloatArray = below - np.log(np.maximum(np.exp(below).sum(axis=1, keepdims=True), 1))
    return logs


def _below_top(values: FloatArray, axis: int) -> FloatArray:
    # The largest is subtracted first: large scores lose no digit of their differences. Then a sum of exponentials is
    # at least 1, unless there is no mass.
    top = values.max(axis=axis, keepdims=True)
    below: FloatArray = values - np.where(top == -np.inf, 0.0, top)
    return below
