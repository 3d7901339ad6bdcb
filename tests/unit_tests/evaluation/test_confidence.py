"""Calibration, discrimination and selective answering, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.evaluation.confidence import confidence_quality


def test_ece_and_brier_by_hand():
    # Two bins of ten: confidence 0.2 with 3 right of 10, 0.8 with 6 right of 10. ECE = (0.1 + 0.2) / 2.
    confidence = np.array([0.2] * 10 + [0.8] * 10)
    right = np.array([True] * 3 + [False] * 7 + [True] * 6 + [False] * 4)
    found = confidence_quality(confidence, right)
    assert found.ece == pytest.approx(0.15)
    # Squared gaps 0.01 and 0.04 less a(1-a)/9, 0.21/9 and 0.24/9: in the mean 0.025 - 0.025, so chance explains all.
    assert found.rms_debiased == pytest.approx(0, abs=1e-6)
    assert found.brier == pytest.approx((3 * 0.64 + 7 * 0.04 + 6 * 0.04 + 4 * 0.64) / 20)
    # Of the 9 * 11 pairs right/wrong: 6 * 7 in order, 3 * 7 + 6 * 4 ties, 3 * 4 reversed.
    assert found.auroc == pytest.approx((6 * 7 + 0.5 * (3 * 7 + 6 * 4)) / (9 * 11))
    assert [(one.count, one.confidence, one.accuracy) for one in found.bins] == [
        (10, pytest.approx(0.2), 0.3),
        (10, pytest.approx(0.8), 0.6),
    ]


def test_the_debiased_error_takes_out_what_chance_adds():
    # Perfectly calibrated: the plain error is far from zero with few items a bin, the debiased one near it on average.
    rng = np.random.default_rng(0)
    plain, debiased = [], []
    for _ in range(200):
        confidence = rng.random(100)
        found = confidence_quality(confidence, rng.random(100) < confidence)
        plain.append(found.ece)
        debiased.append(found.rms_debiased)
    assert np.mean(plain) > 0.08
    assert np.mean(debiased) < np.mean(plain)
    # Far from calibrated, both see it: confidence 0.9, right half of the time.
    found = confidence_quality(np.full(1000, 0.9), rng.random(1000) < 0.5)
    assert found.rms_debiased == pytest.approx(0.4, abs=0.05)


def test_risk_and_coverage_by_hand():
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    right = np.array([True, False, True, False])
    risk = dict(confidence_quality(confidence, right).risk)
    assert [risk[share] for share in (0.25, 0.5, 0.75, 1)] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert confidence_quality(confidence, right).aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_items_of_equal_confidence_share_their_risk_in_any_order():
    right = np.array([True, False, True, False])
    for order in ([0, 1, 2, 3], [1, 3, 0, 2]):
        assert dict(confidence_quality(np.full(4, 0.5), right[order]).risk)[0.25] == pytest.approx(0.5)


def test_without_both_outcomes_there_is_no_auroc_and_without_confidence_nothing():
    assert confidence_quality(np.array([0.5, 0.6]), np.array([True, True])).auroc is None
    assert confidence_quality(np.array([0.5, np.nan]), np.array([True, False])) is None


@settings(deadline=None)  # the first example imports scikit-learn
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.randoms())
def test_nothing_depends_on_the_order_of_the_items_and_all_is_in_range(pairs, rng):
    def quality(some):
        return confidence_quality(np.array([c for c, _ in some]), np.array([r for _, r in some]))

    first = quality(pairs)
    other = list(pairs)
    rng.shuffle(other)
    second = quality(other)
    assert second.aurc == pytest.approx(first.aurc)
    assert second.brier == pytest.approx(first.brier)
    assert 0 <= first.ece <= 1
    assert all(0 <= risk <= 1 for _, risk in first.risk)
    assert sum(one.count for one in first.bins) == len(pairs)
