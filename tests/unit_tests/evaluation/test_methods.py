"""The methods: against an independent count, on hand-worked items, and in time."""

import time

import numpy as np
import pytest
from stored_data import drawn_lines, given_lines, items, run_of

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.classes import LENGTHS
from langchain_consensus.evaluation.methods import Method, decided, method_named
from langchain_consensus.evaluation.summary import summarised
from tests import recount

GIVEN = {
    "generator", "discriminator_raw", "discriminator", "mutual_information", "self_contrastive", "normalised_product",
    "er_generator", "er_discriminator", "equilibrium_generator", "equilibrium_discriminator", "informed",
}  # fmt: skip


@pytest.mark.parametrize("length", LENGTHS)
def test_every_method_on_given_candidates_is_what_an_independent_script_counts(length):
    lines = given_lines(6, seed=3)
    expected = recount.rights(lines, length)
    found = decided(items(lines), length=length, metric="accuracy")
    assert set(found) == set(expected) == GIVEN
    for method, decisions in found.items():
        assert decisions.right.tolist() == expected[method], method


@pytest.mark.parametrize("length", LENGTHS)
def test_every_method_on_drawn_candidates_is_what_an_independent_script_counts(length):
    lines = drawn_lines(6, seed=5)
    expected = recount.rights(lines, length)
    found = decided(items(lines), length=length, metric="accuracy")
    assert set(found) == set(expected) == {*GIVEN, "majority", "confidence_weighted_vote", "best_of_n", "greedy"}
    for method, decisions in found.items():
        assert decisions.right.tolist() == expected[method], method


def test_the_methods_differ_so_that_the_comparison_above_says_something():
    found = decided(items(given_lines(60)), length="mean", metric="accuracy")
    assert len({tuple(one.right) for one in found.values()}) >= 6


def _line(*candidates, greedy=None):
    return {
        "id": "one",
        "candidates": [
            {
                "position": k,
                "count": count,
                "key": key,
                "right": {"accuracy": key == "b"},
                "characters": 4,
                "generator": {"correct": generator, "incorrect": -3.0, "tokens": 2},
                "discriminator": {"correct": np.log(verdict), "incorrect": np.log(1 - verdict)},
            }
            for k, (key, count, generator, verdict) in enumerate(candidates)
        ],
        **({} if greedy is None else {"greedy": {"text": greedy, "key": greedy, "right": {"accuracy": greedy == "b"}}}),
    }


def test_votes_by_hand():
    # a was drawn 3 times with P(correct) 0.1, b twice with 0.9: 3 votes to 2, but weighted by exp(P) 3.32 to 4.92.
    found = decided(
        items([_line(("a", 3, -1.0, 0.1), ("b", 2, -2.0, 0.9), greedy="a")]), length="sum", metric="accuracy"
    )
    assert not found[Method.MAJORITY].right[0]
    assert found[Method.MAJORITY].confidence[0] == pytest.approx(3 / 5)
    assert found[Method.CONFIDENCE_WEIGHTED_VOTE].right[0]
    weights = [3 * np.exp(0.1), 2 * np.exp(0.9)]
    assert found[Method.CONFIDENCE_WEIGHTED_VOTE].confidence[0] == pytest.approx(weights[1] / sum(weights))
    assert found[Method.BEST_OF_N].right[0]
    assert found[Method.BEST_OF_N].confidence[0] == pytest.approx(0.9)
    assert not found[Method.GREEDY].right[0]
    assert np.isnan(found[Method.GREEDY].confidence[0])


def test_confidences_by_hand():
    # Shares of the generator: exp(-1) and exp(-2); the raw verdict of the chosen one for the judge.
    found = decided(items([_line(("a", 1, -1.0, 0.3), ("b", 1, -2.0, 0.6))]), length="sum", metric="accuracy")
    assert found[Method.GENERATOR].confidence[0] == pytest.approx(1 / (1 + np.exp(-1)))
    assert found[Method.DISCRIMINATOR_RAW].confidence[0] == pytest.approx(0.6)
    # D: 0.6 / (0.3 + 0.6) against 0.4 / (0.7 + 0.4), normalised over the two.
    assert found[Method.DISCRIMINATOR].confidence[0] == pytest.approx((0.6 / 0.9) / (0.6 / 0.9 + 0.4 / 1.1))


def test_answers_of_one_key_share_their_probability_under_sums_and_show_their_best_under_means():
    # Two strings of b with e^-2 each are 2e^-2 < e^-1: a wins. Four draws of one string add nothing.
    lines = [_line(("a", 1, -1.0, 0.5), ("b", 4, -2.0, 0.5), ("b", 1, -2.0, 0.5))]
    assert not decided(items(lines), length="sum", metric="accuracy")[Method.GENERATOR].right[0]
    lines = [_line(("a", 1, -1.5, 0.5), ("b", 4, -2.0, 0.5), ("b", 1, -2.0, 0.5))]
    assert decided(items(lines), length="sum", metric="accuracy")[Method.GENERATOR].right[0]
    assert not decided(items(lines), length="mean", metric="accuracy")[Method.GENERATOR].right[0]


def test_ties_go_to_draws_then_to_the_generator_then_to_the_first():
    lines = [
        _line(("a", 1, -1.0, 0.5), ("b", 1, -1.0, 0.5)),
        _line(("a", 1, -2.0, 0.5), ("b", 1, -1.0, 0.5)),
        _line(("a", 1, -1.0, 0.5), ("b", 2, -1.0, 0.5)),
    ]
    found = decided(items(lines), length="sum", metric="accuracy")
    assert found[Method.DISCRIMINATOR_RAW].right.tolist() == [False, True, True]


def test_texts_that_answer_nothing_have_no_vote_unless_there_is_nothing_else():
    lines = [_line(("", 9, -0.1, 0.9), ("b", 1, -5.0, 0.2), greedy="b"), _line(("", 1, -1.0, 0.5), greedy="")]
    found = decided(items(lines), length="sum", metric="accuracy")
    for method, decisions in found.items():
        assert decisions.right.tolist() == [True, False], method


def test_a_probability_of_zero_is_ranked_last_and_breaks_nothing():
    line = _line(("a", 1, -1.0, 0.5), ("b", 1, -2.0, 0.5))
    line["candidates"][0]["generator"]["correct"] = None
    line["candidates"][0]["discriminator"] = {"correct": None, "incorrect": None}
    found = decided(items([line]), length="sum", metric="accuracy")
    assert found[Method.GENERATOR].right[0]
    assert all(np.isfinite(one.confidence).all() for one in found.values())


def test_six_hundred_items_are_summarised_in_less_than_five_seconds():
    run = run_of(given_lines(600))
    before = time.process_time()
    summary = summarised(run)
    assert time.process_time() - before < 5
    assert summary.items == 600


def test_an_unknown_method_is_one_error():
    with pytest.raises(InvalidInputError, match="`baseline` is 'best'; it must be one of generator"):
        method_named("best")
