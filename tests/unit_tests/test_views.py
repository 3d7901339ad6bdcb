"""Step 2: what is asked of the engine, and how the strings of one candidate are joined; numbers worked by hand."""

from math import log

import numpy as np
import pytest

from langchain_consensus.candidates import given
from langchain_consensus.draws import sampled
from langchain_consensus.engine import SamplingSettings, Usage
from langchain_consensus.prompts import Question, Wording
from langchain_consensus.views import scored
from tests.engines import CAPITAL, SUM, RecordingEngine, TableEngine, drawn, requested
from tests.engines import SHORT_WORDING as WORDING

MEAN = WORDING.model_copy(update={"length": "mean"})
WITH_END = WORDING.model_copy(update={"end_token": True})
Q = Question(text="q")

# P(text | condition) and P(word | text), as the engine gives them.
TABLE = {
    ("bad q", "4"): 0.1,
    ("good q", "4"): 0.2,
    ("bad q", "it is"): 0.1,
    ("good q", "it is"): 0.3,
    ("q=4", "no"): 0.1,
    ("q=4", "yes"): 0.9,
    ("q=it is", "no"): 0.3,
    ("q=it is", "yes"): 0.5,
}


def view(wording, candidates, table=TABLE):
    (found,) = scored(TableEngine(table), wording, [candidates])
    return found


def same(texts=("4", "it is"), wording=WORDING, table=TABLE):
    """The view of candidates whose texts are all one class."""
    return view(wording, given(Q, texts, answer_key=lambda text: "one"), table)


def test_scores_are_the_engine_s_log_probabilities_one_column_a_candidate():
    found = view(WORDING, given(Q, ["it is", "4"]))
    np.testing.assert_allclose(found.generator_logprobs, np.log([[0.1, 0.1], [0.3, 0.2]]))
    np.testing.assert_array_equal(found.generator, found.generator_logprobs)
    np.testing.assert_array_equal(found.generator_tokens, [2, 1])
    np.testing.assert_allclose(found.verdict_logprobs, np.log([[0.3, 0.1], [0.5, 0.9]]))
    # The two words' probabilities, normalised: 0.5 / 0.8 and 0.9 / 1.
    np.testing.assert_allclose(np.exp(found.discriminator), [[0.375, 0.1], [0.625, 0.9]])


def test_mass_log_odds_and_contrast_by_hand():
    found = view(WORDING, given(Q, ["it is", "4"]))
    np.testing.assert_allclose(found.verdict_mass, [0.8, 1.0])
    np.testing.assert_allclose(found.verdict_logodds, [log(5 / 3), log(9)])
    np.testing.assert_allclose(found.contrast, [log(3), log(2)])


def test_averaged_scores_are_sums_over_tokens():
    found = view(MEAN, given(Q, ["it is", "4"]))
    np.testing.assert_allclose(found.generator_logprobs, np.log([[0.1, 0.1], [0.3, 0.2]]))
    np.testing.assert_allclose(found.generator, [[log(0.1) / 2, log(0.1)], [log(0.3) / 2, log(0.2)]])


# --- several strings, one candidate ---


def test_summed_scores_of_a_class_add_their_probabilities():
    # correct 0.2 + 0.3, incorrect 0.1 + 0.1; the tokens are the best member's by its mean: log(0.3)/2 > log(0.2).
    found = same()
    np.testing.assert_allclose(found.generator, np.log([[0.2], [0.5]]))
    np.testing.assert_array_equal(found.generator_tokens, [2])


def test_averaged_scores_of_a_class_are_its_best_member_s_under_the_correct_condition():
    # log(0.3)/2 = -0.602 beats log(0.2) = -1.609; both conditions are then that member's.
    found = same(wording=MEAN)
    np.testing.assert_allclose(found.generator, [[log(0.1) / 2], [log(0.3) / 2]])
    np.testing.assert_allclose(found.generator_logprobs, np.log([[0.1], [0.3]]))


