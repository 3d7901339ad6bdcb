"""Best responses, gap, deviation and potential against their definitions."""

import numpy as np
import pytest

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, Policies, best_response, deviation, gap, potential

WEIGHTS = {"lambda_generator": 0.1, "lambda_discriminator": 0.3}


def divergence(p, q):
    return float(np.sum(p * np.log(p / q)))


def utilities(game, policies):
    """The regularised utility of every row, straight from the definition: V for the generator, N for the other."""
    g, d = policies.generator, policies.discriminator
    g0, d0 = game.generator_anchor, game.discriminator_anchor
    of_generator = [0.5 * g[v] @ d[v] - WEIGHTS["lambda_generator"] * divergence(g[v], g0[v]) for v in range(2)]
    of_discriminator = [
        0.5 * d[:, y] @ g[:, y] - WEIGHTS["lambda_discriminator"] * divergence(d[:, y], d0[:, y])
        for y in range(g.shape[1])
    ]
    return np.array(of_generator), np.array(of_discriminator)


def random_policies(seed, n):
    random = np.random.default_rng(seed)
    return Policies(generator=random.dirichlet(np.ones(n), size=2), discriminator=random.dirichlet([1, 1], size=n).T)


@pytest.mark.parametrize("seed", range(5))
def test_the_gap_is_what_all_rows_could_gain_alone(draw, seed):
    game, policies = draw(seed=seed, sizes=[4])[0], random_policies(seed, 4)
    answer = best_response(game, policies, **WEIGHTS)
    now_g, now_d = utilities(game, policies)
    then_g, _ = utilities(game, Policies(generator=answer.generator, discriminator=policies.discriminator))
    _, then_d = utilities(game, Policies(generator=policies.generator, discriminator=answer.discriminator))
    gain = (then_g - now_g).sum() + (then_d - now_d).sum()
    assert gap(game, policies, **WEIGHTS) == pytest.approx(gain, abs=1e-12)
    rows = divergence(policies.generator, answer.generator), divergence(policies.discriminator, answer.discriminator)
    assert gap(game, policies, **WEIGHTS) == pytest.approx(0.1 * rows[0] + 0.3 * rows[1], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_policy_does_better_than_the_best_response(draw, seed):
    game, policies = draw(seed=seed, sizes=[3])[0], random_policies(seed, 3)
    answer = best_response(game, policies, **WEIGHTS)
    best, _ = utilities(game, Policies(generator=answer.generator, discriminator=policies.discriminator))
    for other in range(50):
        rival = random_policies(100 + other, 3).generator
        rivals, _ = utilities(game, Policies(generator=rival, discriminator=policies.discriminator))
        assert (rivals <= best + 1e-12).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_potential_changes_as_the_utility_of_whoever_moves(draw, seed):
    game, one, other = draw(seed=seed, sizes=[4])[0], random_policies(seed, 4), random_policies(seed + 50, 4)
    moved = Policies(generator=np.stack([other.generator[0], one.generator[1]]), discriminator=one.discriminator)
    change = potential(game, moved, **WEIGHTS) - potential(game, one, **WEIGHTS)
    assert change == pytest.approx(utilities(game, moved)[0].sum() - utilities(game, one)[0].sum(), abs=1e-12)
    verdicts = one.discriminator.copy()
    verdicts[:, 2] = other.discriminator[:, 2]
    moved = Policies(generator=one.generator, discriminator=verdicts)
    change = potential(game, moved, **WEIGHTS) - potential(game, one, **WEIGHTS)
    assert change == pytest.approx(utilities(game, moved)[1].sum() - utilities(game, one)[1].sum(), abs=1e-12)


def test_the_best_response_of_two_candidates_by_hand():
    # Uniform anchors, generator sure of y1 if correct and y2 if incorrect, lambda_D = 1/2: each entry of pi_G adds
    # itself to the log-odds, so D(correct | y1) = e / (1 + e). D uniform gives the generator no reason to move.
    game = ConsensusGame.from_anchors(generator=np.full((2, 2), 0.5), discriminator=np.full((2, 2), 0.5))
    policies = Policies(generator=np.array([[0.0, 1.0], [1.0, 0.0]]), discriminator=np.full((2, 2), 0.5))
    answer = best_response(game, policies, lambda_generator=0.1, lambda_discriminator=0.5)
    np.testing.assert_allclose(answer.generator, 0.5, atol=1e-15)
    sure = np.e / (1 + np.e)
    np.testing.assert_allclose(answer.discriminator, [[1 - sure, sure], [sure, 1 - sure]], atol=1e-15)
    # Deviation: max(1 - 1/2, sure - 1/2). Gap: 0.1 * 2 log 2 for the generator, 1/2 KL(1/2 || .) for each candidate.
    assert deviation(game, policies, lambda_generator=0.1, lambda_discriminator=0.5) == pytest.approx(0.5)
    expected = 0.2 * np.log(2) - 0.5 * (np.log(sure) + np.log(1 - sure) + 2 * np.log(2))
    assert gap(game, policies, lambda_generator=0.1, lambda_discriminator=0.5) == pytest.approx(expected, abs=1e-14)


def test_mass_that_the_anchor_forbids_is_infinitely_far():
    game = ConsensusGame.from_anchors(generator=[[0.0, 1.0], [0.5, 0.5]], discriminator=np.full((2, 2), 0.5))
    policies = Policies(generator=np.full((2, 2), 0.5), discriminator=np.full((2, 2), 0.5))
    assert gap(game, policies, **WEIGHTS) == np.inf
    assert potential(game, policies, **WEIGHTS) == -np.inf


def test_policies_without_mass_where_the_best_response_has_some_have_a_finite_gap():
    game = ConsensusGame.from_anchors(generator=np.full((2, 2), 0.5), discriminator=np.full((2, 2), 0.5))
    policies = Policies(generator=np.array([[0.0, 1.0], [0.5, 0.5]]), discriminator=np.full((2, 2), 0.5))
    assert gap(game, policies, lambda_generator=1.0, lambda_discriminator=1e9) == pytest.approx(np.log(2), abs=1e-8)


def test_policies_of_another_game_are_refused(draw):
    with pytest.raises(InvalidInputError, match=r"`policies.generator` has shape \(2, 3\); the game's is \(2, 4\)"):
        gap(draw(seed=0, sizes=[4])[0], random_policies(0, 3), **WEIGHTS)
