"""Accuracies and differences: hand-worked, and against naive loops and another library's formulas."""

import numpy as np
import pytest
from scipy.stats import binom

from langchain_consensus.evaluation.comparison import Accuracy, Resampled
from langchain_consensus.evaluation.methods import Method

A, B = Method.GENERATOR, Method.DISCRIMINATOR


def bools(*parts):
    return np.array([value for count, value in parts for _ in range(count)], dtype=bool)


def test_wilsons_interval_by_the_formula():
    # 8 of 10: centre (p + z^2/2n) / (1 + z^2/n), half-width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n).
    found = Accuracy.counted(bools((8, True), (2, False)))
    z, n, p = 1.959963984540054, 10, 0.8
    centre, width = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (found.right, found.of, found.value) == (8, 10, 0.8)
    assert (found.low, found.high) == pytest.approx(
        ((centre - width) / (1 + z**2 / n), (centre + width) / (1 + z**2 / n))
    )


def test_wins_losses_and_mcnemars_p_by_hand():
    # The method alone is right on 7 items, the other alone on 1: p = 2 P(X <= 1), X binomial(8, 1/2) = 2 * 9/256.
    mine = bools((7, True), (1, False), (12, True))
    other = bools((7, False), (1, True), (12, True))
    found = Resampled({A: mine, B: other}).difference(A, B)
    assert (found.wins, found.losses, found.value) == (7, 1, pytest.approx(6 / 20))
    assert found.p_value == pytest.approx(18 / 256) == pytest.approx(2 * binom.cdf(1, 8, 0.5))
    assert found.low < found.value < found.high


def test_the_bootstrap_is_paired():
    # On the same items two methods that are right together never differ, however large the spread of each.
    row = bools((50, True), (50, False))
    found = Resampled({A: row, B: row}).difference(A, B)
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_the_interval_is_that_of_a_naive_bootstrap():
    rng = np.random.default_rng(1)
    mine, other = rng.random(80) < 0.6, rng.random(80) < 0.5
    found = Resampled({A: mine, B: other}).difference(A, B)
    differences = []
    for _ in range(10_000):
        draw = rng.integers(0, 80, 80)
        differences.append(mine[draw].mean() - other[draw].mean())
    low, high = np.quantile(differences, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.013)


def test_the_same_items_give_the_same_interval():
    rng = np.random.default_rng(2)
    rows = {A: rng.random(40) < 0.6, B: rng.random(40) < 0.5}
    assert Resampled(rows).difference(A, B) == Resampled(rows).difference(A, B)


def test_a_single_item_has_an_interval_without_width():
    found = Resampled({A: bools((1, True)), B: bools((1, False))}).difference(A, B)
    assert (found.value, found.low, found.high) == (1, 1, 1)
