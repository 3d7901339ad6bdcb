"""Outside evidence moves both anchors as Bayes' rule says, and moves nothing where it is silent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, Correctness, with_prior

GENERATOR = np.log([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
DISCRIMINATOR = np.log([[0.5, 0.4, 0.9], [0.5, 0.6, 0.1]])
numbers = st.lists(st.floats(-20, 20), min_size=3, max_size=3)


@pytest.fixture
def game():
    return ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=DISCRIMINATOR)


def odds(game):
    return game.discriminator_anchor[Correctness.CORRECT] / game.discriminator_anchor[Correctness.INCORRECT]


def test_a_prior_multiplies_the_odds_of_being_correct_by_the_spread_of_each_view(game):
    evidence = np.array([-1.0, 0.5, 0.5])
    moved = with_prior(game, [evidence], weight=0.7)
    # The discriminator by hand: odds times exp(weight * deviation of the log-odds * evidence).
    assert odds(moved) == pytest.approx(odds(game) * np.exp(0.7 * np.std(np.log(odds(game))) * evidence))
    # The generator: each entry times its factor, then divided by their sum.
    own = game.generator_anchor[Correctness.CORRECT]
    expected = own * np.exp(0.7 * np.std(np.log(own)) * evidence)
    assert moved.generator_anchor[Correctness.CORRECT] == pytest.approx(expected / expected.sum())
    assert moved.generator_anchor[Correctness.INCORRECT] == pytest.approx(game.generator_anchor[Correctness.INCORRECT])


@given(numbers, st.floats(0, 10))
def test_the_anchors_stay_policies(evidence, weight):
    game = ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=DISCRIMINATOR)
    moved = with_prior(game, [evidence], weight=weight)
    assert moved.generator_anchor.sum(axis=-1) == pytest.approx(1)
    assert moved.discriminator_anchor.sum(axis=0) == pytest.approx(1)


@given(numbers, st.floats(-100, 100))
def test_a_constant_added_to_the_evidence_moves_the_discriminator_alone(evidence, constant):
    game = ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=DISCRIMINATOR)
    first, second = (with_prior(game, [np.add(evidence, c)]) for c in (0.0, constant))
    assert first.generator_log_anchor == pytest.approx(second.generator_log_anchor, abs=1e-9)


def test_a_view_that_tells_nothing_apart_stays_as_it_is():
    flat = ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=np.log(np.full((2, 3), 0.5)))
    moved = with_prior(flat, [[3.0, 0.0, -3.0]])
    assert moved.discriminator_anchor == pytest.approx(0.5)


def test_a_candidate_without_mass_stays_without_and_does_not_count_in_the_spread():
    generator = np.array([[0.0, 0.0, -np.inf], [0.0, 1.0, -np.inf]])
    moved = with_prior(
        ConsensusGame.from_log_scores(generator=generator, discriminator=DISCRIMINATOR), [[0.0, 0.0, 5.0]]
    )
    assert moved.generator_anchor[:, 2].tolist() == [0, 0]
    assert np.isfinite(moved.generator_anchor).all()


def test_zeros_change_nothing(game):
    moved = with_prior(game, [np.zeros(3)])
    assert moved.generator_log_anchor == pytest.approx(game.generator_log_anchor, abs=1e-15)
    assert moved.discriminator_log_anchor == pytest.approx(game.discriminator_log_anchor, abs=1e-15)


def test_a_ragged_batch_is_moved_game_by_game():
    both = ConsensusGame.from_log_scores(
        generator=[GENERATOR, GENERATOR[:, :2]], discriminator=[DISCRIMINATOR, DISCRIMINATOR[:, :2]]
    )
    priors = [np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.0])]
    moved = with_prior(both, priors)
    for index, prior in enumerate(priors):
        alone = with_prior(both[index], [prior])
        assert moved[index].generator_anchor == pytest.approx(alone.generator_anchor)
        assert moved[index].discriminator_anchor == pytest.approx(alone.discriminator_anchor)
    assert moved.discriminator_anchor[1, :, 2].tolist() == [0, 0]


@pytest.mark.parametrize("bad", [[1.0, 2.0], [0.0, np.nan, 0.0], [0.0, np.inf, 0.0], 1.0])
def test_a_prior_that_does_not_fit_is_named(game, bad):
    with pytest.raises(InvalidInputError, match=r"`evidence\[0\]` is .* it must hold 3 finite numbers"):
        with_prior(game, [bad])


def test_as_many_priors_as_games(game):
    with pytest.raises(InvalidInputError, match="`evidence` has 2 games and `game` has 1"):
        with_prior(game, [np.zeros(3), np.zeros(3)])


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf])
def test_a_weight_is_a_finite_number_of_at_least_zero(game, weight):
    with pytest.raises(InvalidInputError, match="`weight` is"):
        with_prior(game, [np.zeros(3)], weight=weight)
