"""Informed anchors: on simulated views whose worth is known, and the games that are made of beliefs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_data import accuracy, questions

from langchain_consensus.calibration.evidence import Evidence, Feature, evidence_of
from langchain_consensus.calibration.informed import InformedAnchors, moments
from langchain_consensus.calibration.play import played
from langchain_consensus.calibration.weights import Beliefs, Weights
from langchain_consensus.game import Correctness, Equilibrium, LogTimeFlow

_C = Correctness.CORRECT
numbers = st.floats(-40, 40, allow_nan=False)


def by_game(items, weights):
    games = played([one.evidence for one in items], weights, LogTimeFlow())
    odds = [np.log(game.solution.discriminator_policy) for game in games]
    return float(np.mean([one.right[int(np.argmax(o[1] - o[0]))] for one, o in zip(items, odds, strict=True)]))


def learned(items, rule=None):
    return (rule or InformedAnchors()).weights([one.evidence for one in items])


def test_moments_are_those_of_numpy_pooled_by_hand():
    items = questions(7, size=5)
    evidence = [one.evidence for one in items]
    centred = np.concatenate([one.features - one.features.mean(axis=1, keepdims=True) for one in evidence], axis=1)
    found = moments(evidence)
    assert found.freedom == 7 * 4
    assert found.spreads == pytest.approx(np.sqrt((centred**2).sum(axis=1) / 28))
    told = [Feature.SCORE, Feature.CONTRAST, Feature.VERDICT]
    expected = np.corrcoef(centred[told])  # the mean of each row is 0 in every question
    assert found.correlations[np.ix_(told, told)] == pytest.approx(expected)
    assert not found.correlations[Feature.VOTES].any()  # given candidates were not drawn


@given(st.lists(numbers, min_size=2, max_size=7))
def test_the_anchors_are_bayes_rule_on_the_signalling_game(belief):
    belief = np.array(belief)
    game = Beliefs(generator=belief, discriminator=belief).game()
    shares = np.exp(belief - np.logaddexp.reduce(belief))
    others = (1 - shares) / (len(belief) - 1)
    assert game.generator_anchor[1] == pytest.approx(shares)
    assert game.generator_anchor[0] == pytest.approx(others, abs=1e-12)
    assert game.discriminator_anchor[1] == pytest.approx(shares / (shares + others), abs=1e-12)


def test_one_candidate_is_a_game_without_content():
    game = Beliefs(generator=np.zeros(1), discriminator=np.ones(1)).game()
    assert game.generator_anchor.tolist() == [[1], [1]]
    assert game.discriminator_anchor.tolist() == [[0.5], [0.5]]


@pytest.mark.parametrize("size", [2, 3, 4, 8])
def test_at_the_neutral_lambdas_the_discriminator_pools_both_beliefs_alike(size):
    # To first order its log-odds are proportional to the sum of the beliefs, so small beliefs show the proportion.
    rng = np.random.default_rng(size)
    evidence = Evidence(features=0.01 * rng.normal(size=(len(Feature), size)), mass=1.0)
    ones = np.ones(len(Feature))
    weights = Weights(scales=ones, weights=ones)
    (game,) = played([evidence], weights, Equilibrium(starts=0))
    odds = np.diff(np.log(game.solution.discriminator_policy), axis=0)[0]
    pooled = game.beliefs.generator + game.beliefs.discriminator
    assert np.corrcoef(odds, pooled)[0, 1] > 0.999
    assert odds.std() / pooled.std() == pytest.approx(2 * size / (size - 1), rel=0.02)  # the loop's gain is 1/2


def test_views_of_equal_worth_together_beat_each_alone():
    items = questions(600)
    best = max(
        accuracy(items, lambda e, f=f: e.features[f]) for f in (Feature.SCORE, Feature.CONTRAST, Feature.VERDICT)
    )
    assert by_game(items, learned(items)) > best + 0.08


def test_the_contrast_gets_the_weight_where_it_agrees_with_the_judge_and_the_score_does_not():
    weights = learned(questions(600, score=0.05)).weights
    assert weights[Feature.CONTRAST] > 3 * weights[Feature.SCORE]
    assert learned(questions(600, contrast=0.05)).weights[Feature.CONTRAST] < 0.3


def test_a_judge_and_a_contrast_that_know_nothing_leave_the_score():
    items = questions(600, contrast=0.0, verdict=0.0)
    alone = accuracy(items, lambda e: e.features[Feature.SCORE])
    assert by_game(items, learned(items)) > alone - 0.03
    without = InformedAnchors(fall_back=False)
    assert by_game(items, learned(items, without)) < alone - 0.05  # so the term is what does it


@pytest.mark.parametrize(("term", "items"), [
    ("mass", {"mass": 0.1}),
    ("spread", {"scales": (1.5, 0.4, 0.05)}),
    ("agreement", {"score": 0.1}),
    ("fall_back", {"contrast": 0.0, "verdict": 0.0}),
    ("sharpness", {"score": 0.8, "contrast": 0.8, "verdict": 0.8}),
])  # fmt: skip
def test_every_term_can_be_switched_off_and_does_something(term, items):
    batch = questions(200, **items)
    with_it, without = learned(batch), learned(batch, InformedAnchors(**{term: False}))
    assert np.abs(with_it.weights - without.weights).max() > 0.05


def test_a_view_that_is_left_out_has_no_weight():
    for feature in (Feature.SCORE, Feature.CONTRAST, Feature.VERDICT):
        rule = InformedAnchors(views=tuple(other for other in Feature if other != feature))
        weights = learned(questions(100), rule).weights
        assert weights[feature] == 0
        assert weights.any()


def test_a_single_question_has_finite_weights_whatever_its_scores():
    for generator in ([[-1.0, -np.inf], [-np.inf, -np.inf]], [[-1e300, -2.0], [-3.0, -1e300]], [[-1.0], [-2.0]]):
        scores = np.array(generator)
        evidence = evidence_of(generator=scores, verdict_logprobs=scores, draws=np.ones(scores.shape[1]))
        weights = InformedAnchors().weights([evidence])
        beliefs = weights.beliefs(evidence)
        assert np.isfinite(weights.weights).all()
        assert np.isfinite(beliefs.shares).all()
        played([evidence], weights, LogTimeFlow())


def test_games_of_several_sizes_come_back_in_their_order():
    batch = [*questions(3, size=3), *questions(2, size=5), *questions(2, size=3, seed=1)]
    evidence = [one.evidence for one in batch]
    weights = learned(batch)
    together = played(evidence, weights, LogTimeFlow())
    for one, game in zip(evidence, together, strict=True):
        (alone,) = played([one], weights, LogTimeFlow())
        assert game.solution.discriminator_policy == pytest.approx(alone.solution.discriminator_policy, abs=1e-12)
    assert together[0].solution.generator_policy[_C].shape == (3,)
