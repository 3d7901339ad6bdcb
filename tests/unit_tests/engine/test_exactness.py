"""Packed strings score as single strings do, whatever the architecture, the batch, the order or the budgets."""

import random

import numpy as np
import pytest
import torch

from langchain_consensus.engine.attention import MaskedAttention
from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.network import Network
from langchain_consensus.engine.plain import score_plain
from langchain_consensus.engine.plan import make_plan
from langchain_consensus.engine.scoring import score_strings
from langchain_consensus.engine.self_check import packing_error
from tests.unit_tests.engine.tiny_models import CONFIGS, VOCABULARY, tiny_model

TOLERANCE = 1e-4


def strings_like_a_call(seed: int) -> list[TokenString]:
    """Three headers of 0, 12 and 40 tokens, three questions under each, four answers to each."""
    rng = random.Random(seed)

    def draw(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(3, VOCABULARY) for _ in range(length))

    strings = []
    for header in (draw(0), draw(12), draw(40)):
        for _ in range(3):
            question = header + draw(rng.randrange(1, 9))
            strings += [TokenString(prefix=question, continuation=draw(rng.randrange(1, 6))) for _ in range(4)]
    return strings


def one_at_a_time(model, strings: list[TokenString]) -> list[np.ndarray]:
    """The reference: each string alone through the whole model."""
    found = []
    with torch.inference_mode():
        for string in strings:
            ids = torch.tensor([[*string.prefix, *string.continuation]])
            rows = model(input_ids=ids).logits.float().log_softmax(-1)[0, len(string.prefix) - 1 : -1]
            found.append(rows.gather(1, torch.tensor(string.continuation)[:, None])[:, 0].numpy())
    return found


def packed(model, strings: list[TokenString], *, tokens: int, rows: int) -> list[np.ndarray]:
    forest = Forest.build(strings)
    with torch.inference_mode():
        return score_strings(Network(model), forest, make_plan(forest, token_budget=tokens), strings, row_budget=rows)


def worst(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    return max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", CONFIGS)
def test_packed_scores_equal_single_ones_on_every_architecture_and_budget(name):
    model, strings = tiny_model(name), strings_like_a_call(seed=1)
    reference = one_at_a_time(model, strings)
    for tokens in (1000, 16, 4):
        assert worst(packed(model, strings, tokens=tokens, rows=7), reference) < TOLERANCE


def test_a_budget_of_one_token_is_exact_too():
    model, strings = tiny_model("gemma3_window_shorter_than_input"), strings_like_a_call(seed=1)
    assert worst(packed(model, strings, tokens=1, rows=7), one_at_a_time(model, strings)) < TOLERANCE


@pytest.mark.parametrize("name", CONFIGS)
def test_eager_attention_takes_the_same_masks(name):
    model, strings = tiny_model(name), strings_like_a_call(seed=2)[::2]
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        assert worst(packed(model, strings, tokens=40, rows=64), one_at_a_time(model, strings)) < TOLERANCE
    finally:
        model.set_attn_implementation(before)


def test_the_order_of_strings_and_who_shares_their_forward_do_not_matter():
    model, strings = tiny_model("gemma3_window_shorter_than_input"), strings_like_a_call(seed=3)
    together = packed(model, strings, tokens=64, rows=64)
    shuffled = random.Random(0).sample(range(len(strings)), len(strings))
    again = packed(model, [strings[k] for k in shuffled], tokens=33, rows=5)
    assert worst([together[k] for k in shuffled], again) < TOLERANCE
    for k in (0, 17, 35):
        assert worst([together[k]], packed(model, [strings[k]], tokens=64, rows=64)) < TOLERANCE


@pytest.mark.parametrize("name", CONFIGS)
def test_the_self_check_accepts_what_is_exact(name):
    with torch.inference_mode():
        assert packing_error(Network(tiny_model(name))) < TOLERANCE


def test_the_self_check_notices_a_model_that_ignores_the_mask(monkeypatch):
    network = Network(tiny_model("llama"))
    monkeypatch.setattr(MaskedAttention, "_additive", lambda self, visible, *_: torch.zeros(visible[:, None].shape))
    with torch.inference_mode():
        assert packing_error(network) > 1e-2


def test_plain_batches_score_the_same():
    model, strings = tiny_model("qwen3"), strings_like_a_call(seed=4)
    with torch.inference_mode():
        assert worst(score_plain(model, strings, batch_size=5), one_at_a_time(model, strings)) < TOLERANCE


@pytest.mark.parametrize("name", ["llama", "gemma3_window_shorter_than_input", "gpt2_absolute_positions"])
@pytest.mark.parametrize("worth", [0.0, 1e9])
def test_attention_taken_apart_equals_attention_over_the_whole_pack(name, worth, monkeypatch):
    monkeypatch.setattr("langchain_consensus.engine.sight._WORTH", worth)
    monkeypatch.setattr("langchain_consensus.engine.sight._LEAST_GROUP", 8)
    model, strings = tiny_model(name), strings_like_a_call(seed=5)
    reference = one_at_a_time(model, strings)
    for tokens in (1000, 60):
        assert worst(packed(model, strings, tokens=tokens, rows=64), reference) < TOLERANCE


def test_forwards_leave_the_model_and_torchs_functions_as_they_were():
    model, strings = tiny_model("qwen2"), strings_like_a_call(seed=6)
    before = (model.config.to_dict(), torch.nn.functional.linear, torch.nn.functional.scaled_dot_product_attention)
    packed(model, strings, tokens=64, rows=64)
    after = (model.config.to_dict(), torch.nn.functional.linear, torch.nn.functional.scaled_dot_product_attention)
    assert before == after
