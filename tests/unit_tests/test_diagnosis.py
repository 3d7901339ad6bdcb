"""When a reader is told not to trust a view. Each threshold is met from both sides."""

from dataclasses import replace

import numpy as np
import pytest

from langchain_consensus.candidates import Candidates, given
from langchain_consensus.diagnosis import warnings_of
from langchain_consensus.prompts import wording_named
from langchain_consensus.views import Views

FINE = {"generator": [[-1, -2], [-2, -1]], "verdicts": [[0.1, 0.8], [0.8, 0.1]]}


def said(*, generator=FINE["generator"], verdicts=FINE["verdicts"], candidates=None):
    scores, words = np.array(generator, dtype=float), np.log(verdicts)
    view = Views(
        generator_logprobs=scores,
        generator_tokens=np.ones(scores.shape[1], dtype=int),
        generator=scores,
        verdict_logprobs=words,
        discriminator=words - np.logaddexp.reduce(words, axis=0),
    )
    asked = candidates or given("Why?", [f"y{i}" for i in range(scores.shape[1])])
    return warnings_of(asked, view, wording_named("qa"))


def test_views_that_know_something_need_no_warning():
    assert said() == ()


def test_little_mass_on_the_verdict_words_is_named_with_the_words():
    # Masses 0.4 and 0.5: the mean is 0.45, below one half.
    (warning,) = said(verdicts=[[0.1, 0.4], [0.3, 0.1]])
    assert warning.startswith("The judge is not answering: it puts 45% of its probability on 'incorrect' and 'correct'")


def test_half_of_the_mass_is_enough():
    assert said(verdicts=[[0.1, 0.45], [0.4, 0.05]]) == ()


def test_a_judge_who_says_the_same_of_every_candidate_is_named():
    # Log-odds log(0.5/0.4) = 0.223 and log(0.52/0.4) = 0.262: 0.04 apart, below 0.1.
    (warning,) = said(verdicts=[[0.4, 0.4], [0.5, 0.52]])
    assert warning.startswith("The judge hardly tells the candidates apart")


def test_a_generator_whom_the_condition_does_not_move_is_named():
    # Contrasts 0 and 0.05.
    (warning,) = said(generator=[[-1, -2], [-1, -1.95]])
    assert warning.startswith("Asking for an incorrect answer hardly changes the generator")


@pytest.mark.parametrize("apart", [0.11, 1.0])
def test_a_tenth_of_a_nat_apart_is_enough(apart):
    odds = [[1 / (1 + np.exp(x)) for x in (0, apart)], [1 / (1 + np.exp(-x)) for x in (0, apart)]]
    assert said(generator=[[0, 0], [0, -apart]], verdicts=odds) == ()


def test_one_candidate_is_said_once_and_no_spread_is_asked_of_it():
    (warning,) = said(generator=[[-1], [-2]], verdicts=[[0.4], [0.5]])
    assert warning == (
        "There is one distinct answer, so the game says nothing; `confidence` is the judge's raw verdict."
    )


def test_empty_and_cut_draws_are_counted():
    plain = given("Why?", ["y0", "y1"])
    drawn = Candidates(question=plain.question, items=plain.items, sampled=True, empty=3, cut=2)
    empty, cut = said(candidates=drawn)
    assert empty == "3 draws were empty and left out."
    assert cut.startswith("2 draws were cut at the length limit; raise `max_new_tokens`")


def test_probabilities_of_zero_raise_no_numerical_warning():
    assert said(generator=[[-1, -np.inf], [-2, -1]]) == ()
    assert said(generator=[[-1, -np.inf], [-2, -np.inf]]) == ()
    (warning,) = said(generator=[[-np.inf, -np.inf], [-1, -2]])  # both contrasts are infinite: no difference
    assert warning.startswith("Asking for an incorrect answer hardly changes the generator")


def test_draws_that_were_cut_under_a_grammar_are_counted():
    two = replace(given("Why?", ["1", "2"]), unfinished=3)
    (warning,) = said(candidates=two)
    assert warning.startswith("3 draws were cut before they were complete under the grammar and left out;")
