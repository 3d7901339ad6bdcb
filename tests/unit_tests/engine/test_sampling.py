"""Forks of one prefill are draws from the model's own distribution, reproducible whatever else is in the batch."""

import numpy as np
import pytest
import torch
import transformers
from transformers.generation.logits_process import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.engine.network import Network
from langchain_consensus.engine.prefill import prefill
from langchain_consensus.engine.prefix_cache import PrefixCache
from langchain_consensus.engine.sampling import Fork, draw
from langchain_consensus.engine.token_choice import truncated
from tests.unit_tests.engine.tiny_models import CONFIGS, VOCABULARY, tiny_model

PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [5, 6, 7, 12], [40] * 20]
END = frozenset({2})


def forks_of(name: str, prompts: list[list[int]], settings: SamplingSettings, *, tokens: int = 64) -> list[list[Fork]]:
    network = Network(tiny_model(name))
    with torch.inference_mode():
        start = prefill(
            network,
            prompts,
            room=settings.n * settings.max_new_tokens,
            token_budget=tokens,
            prefixes=PrefixCache(max_bytes=0),
        )
        seeds = [[settings.seed, sum(prompt)] for prompt in prompts]
        forks, _, _ = draw(network, start, settings, end_ids=END, seeds=seeds, finished=lambda fork: False)
    return forks


@pytest.mark.parametrize("name", CONFIGS)
def test_log_probabilities_of_draws_are_those_of_scoring_them(name):
    settings = SamplingSettings(n=4, max_new_tokens=9, seed=3)
    model = tiny_model(name)
    for prompt, group in zip(PROMPTS, forks_of(name, PROMPTS, settings), strict=True):
        for fork in group:
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([prompt + fork.ids])).logits[0].log_softmax(-1)
            expected = [float(logits[len(prompt) - 1 + k, token]) for k, token in enumerate(fork.ids)]
            assert np.allclose(fork.logprobs, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "gemma3_window_shorter_than_input", "gpt2_absolute_positions"])
def test_greedy_is_what_transformers_generates(name):
    settings = SamplingSettings(n=2, max_new_tokens=12, temperature=0)
    model = tiny_model(name)
    for prompt, group in zip(PROMPTS, forks_of(name, PROMPTS, settings), strict=True):
        config = transformers.GenerationConfig(
            max_new_tokens=12, do_sample=False, eos_token_id=2, pad_token_id=0, use_cache=True
        )
        ids = torch.tensor([prompt])
        output = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
        assert [fork.ids for fork in group] == [output[0, len(prompt) :].tolist()] * 2


def test_draws_do_not_depend_on_the_batch_the_budget_or_the_number_of_forks():
    settings = SamplingSettings(n=6, max_new_tokens=8, seed=11)
    together = forks_of("qwen2", PROMPTS, settings)
    alone = [forks_of("qwen2", [prompt], settings, tokens=5)[0] for prompt in PROMPTS]
    fewer = forks_of("qwen2", PROMPTS, SamplingSettings(n=2, max_new_tokens=8, seed=11))
    assert [[f.ids for f in g] for g in together] == [[f.ids for f in g] for g in alone]
    assert [[f.ids for f in g[:2]] for g in together] == [[f.ids for f in g] for g in fewer]


def test_draws_in_rounds_are_the_draws_at_once():
    at_once = forks_of("qwen2", PROMPTS, SamplingSettings(n=6, max_new_tokens=8, seed=11))
    later = forks_of("qwen2", PROMPTS, SamplingSettings(n=4, first=2, max_new_tokens=8, seed=11))
    assert [[f.ids for f in g[2:]] for g in at_once] == [[f.ids for f in g] for g in later]


def test_another_seed_gives_other_draws():
    draws = [
        [f.ids for f in forks_of("llama", PROMPTS[:1], SamplingSettings(n=8, max_new_tokens=8, seed=seed))[0]]
        for seed in (1, 2)
    ]
    assert draws[0] != draws[1]


def test_forks_end_at_the_end_token_and_at_the_limit():
    for group in forks_of("llama", PROMPTS, SamplingSettings(n=16, max_new_tokens=30, seed=0, top_k=3)):
        for fork in group:
            assert len(fork.ids) == 30 or fork.ids[-1] == 2
            assert 2 not in fork.ids[:-1]


def test_first_tokens_follow_the_models_distribution():
    """A chi-squared test at about one false alarm in a million, over the draws of one seed."""
    settings = SamplingSettings(n=2000, max_new_tokens=1, top_p=1.0, top_k=8, seed=5)
    (group,) = forks_of("llama", PROMPTS[:1], settings)
    with torch.inference_mode():
        logits = tiny_model("llama")(input_ids=torch.tensor([PROMPTS[0]])).logits[0, -1]
    best = logits.topk(8)
    probabilities = best.values.softmax(-1).numpy()
    counts = np.array([sum(fork.ids[0] == token for fork in group) for token in best.indices.tolist()])
    assert counts.sum() == 2000
    chi_squared = float(((counts - 2000 * probabilities) ** 2 / (2000 * probabilities)).sum())
    assert chi_squared < 43.0  # 7 degrees of freedom, p = 3e-7


@pytest.mark.parametrize(
    ("settings", "warper"),
    [
        (SamplingSettings(top_k=10, top_p=1.0), [TopKLogitsWarper(10)]),
        (SamplingSettings(top_k=10, top_p=0.8), [TopKLogitsWarper(10), TopPLogitsWarper(0.8)]),
        (SamplingSettings(top_k=0, top_p=0.7), [TopPLogitsWarper(0.7)]),
        (
            SamplingSettings(top_k=50, top_p=0.9, min_p=0.1),
            [TopKLogitsWarper(50), TopPLogitsWarper(0.9), MinPLogitsWarper(0.1)],
        ),
    ],
)
def test_truncation_keeps_what_transformers_warpers_keep(settings, warper):
    logits = torch.randn(5, VOCABULARY, generator=torch.Generator().manual_seed(0)) * 3
    expected = logits.clone()
    for step in warper:
        expected = step(torch.empty(0), expected)
    values, tokens = truncated(logits, settings)
    full = torch.full_like(logits, -torch.inf).scatter(1, tokens, values)
    assert torch.equal(full.softmax(-1) > 0, expected.softmax(-1) > 0)
    assert torch.allclose(full.softmax(-1), expected.softmax(-1), atol=1e-6)


def test_a_prefix_that_prompts_share_is_prefilled_once():
    network = Network(tiny_model("llama"))
    with torch.inference_mode():
        start = prefill(
            network,
            [[1, 2, 3, 4], [1, 2, 3, 5], [1, 2, 3, 4]],
            room=4,
            token_budget=64,
            prefixes=PrefixCache(max_bytes=0),
        )
    assert start.plan.computed_tokens == 5
