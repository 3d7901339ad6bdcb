"""Step 1: which answers are one candidate, and how their draws are counted."""

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from langchain_consensus.candidates import exact_text, given, normalised_text
from langchain_consensus.draws import sampled
from langchain_consensus.engine import JsonForm, SamplingSettings, Usage
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.prompts import Question, wording_named
from tests.engines import CAPITAL, SUM, RecordingEngine, TableEngine, drawn

QA = wording_named("qa")
WHY = Question(text="Why?")


def draw(*samples, **options):
    (found,) = sampled(TableEngine({}, [samples]), QA, [WHY], SamplingSettings(n=len(samples)), **options)
    return found


# --- what is equal ---


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Canberra", " canberra.\n"),
        ("The  Great\tBarrier Reef", "the great barrier reef"),
        ("**Canberra**", '"Canberra"!'),
        ("“Canberra”", "`canberra`"),
        ("Straße", "STRASSE"),  # casefold
        ("ﬁve", "five"),  # NFKC: the ligature
        ("é", "e\N{COMBINING ACUTE ACCENT}"),
    ],
)
def test_normalised_text_ignores_how_an_answer_is_written(one, other):
    assert normalised_text(one) == normalised_text(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5", "-5"),
        ("5", "5%"),
        ("5", "$5"),
        ("C", "C++"),
        ("C", "C#"),
        ("[0, 1)", "(0, 1]"),
        ("no", "not"),
        ("5", ".5"),
    ],
)
def test_normalised_text_keeps_signs_that_make_another_answer(one, other):
    assert normalised_text(one) != normalised_text(other)


def test_an_answer_of_nothing_but_punctuation_keeps_it():
    assert normalised_text(" ?! ") == "?!"
    assert normalised_text('"') != normalised_text("?!")


