"""The published dynamics, against hand and against a literal transcription of its equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, Outcome, PiKL, solve


def test_one_update_by_hand():
    # Anchors: pi_G(y1 | .) = 1/4, 3/4 and pi_D(correct | y1), (correct | y2) = 9/13, 3/11. Update t = 1 with
    # eta = lambda = 0.1 divides by 1/(0.1 * 1) + 0.1 = 10.1 and has Q = half of the anchors.
    # Generator, correct: the exponents of y1 and y2 differ by
    #     (9/26 - 3/22 + 0.1 log 3) / 10.1 = (0.209790210 + 0.109861229) / 10.1 = 0.031648658,
    # incorrect: (4/26 - 8/22 - 0.1 log 3) / 10.1 = -0.031648658, the same by the symmetry of these anchors.
    # Discriminator, y1: (3/8 - 1/8 + 0.1 log(9/4)) / 10.1 = (0.25 + 0.081093022) / 10.1 = 0.032781487,
    #     y2: (1/8 - 3/8 + 0.1 log(3/8)) / 10.1 = (-0.25 - 0.098082925) / 10.1 = -0.034463656.
    # 1 / (1 + exp(-difference)):
    game = ConsensusGame.from_anchors(
        generator=[[0.25, 0.75], [0.75, 0.25]], discriminator=[[4 / 13, 8 / 11], [9 / 13, 3 / 11]]
    )
    solution = solve(game, PiKL(steps=1))
    expected = [[0.492088496, 0.507911504], [0.507911504, 0.492088496]]
    np.testing.assert_allclose(solution.generator_policy, expected, atol=1e-9)
    np.testing.assert_allclose(solution.discriminator_policy[1], [0.508194638, 0.491384939], atol=1e-9)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 6),
    steps=st.integers(0, 150),
    eta=st.floats(0.01, 10),
    lambdas=st.tuples(st.floats(0.02, 2), st.floats(0.02, 2)),
)
def test_it_is_the_published_equations_for_any_constants(literal_pikl, seed, n, steps, eta, lambdas):
    random = np.random.default_rng(seed)
    game = ConsensusGame.from_log_scores(
        generator=2 * random.normal(size=(2, n)), discriminator=2 * random.normal(size=(2, n))
    )
    constants = {"eta": eta, "lambda_generator": lambdas[0], "lambda_discriminator": lambdas[1]}
    solution = solve(game, PiKL(steps=steps, **constants))
    generator, discriminator = literal_pikl(game, steps=steps, **constants)
    np.testing.assert_allclose(solution.generator_policy, generator, atol=1e-12)
    np.testing.assert_allclose(solution.discriminator_policy, discriminator, atol=1e-12)


@pytest.mark.parametrize("n", [2, 4, 7])
def test_it_is_the_published_equations_for_all_5000_updates(draw, literal_pikl, n):
    game = draw(seed=n, sizes=[n])[0]
    solution = solve(game)
    generator, discriminator = literal_pikl(game, steps=5000)
    np.testing.assert_allclose(solution.generator_policy, generator, atol=1e-12)
    np.testing.assert_allclose(solution.discriminator_policy, discriminator, atol=1e-12)


def test_no_update_leaves_the_anchors(draw):
    game = draw(seed=3, sizes=[4])[0]
    solution = solve(game, PiKL(steps=0))
    np.testing.assert_allclose(solution.generator_policy, game.generator_anchor, atol=1e-15)
    np.testing.assert_allclose(solution.discriminator_policy, game.discriminator_anchor, atol=1e-15)
    assert solution.steps == 0


def test_a_fixed_number_of_updates_is_a_success_and_reports_its_gap(draw):
    solution = solve(draw(seed=4, sizes=[4])[0])
    assert solution.outcome is Outcome.FIXED_TIME
    assert solution.outcome.is_success
    assert solution.steps == 5000
    assert 1e-8 < solution.gap < 0.1


def test_the_gap_shrinks_along_the_path(draw):
    game = draw(seed=5, sizes=[5] * 50)
    gaps = [solve(game, PiKL(steps=steps)).gap.mean() for steps in (10, 100, 1000)]
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("field", ["eta", "lambda_generator", "lambda_discriminator"])
@pytest.mark.parametrize("value", [0, -0.1, np.nan, np.inf, "0.1", None, True])
def test_constants_must_be_positive_numbers(field, value):
    with pytest.raises(InvalidInputError, match=f"`{field}` is .*; it must be a finite number above 0"):
        PiKL(**{field: value})


@pytest.mark.parametrize("value", [-1, 1.5, True, None])
def test_the_number_of_updates_must_be_whole(value):
    with pytest.raises(InvalidInputError, match=r"`steps` is .*; it must be a whole number of at least 0"):
        PiKL(steps=value)