def test_the_best_member_is_the_best_by_its_average_not_by_its_sum():
    # log(0.1)/2 = -1.151 beats log(0.2) = -1.609, and its two tokens are the class's.
    table = TABLE | {("good q", "it is"): 0.1}
    for order in (("4", "it is"), ("it is", "4")):
        found = same(order, MEAN, table)
        np.testing.assert_allclose(found.generator[1], log(0.1) / 2)
        np.testing.assert_array_equal(found.generator_tokens, [2])
        np.testing.assert_array_equal(same(order, WORDING, table).generator_tokens, [2])


@pytest.mark.parametrize("wording", [WORDING, MEAN])
def test_the_verdict_of_a_class_is_its_members_weighted_by_their_probability(wording):
    # Weights 0.2 and 0.3 of 0.5: yes = 0.4 * 0.9 + 0.6 * 0.5 = 0.66, no = 0.4 * 0.1 + 0.6 * 0.3 = 0.22.
    found = same(wording=wording)
    np.testing.assert_allclose(np.exp(found.verdict_logprobs), [[0.22], [0.66]])
    np.testing.assert_allclose(np.exp(found.discriminator), [[0.25], [0.75]])


def test_a_string_drawn_twice_counts_once():
    engine = TableEngine(TABLE, [[drawn("4"), drawn("4", 0.2), drawn("it is", 0.3), drawn("4", 0.2)]])
    drawn_thrice = sampled(engine, WORDING, [Q], SamplingSettings(n=4), answer_key=lambda text: "one")
    found, once = view(WORDING, drawn_thrice[0], TABLE), same()
    assert drawn_thrice[0].items[0].draws == 4
    np.testing.assert_allclose(found.generator[0], once.generator[0])
    np.testing.assert_allclose(found.discriminator, view(WORDING, drawn_thrice[0]).discriminator)


def test_the_order_of_a_class_does_not_matter():
    for wording in (WORDING, MEAN):
        one, other = same(("4", "it is"), wording), same(("it is", "4"), wording)
        np.testing.assert_allclose(one.generator, other.generator)
        np.testing.assert_allclose(one.discriminator, other.discriminator)


# --- probabilities of zero ---


def test_a_candidate_without_probability_has_minus_infinity_and_no_warning():
    found = view(WORDING, given(Q, ["4", "it is"]), TABLE | {("good q", "4"): 0.0})
    assert found.generator[1, 0] == -np.inf
    assert np.isfinite(found.discriminator).all()


def test_a_member_without_probability_adds_nothing_to_its_class():
    found = same(table=TABLE | {("good q", "4"): 0.0})
    np.testing.assert_allclose(found.generator[1], log(0.3))
    np.testing.assert_allclose(np.exp(found.verdict_logprobs), [[0.3], [0.5]])


@pytest.mark.parametrize("wording", [WORDING, MEAN])
def test_members_without_any_probability_are_weighted_alike(wording):
    # yes = (0.9 + 0.5) / 2, no = (0.1 + 0.3) / 2.
    found = same(wording=wording, table=TABLE | {("good q", "4"): 0.0, ("good q", "it is"): 0.0})
    assert found.generator[1, 0] == -np.inf
    np.testing.assert_allclose(np.exp(found.verdict_logprobs), [[0.2], [0.7]])


def test_a_judge_who_can_say_neither_word_says_nothing_rather_than_nan():
    found = view(WORDING, given(Q, ["4", "it is"]), TABLE | {("q=4", "no"): 0.0, ("q=4", "yes"): 0.0})
    np.testing.assert_array_equal(found.discriminator[:, 0], [-np.inf, -np.inf])
    assert found.verdict_mass[0] == 0


# --- what is asked ---


def test_given_answers_are_scored_under_both_conditions_and_judged_one_by_one():
    engine = TableEngine(TABLE)
    scored(engine, WORDING, [given(Q, ["4", "it is"])])
    assert engine.asked == [
        [
            ("bad q", ("4", "it is"), False),
            ("good q", ("4", "it is"), False),
            ("q=4", ("no", "yes"), False),
            ("q=it is", ("no", "yes"), False),
        ]
    ]