@settings(derandomize=True, deadline=None, max_examples=300)
@over(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Z"]), max_size=12))
def test_keys_are_fixed_points_and_visible_text_has_a_visible_key(text):
    for key in (normalised_text, exact_text):
        assert key(key(text)) == key(text)
        assert key(f" {text}\n") == key(text)
        assert bool(key(text)) == bool(text.strip())


@settings(derandomize=True, deadline=None)
@over(st.text(st.characters(codec="ascii"), max_size=12))
def test_normalised_text_is_coarser_than_exact_text(text):
    assert normalised_text(exact_text(text)) == normalised_text(text)


# --- given answers ---


def test_given_answers_are_merged_only_if_they_agree_to_the_letter():
    found = given(WHY, ["Aa", "aa", " Aa ", "Aa."])
    assert [one.text for one in found.items] == ["Aa", "aa", "Aa."]
    assert [one.draws for one in found.items] == [2, 1, 1]


def test_given_answers_keep_their_position_and_are_no_votes():
    found = given("Why?", ["b", "a", "b", "c"])
    assert [(one.text, one.position) for one in found.items] == [("b", 0), ("a", 1), ("c", 3)]
    assert not found.sampled
    assert found.question == WHY
    assert found.usage == Usage()


def test_the_caller_says_what_is_equal():
    found = given(WHY, ["so 4", "4", "hence 5"], answer_key=lambda text: text.split()[-1])
    assert [(one.key, [member.text for member in one.members]) for one in found.items] == [
        ("4", ["so 4", "4"]),
        ("5", ["hence 5"]),
    ]


@pytest.mark.parametrize("texts", [[], (), "Canberra"])
def test_candidates_are_a_list_of_at_least_one(texts):
    with pytest.raises(InvalidInputError, match=r"`candidates` is .*; it must be a list of at least one answer"):
        given(WHY, texts)


@pytest.mark.parametrize("bad", ["", " \n", None, 4])
def test_every_candidate_is_visible_text(bad):
    with pytest.raises(
        InvalidInputError, match=r"`candidates\[1\]` is .*; it must be a text with at least one visible"
    ):
        given(WHY, ["a", bad])


# --- sampled answers ---


def test_draws_that_mean_the_same_are_one_candidate_with_its_draws_counted():
    found = draw(drawn(" 4"), drawn(" four"), drawn(" Four."), drawn("four"), drawn(" 4"))
    assert [(one.text, one.draws, one.position) for one in found.items] == [("4", 2, 0), ("four", 3, 1)]
    assert [(member.text, member.draws) for member in found.items[1].members] == [("four", 2), ("Four.", 1)]
    assert found.sampled


def test_a_candidate_shows_its_most_drawn_string_and_the_first_of_them_on_a_tie():
    assert draw(drawn("Four"), drawn("four"), drawn("four")).items[0].text == "four"
    assert draw(drawn("Four"), drawn("four")).items[0].text == "Four"


def test_the_draws_of_all_candidates_and_the_empty_ones_add_up_to_the_samples():
    found = draw(drawn("a"), drawn(" \n"), drawn("b"), drawn("A"), drawn(""))
    assert sum(one.draws for one in found.items) + found.empty == 5
    assert found.empty == 2


def test_positions_count_visible_draws():
    assert [one.position for one in draw(drawn(""), drawn("a"), drawn("b")).items] == [0, 1]


def test_draws_that_were_cut_are_counted():
    assert draw(drawn("a", finish="length"), drawn("b"), drawn("a", finish="length")).cut == 2


@pytest.mark.parametrize("order", [1, -1])
def test_the_sample_that_is_kept_is_one_whose_log_probability_can_be_used(order):
    samples = [drawn(" a", 0.1, canonical=False), drawn(" a", 0.2, end=0.5), drawn(" a", 0.3)]
    kept = draw(*samples[::order]).items[0].members[0].sample
    assert kept == samples[1]


def test_a_question_without_a_visible_draw_is_an_error_that_says_what_to_raise():
    with pytest.raises(EngineError, match=r"None of the 2 samples for 'Why\?' has a visible .* raise `max_new_tokens`"):
        draw(drawn(" "), drawn(""))


def test_a_wording_that_answers_by_letter_is_refused_before_anything_is_drawn():
    ask = "{question} {choices} {condition}"
    lettered = QA.model_copy(update={"name": "letters", "ask": ask, "answer_as": "letter"})
    engine = RecordingEngine()
    with pytest.raises(InvalidInputError, match=r"'letters' answers by letter.*give the options as `candidates`"):
        sampled(engine, lettered, [Question(text=CAPITAL, choices=("a", "b"))], SamplingSettings(n=5))
    assert not engine.sample_calls


def test_all_questions_are_drawn_in_one_call_under_the_correct_condition():
    engine = RecordingEngine()
    questions = [Question(text=CAPITAL), Question(text=SUM)]
    found = sampled(engine, QA, questions, SamplingSettings(n=5, stop=("END",)))
    ((prompts, used),) = engine.sample_calls
    assert prompts == tuple(QA.generator_prompt(question, 1) for question in questions)
    assert used == SamplingSettings(n=5, stop=("END", "\n"))  # the wording's own stop strings are added
    assert [one.question for one in found] == questions


def test_the_cost_of_a_call_is_shared_out_to_its_questions():
    # 7 tokens over 2 questions: 3 and 4.
    found = sampled(TableEngine({}, [[drawn("a")], [drawn("b")]]), QA, [WHY, WHY], SamplingSettings(n=1))
    assert [one.usage.sampled_tokens for one in found] == [3, 4]


# --- under a grammar ---

NUMBER = (JsonForm(schema='{"type": "integer"}'),)


def draw_numbers(*samples):
    (found,) = sampled(
        TableEngine({}, [samples]), QA, [WHY], SamplingSettings(n=len(samples), grammar=NUMBER, max_new_tokens=2)
    )
    return found


def test_a_draw_that_was_cut_before_it_had_the_grammar_s_form_is_no_candidate():
    found = draw_numbers(drawn("12"), drawn("3", finish="length"), drawn("4", finish="stop"))
    assert [candidate.text for candidate in found.items] == ["12"]
    assert (found.unfinished, found.cut, found.empty) == (2, 0, 0)


def test_with_no_complete_draw_the_error_says_what_to_raise():
    with pytest.raises(
        EngineError, match="None of the 2 samples for 'Why\\?' is complete under the grammar; raise `max"
    ):
        draw_numbers(drawn("1", finish="length"), drawn("2", finish="length"))
