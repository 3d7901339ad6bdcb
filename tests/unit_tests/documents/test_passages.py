"""Long documents are cut into passages that fit, at the best place, and nothing is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_consensus.documents.passages import split


def words(text):
    return len(text.split())


def cut(text, most, count=words):
    return [passage.text for passage in split(text, most_tokens=most, count=count)]


def test_a_text_that_fits_is_one_passage():
    (passage,) = split(" one two three\n", most_tokens=3, count=words)
    assert (passage.text, passage.start, passage.end) == ("one two three", 0, 15)


def test_a_passage_ends_at_a_paragraph_before_a_sentence_before_a_word():
    assert cut("a b. c\n\nd e. f g", 6) == ["a b. c", "d e. f g"]
    assert cut("a b c d. e f g", 6) == ["a b c d.", "e f g"]
    assert cut("a b c d e f g", 4) == ["a b c d", "e f g"]


def test_an_end_in_the_first_half_is_not_worth_a_short_passage():
    assert cut("a. bbbb cccc dddd eeee ffff gggg", 5) == ["a. bbbb cccc dddd eeee", "ffff gggg"]


def test_a_word_that_is_too_long_is_broken():
    assert cut("x" * 10, 4, count=len) == ["xxxx", "xxxx", "xx"]


def test_a_character_that_is_too_long_by_itself_is_a_passage():
    assert cut("ab", 1, count=lambda text: 3 * len(text)) == ["a", "b"]


@given(st.text(alphabet="ab .\n", min_size=1), st.integers(1, 12))
def test_passages_fit_and_follow_each_other_and_hold_every_visible_character(text, most):
    found = split(text, most_tokens=most, count=len)
    assert all(0 < len(passage.text) <= most for passage in found)
    assert all(text[passage.start : passage.end].strip() == passage.text for passage in found)
    assert "".join("".join(passage.text.split()) for passage in found) == "".join(text.split())
    assert all(before.end <= after.start for before, after in pairwise(found))


@pytest.mark.parametrize("separator", [" ", "", "\n\n", ". "])
def test_a_hundred_thousand_words_are_cut_with_few_counts(separator):
    calls = []

    def count(text):
        calls.append(len(text))
        return len(text)

    text = separator.join(["word"] * 100_000)
    found = split(text, most_tokens=2048, count=count)
    assert sum(len("".join(passage.text.split())) for passage in found) == len("".join(text.split()))
    assert len(calls) < 20 * len(found)
