"""Log-probabilities of chosen tokens are those of whole rows of logits, tile by tile or not."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.engine import head as module
from langchain_consensus.engine.head import Head
from tests.unit_tests.engine.tiny_models import VOCABULARY, tiny_model

SCALED = ["llama", "gemma2_softcapped", "cohere_scaled_logits", "granite_scaled_logits", "opt_projected_embeddings"]


def reference(model, hidden, rows, targets):
    """Whole rows, in float64, by the model's own projection and its own rules."""
    config = model.config
    logits = model.get_output_embeddings()(hidden).double()
    logits = logits * getattr(config, "logit_scale", 1.0) / getattr(config, "logits_scaling", 1.0)
    cap = getattr(config, "final_logit_softcapping", None)
    logits = logits if cap is None else cap * torch.tanh(logits / cap)
    return logits.log_softmax(-1)[rows, targets].detach().numpy()


def hidden_of(model, rows=9):
    width = model.get_output_embeddings().weight.shape[1]
    return 2 * torch.randn(rows, width, generator=torch.Generator().manual_seed(1))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SCALED),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, VOCABULARY - 1)), min_size=1, max_size=20),
    st.sampled_from([1, 7, 64, 319, 320, 4096]),
    st.sampled_from([1, 3, 100]),
)
def test_tiles_of_any_size_give_the_log_probabilities_of_whole_rows(name, pairs, tile, most):
    model = tiny_model(name)
    pairs = sorted(pairs)
    rows, targets = (np.array(column) for column in zip(*pairs, strict=True))
    with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
        patch.setattr(module, "_TILE", tile)
        patch.setattr(module, "_MOST_ROWS", most)
        hidden = hidden_of(model)
        found = Head(model, dtype=torch.float32).logprobs(hidden, rows, targets, row_budget=64)
        assert np.abs(found - reference(model, hidden, rows, targets)).max() < 1e-5


def test_a_bias_and_large_logits_are_summed_without_overflow():
    model = copy.deepcopy(tiny_model("llama"))
    model.lm_head = torch.nn.Linear(32, VOCABULARY)
    hidden, rows, targets = 300 * hidden_of(model), np.arange(9), np.arange(9) * 30
    with torch.inference_mode():
        found = Head(model, dtype=torch.float32).logprobs(hidden, rows, targets, row_budget=64)
        expected = reference(model, hidden, rows, targets)
    assert np.isfinite(found).all()
    assert np.allclose(found, expected, rtol=1e-5)


def test_a_projection_that_is_more_than_a_product_is_called_as_it_is(monkeypatch):
    calls = []

    class Doubled(torch.nn.Linear):
        def forward(self, rows):
            calls.append(len(rows))
            return 2 * super().forward(rows)

    model = copy.deepcopy(tiny_model("llama"))
    model.lm_head = Doubled(32, VOCABULARY)
    hidden, rows, targets = hidden_of(model), np.arange(9), np.arange(9) * 30
    with torch.inference_mode():
        found = Head(model, dtype=torch.float32).logprobs(hidden, rows, targets, row_budget=4)
        assert np.abs(found - reference(model, hidden, rows, targets)).max() < 1e-5
    assert calls[:3] == [4, 4, 1]


def test_nan_stays_nan():
    model = tiny_model("llama")
    hidden = hidden_of(model)
    hidden[2] = torch.nan
    with torch.inference_mode():
        found = Head(model, dtype=torch.float32).logprobs(hidden, np.array([1, 2]), np.array([5, 5]), row_budget=64)
    assert np.isnan(found).tolist() == [False, True]
