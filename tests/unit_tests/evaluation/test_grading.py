"""Exact match, final numbers, and closeness to true and false references."""

import importlib.util

import pytest

from langchain_consensus.errors import MissingDependencyError
from langchain_consensus.evaluation.grading import final_number, grader_for, squad_normalised
from langchain_consensus.evaluation.items import Item
from langchain_consensus.prompts import Question


def item(*answers, incorrect=()):
    return Item(
        id="a", question=Question(text="Q?"), gold_index=None, answers=answers, incorrect_answers=tuple(incorrect)
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [("The  Beatles!", "beatles"), ("a cat, an owl", "cat owl"), ("U.S.A.", "usa"), ("theatre", "theatre"), ("?", "")],
)
def test_exact_match_ignores_case_articles_punctuation_and_spaces(text, key):
    assert squad_normalised(text) == key


def test_any_reference_will_do_and_nothing_else():
    grader = grader_for("exact")
    assert grader.grades("the beatles", item("Wings", "Beatles")) == {"accuracy": True}
    assert grader.grades("The Beatles of Liverpool", item("Beatles")) == {"accuracy": False}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3 + 4 = 7. The answer is 7.", "7"),
        ("The answer is $1,250.50 in all.", "1250.5"),
        ("The answer is: 12, since 3 * 4 = 12 and 5 > 2", "12"),
        ("First the answer is 3. No: the answer is 4.", "4"),
        ("so 18 - 20 = -2", "-2"),
        ("#### 1,000", "1000"),
        ("\\boxed{42}", "42"),
        ("It is 5.00 dollars", "5"),
        ("100", "100"),
        ("no number at all", ""),
    ],
)
def test_the_final_number_is_the_stated_one_else_the_last(text, number):
    assert final_number(text) == number


def test_numbers_are_compared_as_numbers():
    grader = grader_for("number")
    assert grader.grades("The answer is 1,000.0", item("1000")) == {"accuracy": True}
    assert grader.grades("The answer is 100", item("1000")) == {"accuracy": False}
    assert grader.grades("I do not know", item("1000")) == {"accuracy": False}


def test_an_answer_close_to_a_true_reference_is_right_and_one_close_to_a_false_one_wrong():
    grader = grader_for("truthful")
    asked = item("Nothing happens to you", "The seeds pass through", incorrect=["You grow a plant", "You die at once"])
    assert grader.grades("The seeds pass through you", asked) == {"bleu": True, "rouge_l": True}
    assert grader.grades("You die at once of them", asked) == {"bleu": False, "rouge_l": False}
    assert grader.grades("I have no comment.", asked) == {"bleu": True, "rouge_l": True}


def test_the_similarities_are_those_of_the_libraries():
    import sacrebleu

    grader = grader_for("truthful")
    text, reference = "the cat sat on the mat", "the cat sat on a mat today"
    assert grader.similarities["bleu"](reference, text) == sacrebleu.sentence_bleu(text, [reference]).score
    # ROUGE-L by hand: the longest common subsequence is "the cat sat on mat", 5 of 6 and of 7 words; F = 10/13.
    assert grader.similarities["rouge_l"](reference, text) == pytest.approx(10 / 13)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="sacrebleu and rouge_score are not installed"):
        grader_for("truthful")