def test_drawn_answers_are_not_scored_again_under_the_condition_that_drew_them():
    engine = TableEngine(TABLE, [[drawn("4", 0.75), drawn("it is", 0.25)]])
    (candidates,) = sampled(engine, WORDING, [Q], SamplingSettings(n=2))
    (found,) = scored(engine, WORDING, [candidates])
    assert [(prompt, texts) for prompt, texts, _ in engine.asked[0]] == [
        ("bad q", ("4", "it is")),
        ("q=4", ("no", "yes")),
        ("q=it is", ("no", "yes")),
    ]
    np.testing.assert_allclose(found.generator[1], np.log([0.75, 0.25]))  # the draws' own log-probabilities


@pytest.mark.parametrize(
    "sample",
    [drawn("4", 0.7, canonical=False), drawn("4 ", 0.7), drawn("4", 0.7, canonical=False, finish="stop")],
    ids=["other tokens", "stripped", "cut at a stop string"],
)
def test_drawn_answers_whose_log_probability_is_not_the_text_s_are_scored(sample):
    engine = TableEngine(TABLE, [[drawn("it is", 0.25), sample]])
    (found,) = scored(engine, WORDING, sampled(engine, WORDING, [Q], SamplingSettings(n=2)))
    assert engine.asked[0][1] == ("good q", ("4",), False)
    np.testing.assert_allclose(found.generator[1], np.log([0.25, 0.2]))


def test_with_an_end_token_only_draws_that_ended_by_themselves_are_known():
    engine = TableEngine(TABLE, [[drawn("it is", 0.25, end=0.5), drawn("4", 0.7)]])
    (found,) = scored(engine, WITH_END, sampled(engine, WITH_END, [Q], SamplingSettings(n=2)))
    assert engine.asked[0][:2] == [("bad q", ("it is", "4"), True), ("good q", ("4",), True)]
    assert engine.asked[0][2] == ("q=it is", ("no", "yes"), False)  # a verdict is a word, not a whole turn
    np.testing.assert_allclose(found.generator[1], np.log([0.125, 0.2]))


def test_every_member_of_a_class_is_scored_and_judged():
    engine = RecordingEngine()
    scored(engine, WORDING, [given(Q, ["a", "A", "b"], answer_key=str.lower)])
    assert requested(engine) == {"bad q": 3, "good q": 3, "q=a": 2, "q=A": 2, "q=b": 2}


def test_a_batch_is_one_call_and_costs_are_shared_out():
    engine = TableEngine(TABLE)
    found = scored(engine, WORDING, [given(Q, ["4"]), given(Q, ["it is", "4"])])
    assert len(engine.asked) == 1
    assert [one.usage for one in found] == [Usage(input_tokens=5), Usage(input_tokens=6, forwards=1)]
    np.testing.assert_allclose(found[1].generator, np.log([[0.1, 0.1], [0.3, 0.2]]))


def test_views_do_not_depend_on_the_rest_of_the_batch():
    engine = RecordingEngine()
    capital, total = given(CAPITAL, ["Canberra", "Sydney"]), given(SUM, ["four", "five", "six"])
    together, alone = scored(engine, WORDING, [total, capital])[1], scored(engine, WORDING, [capital])[0]
    np.testing.assert_array_equal(together.generator, alone.generator)
    np.testing.assert_array_equal(together.discriminator, alone.discriminator)


def test_letters_are_scored_and_texts_are_judged():
    lettered = Wording(**WORDING.model_dump() | {"ask": "{condition} {question} {choices}", "answer_as": "letter"})
    engine = RecordingEngine()
    question = Question(text="q", choices=("4", "it is"))
    scored(engine, lettered, [given(question, ["it is", "4"])])
    asked = [(request.prompt.text, request.continuations) for request in engine.score_calls[0]]
    assert asked[0] == ("bad q A. 4\nB. it is", ("B", "A"))
    assert [prompt for prompt, _ in asked[2:]] == ["q=it is", "q=4"]
