"""Keys that queries share are not copied for each of them, and the outcome is that of copies."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.integrations.sdpa_attention import repeat_kv

from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.engine.grouped_keys import GroupedKeys
from langchain_consensus.engine.interception import Interception, interception_for
from langchain_consensus.engine.trunk_cache import TrunkCache
from tests.unit_tests.engine.test_exactness import one_at_a_time, packed, strings_like_a_call, worst
from tests.unit_tests.engine.test_sampling import PROMPTS, forks_of
from tests.unit_tests.engine.tiny_models import tiny_model

CPU = torch.device("cpu")


def filled_cache(*, heads, length, width=8):
    cache = TrunkCache(capacity=length + 5)
    states = torch.randn(2, heads, length, width, generator=torch.Generator().manual_seed(1))
    return cache, *cache.update(states, states.flip(-1), 0)


@pytest.mark.parametrize("queries", [1, 3, 200])
@pytest.mark.parametrize(("heads", "shared"), [(4, 1), (6, 2), (4, 4)])
def test_attention_over_shared_heads_equals_attention_over_copies(queries, heads, shared):
    cache, keys, values = filled_cache(heads=shared, length=40)
    query = torch.randn(2, heads, queries, 8, generator=torch.Generator().manual_seed(2))
    allowed = torch.rand(2, 1, queries, 40, generator=torch.Generator().manual_seed(3)) < 0.5
    mask = torch.zeros(allowed.shape).masked_fill_(~allowed, torch.finfo(torch.float32).min)
    groups = heads // shared
    expected = scaled_dot_product_attention(
        query, repeat_kv(keys, groups), repeat_kv(values, groups), attn_mask=mask, scale=0.3
    )
    with interception_for(CPU, torch.float32, grouped=GroupedKeys(cache, None)):
        k, v = repeat_kv(keys, groups), repeat_kv(values, groups)
        assert k.shape[1] == v.shape[1] == shared  # nothing was copied
        found = scaled_dot_product_attention(query, k, v, attn_mask=mask, scale=0.3)
    assert torch.allclose(found, expected, atol=1e-6)


def test_what_is_no_key_of_the_cache_is_repeated_as_ever():
    cache, keys, _ = filled_cache(heads=2, length=10)
    other = torch.randn(2, 2, 10, 8)
    with interception_for(CPU, torch.float32, grouped=GroupedKeys(cache, None)):
        assert repeat_kv(other, 3).shape[1] == 6
        assert keys.reshape(2, -1).shape == (2, 160)
        assert repeat_kv(keys, 3).shape[1] == 2
    assert repeat_kv(keys, 3).shape[1] == 6


@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma3_window_shorter_than_input"])
def test_every_layer_of_a_model_with_shared_heads_goes_without_copies(name, monkeypatch):
    left_out = []
    real = GroupedKeys.unrepeated

    def counted(self, *args):
        result = real(self, *args)
        left_out.extend([] if result is None else [result.shape[1]])
        return result

    monkeypatch.setattr(GroupedKeys, "unrepeated", counted)
    model, strings = tiny_model(name), strings_like_a_call(seed=7)
    scores = packed(model, strings, tokens=10**4, rows=64)
    assert left_out == [2] * 6  # three layers, keys and values, one forward
    assert worst(scores, one_at_a_time(model, strings)) < 1e-4
    left_out.clear()
    forks_of(name, PROMPTS, SamplingSettings(n=3, max_new_tokens=3))
    assert left_out


def test_a_model_with_eager_attention_gets_its_copies():
    model, strings = tiny_model("llama"), strings_like_a_call(seed=7)
    model.set_attn_implementation("eager")
    try:
        assert worst(packed(model, strings, tokens=50, rows=64), one_at_a_time(model, strings)) < 1e-4
    finally:
        model.set_attn_implementation("sdpa")


def test_the_mode_is_off_after_a_forward():
    before = torch.overrides._get_current_function_mode_stack()
    with Interception({}):
        assert len(torch.overrides._get_current_function_mode_stack()) == len(before) + 1
    assert torch.overrides._get_current_function_mode_stack() == before
