"""Profiles: what a fit finds where the truth is known, and what the file holds."""

import json
import warnings

import numpy as np
import pytest
from labelled_data import accuracy, questions
from scipy.optimize import check_grad

from langchain_consensus.calibration import (
    Fitting,
    ProfileMismatchWarning,
    calibrated,
    calibrated_from,
    read_profile,
)
from langchain_consensus.calibration.curve import BetaCurve, IsotonicCurve, fitted_curve
from langchain_consensus.calibration.evidence import Feature
from langchain_consensus.calibration.logit import Labelled, _log_likelihood, _table, fitted_weights
from langchain_consensus.errors import InvalidInputError

ONES = np.ones(len(Feature))


@pytest.fixture(scope="module")
def profile():
    return calibrated(questions(200), model="m", wording="w", wording_digest="d", tasks=["t"])


def test_the_gradient_is_that_of_the_likelihood():
    table = _table([*questions(5), *questions(5, size=3)], ONES)
    point = np.array([0.3, -0.5, 0.1, 0.8])
    assert check_grad(lambda w: _log_likelihood(*table, w)[0], lambda w: _log_likelihood(*table, w)[1], point) < 1e-5


def test_by_hand_the_likelihood_of_one_question():
    one = questions(1, size=2)[0]
    gap = one.evidence.features[Feature.SCORE][one.right][0] - one.evidence.features[Feature.SCORE][~one.right][0]
    weights = np.array([1.0, 0, 0, 0])
    assert _log_likelihood(*_table([one], ONES), weights)[0] == pytest.approx(-np.log1p(np.exp(-gap)))


def test_a_strong_prior_keeps_the_weights_and_a_weak_one_leaves_them_to_the_labels():
    items, mean = questions(300, verdict=0.8, score=0.0, contrast=0.0), np.full(len(Feature), 0.7)
    assert fitted_weights(items, ONES, mean=mean, deviation=1e-3) == pytest.approx(mean, abs=0.01)
    free = fitted_weights(items, ONES, mean=mean, deviation=10)
    assert free[Feature.VERDICT] > 1
    assert abs(free[Feature.SCORE]) < 0.2


def test_questions_without_a_right_or_a_wrong_candidate_tell_nothing():
    one = questions(1)[0]
    silent = [Labelled(evidence=one.evidence, right=np.full(4, value)) for value in (True, False)]
    assert fitted_weights(silent, ONES, mean=ONES, deviation=1) == pytest.approx(ONES)


def test_a_hundred_labels_find_the_judge_who_knows_where_the_other_views_do_not():
    views = {"score": 0.05, "contrast": 0.0, "verdict": 0.7}
    fitted = Fitting().fitted(questions(100, **views))
    fresh = questions(800, seed=9, **views)
    places, confidence = fitted.answers([one.evidence for one in fresh])
    right = np.array([one.right[place] for one, place in zip(fresh, places, strict=True)])
    assert right.mean() > accuracy(fresh, lambda e: e.features[Feature.VERDICT]) - 0.03
    assert confidence.mean() == pytest.approx(right.mean(), abs=0.08)
    sure = confidence > np.median(confidence)
    assert right[sure].mean() > right[~sure].mean() + 0.1


def test_a_curve_that_is_fitted_to_shares_that_are_true_leaves_them():
    rng = np.random.default_rng(0)
    shares = rng.random(4000)
    found = fitted_curve(shares, np.zeros(4000), rng.random(4000) < shares)
    middle = np.linspace(0.1, 0.9, 9)
    assert found.probability(middle, np.zeros(9)) == pytest.approx(middle, abs=0.05)


def test_a_step_is_followed_by_the_isotonic_curve():
    rng = np.random.default_rng(0)
    shares = rng.random(1000)
    found = fitted_curve(shares, np.zeros(1000), rng.random(1000) < np.where(shares > 0.6, 0.9, 0.1))
    assert isinstance(found, IsotonicCurve)
    assert found.probability(np.array([0.3, 0.9]), np.zeros(2)) == pytest.approx([0.1, 0.9], abs=0.05)


def test_a_curve_is_finite_at_the_edges():
    found = BetaCurve(share=1, rest=1, verdict=1, intercept=0).probability(
        np.array([0.0, 1.0, 1.0]), np.array([-30.0, 30.0, 0.0])
    )
    assert ((found > 0) & (found < 1)).all()


def test_a_profile_says_what_it_was_fitted_on_and_keeps_half_apart(profile):
    assert (profile.questions, len(profile.kept.right), profile.tasks) == (100, 100, ("t",))
    assert profile.weights.votes == 0


def test_written_and_read_it_is_the_same_profile_and_people_can_read_it(profile, tmp_path):
    path = tmp_path / "profile.json"
    profile.save(path)
    again = read_profile(path, model="m")
    assert again.digest == profile.digest
    assert again.threshold(0.5).answered == profile.threshold(0.5).answered > 0
    assert path.stat().st_size < 10_000
    assert json.loads(path.read_text())["weights"].keys() == {"score", "contrast", "votes", "verdict"}


def test_loading_it_for_another_model_warns(profile, tmp_path):
    profile.save(tmp_path / "profile.json")
    with pytest.warns(ProfileMismatchWarning, match="fitted on 'm' and the model is 'other'"):
        read_profile(tmp_path / "profile.json", model="other")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_profile(tmp_path / "profile.json", model="m")


@pytest.mark.parametrize("text", ["{}", "nothing", '{"version": 2}'])
def test_a_file_that_is_no_profile_is_refused_by_name(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=r"p\.json: is no profile of version 1 .*calibrate again"):
        read_profile(path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_profile(tmp_path / "absent.json")


def test_a_promise_that_too_few_kept_questions_can_prove_is_an_error(profile):
    few = calibrated(questions(60), model="m", wording="w", wording_digest="d")
    with pytest.raises(InvalidInputError, match=r"at least 45 labelled questions .* and there are 30"):
        few.threshold(0.05)
    none = calibrated(questions(60), model="m", wording="w", wording_digest="d", kept_share=0)
    with pytest.raises(InvalidInputError, match=r"kept no questions .* at least 22"):
        none.threshold(0.1)
    with pytest.raises(InvalidInputError, match="prove it for no threshold"):
        profile.threshold(0.001, certainty=0.05)


def test_too_few_or_one_sided_labels_are_refused():
    with pytest.raises(InvalidInputError, match="There are 10 labelled questions"):
        calibrated(questions(20), model="m", wording="w", wording_digest="d")
    wrong = [Labelled(evidence=one.evidence, right=np.zeros(4, dtype=bool)) for one in questions(30)]
    with pytest.raises(InvalidInputError, match="none are right"):
        Fitting(ties=False).fitted(wrong)
    with pytest.raises(InvalidInputError, match="`kept_share` is 1"):
        calibrated(questions(30), model="m", wording="w", wording_digest="d", kept_share=1)


def test_rankings_and_labels_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInputError, match="0 entries and `is_right` 1"):
        calibrated_from([], [str.isupper])
