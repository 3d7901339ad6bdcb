"""Rows of several forwards are projected together, and each log-probability comes out where it belongs."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.engine import waiting_rows as module
from langchain_consensus.engine.head import Head
from langchain_consensus.engine.waiting_rows import WaitingRows
from tests.unit_tests.engine.tiny_models import VOCABULARY, tiny_model

FORWARDS = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, VOCABULARY - 1)), max_size=8), min_size=1, max_size=5
)


class CountingHead(Head):
    """Notes how many states come with each call."""

    def __init__(self, model):
        super().__init__(model, dtype=torch.float32)
        self.states = []

    def logprobs(self, hidden, rows, targets, *, row_budget):
        self.states.append(len(hidden))
        return super().logprobs(hidden, rows, targets, row_budget=row_budget)


def projected(asked, head):
    """All of `asked`, a list of (row, token) for each forward, in the order asked."""
    width = head._module.weight.shape[1]
    random = torch.Generator().manual_seed(0)
    forwards = [torch.randn(7, width, generator=random) for _ in asked]
    found = np.full(sum(map(len, asked)), np.nan)
    waiting = WaitingRows(head, found, row_budget=64)
    expected, place = [], 0
    for hidden, pairs in zip(forwards, asked, strict=True):
        rows, tokens = (np.array([pair[column] for pair in sorted(pairs)], dtype=np.int64) for column in (0, 1))
        waiting.add(hidden, rows=rows, targets=tokens, places=np.arange(place, place + len(pairs)))
        expected += head.logits(hidden).double().log_softmax(-1)[rows, tokens].tolist()
        place += len(pairs)
    waiting.project()
    return found, np.array(expected)


@settings(max_examples=60, deadline=None)
@given(FORWARDS, st.sampled_from([1, 3, 1000]))
def test_rows_that_wait_get_the_log_probabilities_of_rows_that_do_not(asked, enough):
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(module, "_ENOUGH", enough)
        found, expected = projected(asked, CountingHead(tiny_model("llama")))
    assert np.allclose(found, expected, atol=1e-5)


def test_each_state_is_projected_once_and_few_forwards_make_one_call():
    head = CountingHead(tiny_model("llama"))
    with torch.inference_mode():
        projected([[(0, 1), (0, 2), (5, 1)], [], [(3, 3)]], head)
    assert head.states == [3]  # rows 0 and 5 of the first, row 3 of the last


def test_rows_are_projected_as_soon_as_there_are_enough(monkeypatch):
    monkeypatch.setattr(module, "_ENOUGH", 2)
    head = CountingHead(tiny_model("llama"))
    with torch.inference_mode():
        projected([[(0, 1)], [(1, 1), (2, 1)], [(3, 3)]], head)
    assert head.states == [3, 1]
