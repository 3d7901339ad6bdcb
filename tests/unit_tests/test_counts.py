"""Counts as log-probabilities: the smoothing and the standard errors, against the distribution that is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from langchain_consensus.counts import Counts, log_frequency, log_frequency_error


def every_count(n):
    """All counts of n draws with their estimate and its error."""
    counts, draws = np.arange(n + 1), np.full(n + 1, n)
    return counts, log_frequency(counts, draws), log_frequency_error(counts, draws)


def counts_of(generator, verdicts, verdict_draws, *, told=None, draws=16):
    generator, verdicts = np.array(generator), np.array(verdicts)
    return Counts(
        generator=generator,
        generator_draws=np.full(2, draws),
        verdicts=verdicts,
        verdict_draws=np.array(verdict_draws),
        told=np.full(verdicts.shape, np.nan) if told is None else np.array(told, dtype=float),
    )


def test_hand_worked_estimates():
    # 4 of 16: 4.5/17, and 1/4.5 - 1/17. Never: 0.5/17. Always: 16.5/17, and still an error.
    estimates = log_frequency(np.array([4, 0, 16]), np.array([16, 16, 16]))
    errors = log_frequency_error(np.array([4, 0, 16]), np.array([16, 16, 16]))
    assert np.exp(estimates) == pytest.approx([4.5 / 17, 0.5 / 17, 16.5 / 17])
    assert errors == pytest.approx([np.sqrt(25 / 153), np.sqrt(33 / 17), np.sqrt(1 / 561)])


@pytest.mark.parametrize("n", [64, 256])
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_the_bias_is_minus_one_over_two_n_whatever_the_probability(n, p):
    # The derivation of the half: what grows for rare answers cancels. Other halves leave (a - 1/2) / (np).
    counts, estimates, _ = every_count(n)
    weights = binom.pmf(counts, n, p)
    assert weights @ estimates - np.log(p) == pytest.approx(-1 / (2 * n), abs=0.7 / (n * p) ** 2)
    plain = weights @ np.log((counts + 1) / (n + 1)) - np.log(p)
    assert plain + 1 / (2 * n) == pytest.approx(0.5 / (n * p), rel=0.25)


@pytest.mark.parametrize(("n", "p", "least"), [(16, 0.1, 0.91), (16, 0.5, 0.91), (16, 0.7, 0.88), (16, 0.9, 0.95)])
def test_coverage_of_the_95_percent_interval_with_few_draws(n, p, least):
    assert coverage(n, p) >= least


@pytest.mark.parametrize("p", [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95])
def test_coverage_of_the_95_percent_interval_with_64_draws(p):
    assert 0.93 <= coverage(64, p) <= 0.97


def coverage(n, p):
    """Probability that log p is within 1.96 standard errors of its estimate; a sum over all counts, no simulation."""
    counts, estimates, errors = every_count(n)
    return binom.pmf(counts, n, p) @ (np.abs(estimates - np.log(p)) <= 1.96 * errors)


@pytest.mark.parametrize(("n", "p"), [(64, 0.2), (64, 0.5), (256, 0.1)])
def test_the_standard_error_is_the_standard_deviation_of_the_estimate(n, p):
    counts, estimates, errors = every_count(n)
    weights = binom.pmf(counts, n, p)
    spread = np.sqrt(weights @ (estimates - weights @ estimates) ** 2)
    assert np.sqrt(weights @ errors**2) == pytest.approx(spread, rel=0.03)


@pytest.mark.parametrize(("n", "p"), [(64, 0.3), (64, 0.8)])
def test_the_error_of_a_verdict_is_the_standard_deviation_of_its_log_odds(n, p):
    yes = np.arange(n + 1)
    counts = counts_of(np.ones((2, n + 1), dtype=int), [n - yes, yes], np.full(n + 1, n), draws=1000)
    odds = counts.verdict_logprobs[1] - counts.verdict_logprobs[0]
    weights = binom.pmf(yes, n, p)
    spread = np.sqrt(weights @ (odds - weights @ odds) ** 2)
    assert weights @ odds == pytest.approx(np.log(p / (1 - p)), abs=0.01)
    assert np.sqrt(weights @ counts.verdict_errors**2) == pytest.approx(spread, rel=0.05)


def test_told_verdicts_are_kept_and_have_no_error():
    told = [[-2.0, np.nan], [-0.1, np.nan]]
    counts = counts_of([[1, 1], [1, 1]], [[0, 3], [0, 5]], [0, 8], told=told)
    assert counts.verdict_logprobs[:, 0].tolist() == [-2.0, -0.1]
    assert np.exp(counts.verdict_logprobs[:, 1]) == pytest.approx([3.5 / 9, 5.5 / 9])
    assert counts.verdict_errors[0] == 0
    assert counts.verdict_errors[1] == pytest.approx(np.sqrt(1 / 3.5 + 1 / 5.5))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_another_run_has_as_many_draws_and_no_negative_counts(row, others, seed):
    n = sum(row) + others
    if not n:
        return
    counts = counts_of([row, row[::-1]], [[2] * len(row), [5] * len(row)], [9] * len(row), draws=n)
    other = counts.redrawn(np.random.default_rng(seed), 7)
    assert other.generator.shape == other.verdicts.shape == (7, 2, len(row))
    assert (other.generator >= 0).all()
    assert (other.generator.sum(axis=2) <= n).all()
    assert (other.verdicts.sum(axis=1) <= 9).all()
    assert np.isfinite(other.generator_logprobs).all()


def test_other_runs_vary_as_the_standard_errors_say():
    counts = counts_of([[20, 30], [40, 10]], [[20, 40], [40, 20]], [64, 64], draws=64)
    runs = counts.redrawn(np.random.default_rng(1), 2000)
    assert runs.generator_logprobs.std(axis=0) == pytest.approx(counts.generator_errors, rel=0.12)
    odds = (runs.verdict_logprobs[:, 1] - runs.verdict_logprobs[:, 0]).std(axis=0)
    assert odds == pytest.approx(counts.verdict_errors, rel=0.12)
