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


def test_a_prior_multiplies_the_odds_of_being_correct_for_both_players(game):
    factor = np.array([1.0, 2.0, 0.25])
    moved = with_prior(game, [np.log(factor)])
    assert odds(moved) == pytest.approx(odds(game) * factor)
    # The generator's correct policy by hand: each entry times its factor, then divided by their sum.
    expected = game.generator_anchor[Correctness.CORRECT] * factor
    assert moved.generator_anchor[Correctness.CORRECT] == pytest.approx(expected / expected.sum())
    assert moved.generator_anchor[Correctness.INCORRECT] == pytest.approx(game.generator_anchor[Correctness.INCORRECT])


@given(numbers)
def test_the_anchors_stay_policies(log_odds):
    moved = with_prior(ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=DISCRIMINATOR), [log_odds])
    assert moved.generator_anchor.sum(axis=-1) == pytest.approx(1)
    assert moved.discriminator_anchor.sum(axis=0) == pytest.approx(1)


@given(numbers, numbers)
def test_two_priors_after_each_other_are_their_sum(first, second):
    game = ConsensusGame.from_log_scores(generator=GENERATOR, discriminator=DISCRIMINATOR)
    twice = with_prior(with_prior(game, [first]), [second])
    once = with_prior(game, [np.add(first, second)])
    assert twice.generator_log_anchor == pytest.approx(once.generator_log_anchor, abs=1e-9)
    assert twice.discriminator_log_anchor == pytest.approx(once.discriminator_log_anchor, abs=1e-9)


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
    with pytest.raises(InvalidInputError, match=r"`log_odds\[0\]` is .* it must hold 3 finite numbers"):
        with_prior(game, [bad])


def test_as_many_priors_as_games(game):
    with pytest.raises(InvalidInputError, match="`log_odds` has 2 games and `game` has 1"):
        with_prior(game, [np.zeros(3), np.zeros(3)])
