"""Beginnings kept from call to call save work and change no score, also after the budget has evicted some."""

import random

import numpy as np
import pytest
import torch

from langchain_consensus.engine import SamplingSettings, ScoreRequest, TransformersEngine
from langchain_consensus.engine.forest import Forest, TokenString
from langchain_consensus.engine.prefix_cache import LEAST_LENGTH, PrefixCache, beginnings
from langchain_consensus.prompts import ChatPrompt, Message
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

HEADER = "what is the answer? the answer is yes. " * 8


def engine_on(name: str, *, kept: int) -> TransformersEngine:
    return TransformersEngine.from_model(tiny_model(name), tiny_tokenizer(), prefix_cache_bytes=kept)


def request(question: str, header: str = HEADER) -> ScoreRequest:
    messages = (Message(role="system", content=header), Message(role="user", content=question))
    return ScoreRequest(prompt=ChatPrompt(messages=messages), continuations=("yes", "No, it is not."))


@pytest.mark.parametrize("name", ["llama", "gemma3_window_shorter_than_input", "gpt2_absolute_positions"])
def test_a_repeated_header_is_not_computed_again_and_scores_stay(name):
    cached, plain = engine_on(name, kept=2**24), engine_on(name, kept=0)
    for call, question in enumerate(("is it?", "what is it, then?", "is it not?")):
        ours, reference = cached.score([request(question)]), plain.score([request(question)])
        assert np.allclose(ours.scores[0].logprobs, reference.scores[0].logprobs, atol=1e-4)
        if call:
            assert ours.usage.computed_tokens < reference.usage.computed_tokens / 3
    status = cached.prefix_cache
    assert (status.hits, status.misses) == (2, 1)
    assert status.tokens_saved > 2 * LEAST_LENGTH
    assert 0 < status.bytes <= status.max_bytes


def test_sampling_uses_and_fills_the_same_cache():
    cached, plain = engine_on("qwen2", kept=2**24), engine_on("qwen2", kept=0)
    settings = SamplingSettings(n=4, max_new_tokens=8, seed=5)
    cached.score([request("is it?")])
    ours = cached.sample([request("is it not?").prompt], settings)
    assert cached.prefix_cache.hits == 1
    reference = plain.sample([request("is it not?").prompt], settings)
    assert [s.text for s in ours.samples[0]] == [s.text for s in reference.samples[0]]
    assert ours.usage.computed_tokens < reference.usage.computed_tokens


def test_scores_are_right_after_the_budget_has_evicted():
    one = engine_on("llama", kept=2**30)
    one.score([request("is it?")])
    budget = int(one.prefix_cache.bytes * 1.5)  # room for one header and not for two
    cached, plain = engine_on("llama", kept=budget), engine_on("llama", kept=0)
    headers = [HEADER, HEADER.replace("yes", "No"), HEADER.upper()]
    rng = random.Random(0)
    for _ in range(12):
        one_request = request(rng.choice(["is it?", "what?"]), rng.choice(headers))
        ours, reference = cached.score([one_request]).scores[0], plain.score([one_request]).scores[0]
        assert np.allclose(ours.logprobs, reference.logprobs, atol=1e-4)
        assert cached.prefix_cache.bytes <= budget


def test_a_budget_of_zero_keeps_nothing():
    engine = engine_on("llama", kept=0)
    engine.score([request("is it?")])
    assert engine.prefix_cache.entries == engine.prefix_cache.bytes == 0


def test_beginnings_end_where_strings_part():
    stem = tuple(range(LEAST_LENGTH + 3))
    strings = [TokenString(prefix=(*stem, 100 + k, 1, 1), continuation=(5,)) for k in range(2)]
    lone = TokenString(prefix=(7,) * 5, continuation=(1,))
    found = beginnings(Forest.build([*strings, lone]))
    assert [tokens.tolist() for tokens in found.values()] == [list(stem)]


def test_a_node_whose_output_is_needed_is_never_restored():
    cache = PrefixCache(max_bytes=2**20)
    ids = tuple(range(LEAST_LENGTH * 2))
    forest = Forest.build([TokenString(prefix=ids, continuation=(1,))])
    states = torch.zeros(1, 1, len(ids), 2)
    cache.keep(forest, {0: [(states, states)]})
    assert cache.known(forest)[0].length == len(ids) - 1
    early = Forest.build([TokenString(prefix=ids[: LEAST_LENGTH + 5], continuation=ids[LEAST_LENGTH + 5 :])])
    assert cache.known(early)[0].length == LEAST_LENGTH + 4


def test_the_least_recently_used_beginning_goes_first():
    states = torch.zeros(1, 1, LEAST_LENGTH, 2)
    size = 2 * states.numel() * states.element_size()
    cache = PrefixCache(max_bytes=2 * size)
    forests = [
        Forest.build(
            [
                TokenString(prefix=(k,) * LEAST_LENGTH, continuation=(1,)),
                TokenString(prefix=(k,) * 40, continuation=(2,)),
            ]
        )
        for k in (10, 20, 30)
    ]
    for forest in forests[:2]:
        cache.keep(forest, {0: [(states, states)]})
    long_after = [Forest.build([TokenString(prefix=(k,) * 80, continuation=(1,))]) for k in (10, 20, 30)]
    assert cache.known(long_after[0])  # the first is used, so the second is the oldest
    cache.keep(forests[2], {0: [(states, states)]})
    assert [bool(cache.known(forest)) for forest in long_after] == [True, False, True]
