"""The anchors: normalisation, conventions for zero mass, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, Correctness

ZERO = -np.inf
FLAT = np.zeros((2, 2))


def test_the_axis_v_is_incorrect_then_correct():
    assert [int(v) for v in Correctness] == [0, 1]
    assert Correctness.CORRECT == 1


def test_anchors_are_normalised_over_the_other_axis_first():
    # Generator. P(y1 | .) = .2, .6 and P(y2 | .) = .3, .1 for incorrect, correct. Over v: y1 .25, .75; y2 .75, .25.
    # Over y the rows (.25, .75) and (.75, .25) sum to one already.
    # Discriminator. P(incorrect | .) = .4, .8 -> 1/3, 2/3 over y; P(correct | .) = .6, .2 -> 3/4, 1/4.
    # Over v: correct for y1 is (3/4) / (3/4 + 1/3) = 9/13, for y2 (1/4) / (1/4 + 2/3) = 3/11.
    game = ConsensusGame.from_log_scores(
        generator=np.log([[0.2, 0.3], [0.6, 0.1]]), discriminator=np.log([[0.4, 0.8], [0.6, 0.2]])
    )
    np.testing.assert_allclose(game.generator_anchor, [[0.25, 0.75], [0.75, 0.25]], atol=1e-15)
    np.testing.assert_allclose(game.discriminator_anchor, [[4 / 13, 8 / 11], [9 / 13, 3 / 11]], atol=1e-15)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 6).flatmap(lambda n: hnp.arrays(np.float64, (2, 2, n), elements=st.floats(-1.7e308, 1.7e308))))
def test_any_finite_scores_give_distributions(scores):
    game = ConsensusGame.from_log_scores(generator=scores[0], discriminator=scores[1])
    np.testing.assert_allclose(game.generator_anchor.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(game.discriminator_anchor.sum(axis=0), 1, atol=1e-12)


def test_very_small_probabilities_are_told_apart():
    # Only differences count: the contrast of y1 is exp(3) : 1, of y2 1 : 1, though no probability is representable.
    game = ConsensusGame.from_log_scores(generator=[[-1e6 - 3, -1e6], [-1e6, -1e6]], discriminator=FLAT)
    share = np.exp(3) / (1 + np.exp(3))
    np.testing.assert_allclose(game.generator_anchor[1], [share / (share + 0.5), 0.5 / (share + 0.5)], atol=1e-10)


def test_one_candidate_has_anchors_without_content():
    game = ConsensusGame.from_log_scores(generator=[[-3.0], [-1.0]], discriminator=[[-0.1], [-5.0]])
    np.testing.assert_array_equal(game.generator_anchor, [[1.0], [1.0]])
    np.testing.assert_array_equal(game.discriminator_anchor, [[0.5], [0.5]])


def test_a_candidate_impossible_under_both_conditions_has_no_generator_mass():
    game = ConsensusGame.from_log_scores(generator=[[ZERO, 0, 0], [ZERO, 0, 0]], discriminator=np.zeros((2, 3)))
    np.testing.assert_allclose(game.generator_anchor, [[0, 0.5, 0.5]] * 2, atol=1e-15)


def test_a_candidate_impossible_under_one_condition_gives_all_contrast_to_the_other():
    # Correct: y1 has contrast 1, y2 1/2, so 2/3 and 1/3. Incorrect: y2 alone.
    game = ConsensusGame.from_log_scores(generator=[[ZERO, 0.0], [0.0, 0.0]], discriminator=FLAT)
    np.testing.assert_allclose(game.generator_anchor, [[0, 1], [2 / 3, 1 / 3]], atol=1e-15)


def test_a_condition_without_any_mass_is_uniform_over_what_the_other_one_allows():
    generator = [[ZERO, ZERO, ZERO], [0.0, -1.0, ZERO]]
    game = ConsensusGame.from_log_scores(generator=generator, discriminator=np.zeros((2, 3)))
    np.testing.assert_allclose(game.generator_anchor, [[0.5, 0.5, 0], [0.5, 0.5, 0]], atol=1e-15)


def test_a_verdict_that_no_candidate_can_get_counts_the_same_for_all():
    # Correct is impossible for both: 1/2 and 1/2. Incorrect: 3/4 and 1/4. Over v: (1/2) / (1/2 + 3/4) = 2/5, 2/3.
    game = ConsensusGame.from_log_scores(generator=FLAT, discriminator=[[np.log(3), 0.0], [ZERO, ZERO]])
    np.testing.assert_allclose(game.discriminator_anchor[1], [2 / 5, 2 / 3], atol=1e-15)


def test_a_candidate_without_any_verdict_is_judged_half_and_half():
    game = ConsensusGame.from_log_scores(generator=FLAT, discriminator=[[ZERO, 0.0], [ZERO, 0.0]])
    np.testing.assert_allclose(game.discriminator_anchor, [[0.5, 0.5], [0.5, 0.5]], atol=1e-15)


def test_an_impossible_verdict_is_certain_not_to_be_given():
    game = ConsensusGame.from_log_scores(generator=FLAT, discriminator=[[ZERO, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(game.discriminator_anchor[:, 0], [0, 1], atol=1e-15)


def test_ragged_games_equal_a_padded_batch_with_sizes(draw):
    ragged = draw(seed=0, sizes=[3, 1, 5])
    random = np.random.default_rng(1)
    scores = random.normal(size=(2, 3, 2, 5))
    padded = scores.copy()
    padded[:, 0, :, 3:] = np.nan  # what lies beyond a game's size is ignored
    game = ConsensusGame.from_log_scores(generator=padded[0], discriminator=padded[1], sizes=[3, 5, 5])
    alone = ConsensusGame.from_log_scores(generator=scores[0, 0, :, :3], discriminator=scores[1, 0, :, :3])
    np.testing.assert_array_equal(game.generator_anchor[0, :, :3], alone.generator_anchor)
    np.testing.assert_array_equal(game.generator_anchor[0, :, 3:], 0)
    np.testing.assert_array_equal(game.discriminator_anchor[0, :, 3:], 0)
    np.testing.assert_array_equal(game[0].discriminator_anchor, alone.discriminator_anchor)
    assert ragged.generator_anchor.shape == (3, 2, 5)
    assert ragged[1].generator_anchor.shape == (2, 1)
    assert [len(g.generator_anchor[0]) for g in ragged] == [3, 1, 5]


def test_a_shape_with_a_batch_axis_keeps_it_and_one_without_stays_without():
    assert ConsensusGame.from_log_scores(generator=FLAT, discriminator=FLAT).generator_anchor.shape == (2, 2)
    batch = ConsensusGame.from_log_scores(generator=FLAT[None], discriminator=FLAT[None])
    assert batch.generator_anchor.shape == (1, 2, 2)
    lists = ConsensusGame.from_log_scores(generator=[FLAT.tolist()], discriminator=[FLAT.tolist()])
    assert lists.generator_anchor.shape == (1, 2, 2)


def test_given_anchors_are_kept(draw):
    game = draw(seed=2, sizes=[4, 2])
    again = ConsensusGame.from_anchors(
        generator=game.generator_anchor, discriminator=game.discriminator_anchor, sizes=[4, 2]
    )
    np.testing.assert_allclose(again.generator_anchor, game.generator_anchor, atol=1e-15)
    np.testing.assert_allclose(again.discriminator_anchor, game.discriminator_anchor, atol=1e-15)


def test_anchors_are_read_only_and_the_callers_array_is_not_touched():
    scores = np.zeros((2, 2))
    game = ConsensusGame.from_log_scores(generator=scores, discriminator=scores)
    with pytest.raises(ValueError, match="read-only"):
        game.generator_log_anchor[0, 0, 0] = 1
    scores[0, 0] = 5


@pytest.mark.parametrize(
    ("generator", "discriminator", "message"),
    [
        ([[0.0, np.nan], [0.0, 0.0]], FLAT, r"`generator` is nan at \[0, 1\]; a log-score must be"),
        ([FLAT, np.array([[0.0], [np.inf]])], [FLAT, FLAT[:, :1]], r"`generator` is inf at \[1, 1, 0\]"),
        (FLAT, [[0.0, 0.0], [np.nan, 0.0]], r"`discriminator` is nan at \[1, 0\]"),
        (np.zeros((3, 2)), np.zeros((3, 2)), "`generator` has 3 rows; it must have V = 2.*transpose"),
        (np.zeros((2, 0)), np.zeros((2, 0)), r"no game or no candidate"),
        (np.zeros((0, 2, 2)), np.zeros((0, 2, 2)), r"no game or no candidate"),
        ([], [], "no game was given"),
        (FLAT, np.zeros((2, 3)), "both must hold the same candidates"),
        (FLAT[None], FLAT, "batch axis"),
        ([FLAT], [FLAT[:, :1]], "both must hold the same candidates"),
        ([FLAT, np.zeros(2)], [FLAT, FLAT], r"`generator\[1\]` has shape \(2,\)"),
        ([FLAT, FLAT[None]], [FLAT, FLAT], r"`generator\[1\]` has shape \(1, 2, 2\)"),
        (np.zeros(3), FLAT, r"`generator` has shape \(3,\)"),
        ("ab", FLAT, "`generator` is not an array of numbers"),
        ([[1.0, 2.0], [1.0]], FLAT, "`generator` is not an array of numbers"),
        (np.full((2, 2), ZERO), FLAT, "`generator` is -inf for every candidate under both values of v in the game"),
        (FLAT[None], np.full((1, 2, 2), ZERO), "`discriminator` is -inf for every candidate .* in game 0"),
    ],
)
def test_bad_scores_are_refused_with_name_place_and_rule(generator, discriminator, message):
    with pytest.raises(InvalidInputError, match=message):
        ConsensusGame.from_log_scores(generator=generator, discriminator=discriminator)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([3], "`sizes` goes from 3 to 3"),
        ([0], "`sizes` goes from 0 to 0"),
        ([1, 1], "`sizes` has shape"),
        ([1.0], "`sizes` has shape .* float64"),
    ],
)
def test_bad_sizes_are_refused(sizes, message):
    with pytest.raises(InvalidInputError, match=message):
        ConsensusGame.from_log_scores(generator=FLAT[None], discriminator=FLAT[None], sizes=sizes)


def test_sizes_are_refused_where_the_games_have_their_own():
    with pytest.raises(InvalidInputError, match="`sizes` was given with a list"):
        ConsensusGame.from_log_scores(generator=[FLAT], discriminator=[FLAT], sizes=[2])
    with pytest.raises(InvalidInputError, match="`sizes` has shape"):
        ConsensusGame.from_log_scores(generator=FLAT, discriminator=FLAT, sizes=[2])


@pytest.mark.parametrize(
    ("generator", "discriminator", "message"),
    [
        (
            [[0.5, 0.5], [0.5, 0.4]],
            np.full((2, 2), 0.5),
            r"`generator` is 0.5 at \[1, 0\]; its sum over the candidates",
        ),
        (np.full((2, 2), 0.5), [[0.5, 0.5], [0.5, 0.4]], r"`discriminator` is 0.5 at \[0, 1\]; its sum over the verd"),
        ([[1.5, -0.5], [0.5, 0.5]], np.full((2, 2), 0.5), r"`generator` is 1.5 at \[0, 0\]; a probability must be"),
        (np.full((2, 2), np.nan), np.full((2, 2), 0.5), r"`generator` is nan at \[0, 0\]"),
    ],
)
def test_anchors_that_are_no_distributions_are_refused(generator, discriminator, message):
    with pytest.raises(InvalidInputError, match=message):
        ConsensusGame.from_anchors(generator=generator, discriminator=discriminator)
