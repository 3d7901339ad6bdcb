import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.report.texts import log_probability, percent, quoted, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Canberra", "Canberra"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("a\r\nb", "a\nb"),
        ("null\x00byte", "null\\x00byte"),
        ("bell\x07 escape\x1b[31m delete\x7f c1\x9b", "bell\\x07 escape\\x1b[31m delete\\x7f c1\\x9b"),
        ("half \ud83d", "half \\ud83d"),
        ("over\u202eride, embed\u202b, isolate\u2066", "over\\u202eride, embed\\u202b, isolate\\u2066"),
        ("\ufffe\uffff", "\\ufffe\\uffff"),
        # What scripts and emoji are written with stays: joiners, marks, combining letters.
        ("\u0645\u06cc\u200c\u062e \u05e2\u200f e\u0301 👩\u200d🚀",) * 2,
    ],
)
def test_what_cannot_be_shown_is_an_escape_and_the_rest_stays(text, shown):
    assert visible(text) == shown


@settings(derandomize=True, deadline=None)
@given(st.text(alphabet=st.characters()))
def test_a_visible_text_can_be_written_and_never_turns_the_direction(text):
    shown = visible(text)
    shown.encode("utf-8")
    assert not set(shown) & set("\x00\x1b\x7f\r\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert visible(shown) == shown


def test_a_long_text_says_how_much_of_it_is_missing():
    assert shortened("a" * 240) == "a" * 240
    assert shortened("a" * 100_240) == "a" * 240 + "… (100,000 more characters)"


def test_a_quotation_is_one_isolated_line():
    assert quoted("two\n lines") == "“\u2068two lines\u2069”"
    assert quoted("\u2069escape\u202e") == "“\u2068\\u2069escape\\u202e\u2069”"
    assert len(quoted("w" * 99)) == 64


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0%"), (1e-9, "<0.1%"), (0.0005, "0.1%"), (0.5566, "55.7%"), (0.9996, ">99.9%"), (1.0, "100.0%")],
)
def test_a_percentage_is_never_rounded_to_a_certainty(value, text):
    assert percent(value) == text


def test_log_probabilities():
    assert [log_probability(value) for value in (-math.inf, -2.256, 0.0)] == ["-∞", "-2.26", "0.00"]
