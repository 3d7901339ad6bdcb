"""The promise: exact tests, honest refusals, and a simulation in which the true risk is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from langchain_consensus.calibration.guarantee import (
    Promise,
    _binomial_tail,
    certified_threshold,
    threshold_sequence,
)
from langchain_consensus.errors import InvalidInputError

EVERY = tuple(step / 20 for step in range(19, -1, -1))


@given(st.integers(1, 400), st.floats(0.005, 0.9), st.data())
def test_the_tail_is_scipys(trials, chance, data):
    most = data.draw(st.integers(0, trials))
    assert _binomial_tail(most, trials, chance) == pytest.approx(binom.cdf(most, trials, chance), abs=1e-10)


@pytest.mark.parametrize(("max_risk", "certainty", "fewest"), [(0.1, 0.9, 22), (0.05, 0.9, 45), (0.05, 0.95, 59)])
def test_the_fewest_labels_are_those_of_the_rule_of_three(max_risk, certainty, fewest):
    promise = Promise(max_risk=max_risk, certainty=certainty)
    assert promise.fewest == fewest
    assert promise.kept_by(0, fewest)
    assert not promise.kept_by(0, fewest - 1)
    assert not promise.kept_by(1, fewest)


def test_too_few_labels_is_an_error_that_says_how_many_are_needed():
    with pytest.raises(InvalidInputError, match=r"at least 45 labelled questions .* there are 30; label 15 more"):
        certified_threshold(
            np.ones(30), np.ones(30, dtype=bool), EVERY, [1 - t for t in EVERY], to=Promise(max_risk=0.05)
        )


@pytest.mark.parametrize("bad", [{"max_risk": 0}, {"max_risk": 1}, {"max_risk": 0.1, "certainty": 1.0}])
def test_a_promise_that_cannot_be_meant_is_refused(bad):
    with pytest.raises(InvalidInputError, match="strictly between 0 and 1"):
        Promise(**bad)


def test_by_hand_the_threshold_is_the_last_before_the_first_that_fails():
    # Above 0.8 none of 30 is wrong; above 0.6 two of 50 (P(Bin(50, .1) <= 2) = .11); all 60 would pass no more.
    confidence = np.repeat([0.9, 0.7, 0.5], [30, 20, 10])
    right = np.array([True] * 30 + [True] * 18 + [False] * 2 + [True] * 10)
    found = certified_threshold(confidence, right, (0.8, 0.6, 0.0), (0.6, 0.8, 1.0), to=Promise(max_risk=0.1))
    assert (found.value, found.answered, found.wrong, found.of) == (0.8, 30, 0, 60)


def test_where_no_threshold_passes_nothing_is_answered():
    right = np.arange(100) % 2 == 0
    found = certified_threshold(np.linspace(0, 1, 100), right, EVERY, [1 - t for t in EVERY], to=Promise(max_risk=0.1))
    assert (found.value, found.answered) == (math.inf, 0)


def test_the_sequence_falls_from_a_twentieth_to_everything():
    sequence = threshold_sequence(np.linspace(0.01, 1, 100))
    answered = [(np.linspace(0.01, 1, 100) >= value).sum() for value in sequence]
    assert answered == [*range(5, 100, 5), 100]
    assert threshold_sequence(np.zeros(10)) == (0.0,)


def _broken(sets, labels, max_risk, accuracy_at, seed):
    """How often the promise is broken, and the mean share answered, where the risk of every threshold is known."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 1, 20_001)
    right_at = accuracy_at(grid)
    promise, broken, answered = Promise(max_risk=max_risk, certainty=0.9), 0, 0.0
    for _ in range(sets):
        confidence = rng.random(labels)
        right = rng.random(labels) < accuracy_at(confidence)
        found = certified_threshold(confidence, right, EVERY, [1 - t for t in EVERY], to=promise)
        above = grid >= found.value
        answered += above.mean() / sets
        broken += bool(above.any() and 1 - right_at[above].mean() > max_risk)
    return broken, answered


@pytest.mark.parametrize(
    ("name", "accuracy_at", "least_answered"),
    [
        ("everything just above the risk", lambda c: np.full_like(c, 0.899), 0.0),
        ("all together just above the risk", lambda c: 0.796 + 0.2 * c, 0.1),
        # Not monotone: the most confident are worse than the middle.
        ("worse at the top", lambda c: np.where(c > 0.8, 0.92, np.where(c > 0.5, 1.0, 0.7)), 0.05),
        ("a cliff", lambda c: np.where(c > 0.5, 0.99, 0.8), 0.4),
        ("a good model", lambda c: 0.9 + 0.1 * c, 0.6),
    ],
)
def test_in_1000_calibration_sets_of_known_risk_the_promise_is_broken_in_at_most_10_percent(
    name, accuracy_at, least_answered
):
    broken, answered = _broken(1000, 200, 0.1, accuracy_at, seed=len(name))
    print(f"{name}: broken in {broken} of 1000 sets, {answered:.3f} answered on average")
    assert broken <= binom.ppf(0.999, 1000, 0.1)  # 130 of 1000: binomial slack
    assert answered >= least_answered
