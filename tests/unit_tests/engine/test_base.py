"""What every engine is asked with: settings, requests and usage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

from langchain_consensus.engine import SamplingSettings, ScoreRequest, Usage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import TextPrompt


@pytest.mark.parametrize(
    ("name", "bad", "rule"),
    [
        ("n", 0, "a whole number of at least 1"),
        ("n", 2.0, "a whole number of at least 1"),
        ("n", True, "a whole number of at least 1"),
        ("max_new_tokens", 0, "a whole number of at least 1"),
        ("temperature", -0.1, "a finite number of at least 0"),
        ("temperature", math.inf, "a finite number of at least 0"),
        ("temperature", "hot", "a finite number of at least 0"),
        ("top_p", 0, "above 0 and at most 1"),
        ("top_p", math.nan, "above 0 and at most 1"),
        ("top_p", 1.1, "above 0 and at most 1"),
        ("top_k", -1, "a whole number of at least 0 (0 keeps all tokens)"),
        ("min_p", 1.1, "from 0 to 1"),
        ("seed", -1, "a whole number of at least 0"),
        ("seed", None, "a whole number of at least 0"),
        ("stop", ("a", ""), "a tuple of strings, none of them empty"),
        ("stop", "\n", "a tuple of strings, none of them empty"),
        ("stop", None, "a tuple of strings, none of them empty"),
        ("stop", (3,), "a tuple of strings, none of them empty"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_the_rule(name, bad, rule):
    with pytest.raises(InvalidInputError) as caught:
        SamplingSettings(**{name: bad})
    assert str(caught.value) == f"`{name}` is {bad!r}; it must be {rule}."


def test_the_ends_of_every_range_are_allowed():
    SamplingSettings(n=1, max_new_tokens=1, temperature=0, top_p=1, top_k=0, min_p=0, seed=0, stop=())
    SamplingSettings(min_p=1, top_p=1e-9)


@pytest.mark.parametrize("bad", [(), ("a", ""), ("a", None), "ab"])
def test_a_request_holds_texts_and_no_empty_one(bad):
    with pytest.raises(InvalidInputError, match=r"`continuations` is .*; it must hold at least one text and no empty"):
        ScoreRequest(prompt=TextPrompt(text="q"), continuations=bad)


USAGES = st.builds(
    Usage,
    **dict.fromkeys(
        ("input_tokens", "computed_tokens", "sampled_tokens", "head_rows", "forwards"), st.integers(0, 10**6)
    ),
)


@run_settings(derandomize=True, deadline=None)
@given(USAGES, st.integers(1, 40))
def test_the_parts_of_a_usage_are_even_and_add_up_to_it(usage, parts):
    shares = usage.split(parts)
    assert len(shares) == parts
    assert sum(shares, Usage()) == usage
    assert np.ptp([share.input_tokens for share in shares]) <= 1


@run_settings(derandomize=True, deadline=None)
@given(USAGES, USAGES)
def test_usages_add_field_by_field(one, other):
    total = one + other
    assert total.head_rows == one.head_rows + other.head_rows
    assert total == other + one
    assert one + Usage() == one
