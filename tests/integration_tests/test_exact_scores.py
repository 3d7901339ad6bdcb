"""On real weights, packed scores are those of one string at a time through the plain transformers model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from langchain_consensus import Question, SamplingSettings
from langchain_consensus.candidates import given
from langchain_consensus.engine import ScoreRequest
from langchain_consensus.prompts import PRESETS, ChatPrompt
from langchain_consensus.views import _requests

ROWS = [json.loads(line) for line in (Path(__file__).parent / "data/questions.jsonl").read_text().splitlines()]


def plain_logprob(engine, prompt, continuation):
    """The model's own template, the model's own tokenizer, one forward: nothing of ours but the loaded objects."""
    local = engine._model()
    tokenizer, model = local.tokens.tokenizer, local.model
    if isinstance(prompt, ChatPrompt):
        turns = [{"role": m.role, "content": m.content} for m in prompt.messages]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text + continuation, add_special_tokens=False)["input_ids"]
        start = len(tokenizer(text, add_special_tokens=False)["input_ids"])
    else:
        ids = tokenizer(prompt.text + continuation)["input_ids"]
        start = len(tokenizer(prompt.text)["input_ids"])
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(float(logits[i - 1, ids[i]]) for i in range(start, len(ids)))


@pytest.mark.parametrize(("name", "wording"), [("qwen_engine", "chat_qa"), ("gemma_engine", "qa")])
def test_every_score_of_both_views_is_the_plain_models(name, wording, request):
    engine = request.getfixturevalue(name)
    requests = []
    for row in ROWS[:2]:
        requests += _requests(PRESETS[wording], given(row["question"], row["choices"]))
    found = engine.score(requests).scores
    worst = 0.0
    for one, scores in zip(requests, found, strict=True):
        plain = [plain_logprob(engine, one.prompt, text) for text in one.continuations]
        worst = max(worst, float(np.abs(scores.logprobs - plain).max()))
    assert worst < 1e-3  # summed over up to six tokens in float32; each token is held to 1e-4 on tiny models


@pytest.mark.parametrize(("name", "wording"), [("qwen_engine", "chat_qa"), ("gemma_engine", "qa")])
def test_what_sampling_kept_is_what_scoring_returns(name, wording, request):
    engine = request.getfixturevalue(name)
    prompt = PRESETS[wording].generator_prompt(Question(text=ROWS[0]["question"]), 1)
    settings = SamplingSettings(n=6, max_new_tokens=12, stop=PRESETS[wording].stop, seed=3)
    samples = [s for s in engine.sample([prompt], settings).samples[0] if s.canonical]
    assert samples
    (scores,) = engine.score([ScoreRequest(prompt=prompt, continuations=tuple(s.text for s in samples))]).scores
    assert np.abs(scores.logprobs - [s.logprob for s in samples]).max() < 1e-3


def test_a_batch_of_questions_costs_its_distinct_tokens_and_no_more(qwen_engine):
    requests = []
    for row in ROWS:
        requests += _requests(PRESETS["chat_qa"], given(row["question"], row["choices"]))
    usage = qwen_engine.score(requests).usage
    tokens = qwen_engine._model().tokens
    strings = {string for one in requests for string in tokens.strings(one)}
    full = {(*s.prefix, *s.continuation) for s in strings}
    assert usage.computed_tokens == len({path[:length] for path in full for length in range(1, len(path))})
    assert usage.computed_tokens * 3 < usage.input_tokens
