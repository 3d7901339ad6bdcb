"""The engine as its callers see it: texts in, samples and scores out, on a tiny model made in memory."""

import logging
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from langchain_consensus.engine import SamplingSettings, ScoreRequest, TransformersEngine, Usage
from langchain_consensus.engine.local_model import LocalModel
from langchain_consensus.engine.memory import Budgets
from langchain_consensus.errors import EngineError, EngineMemoryError, InvalidInputError, ModelLoadError
from langchain_consensus.prompts import ChatPrompt, Message, TextPrompt
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer


def engine_on(name: str = "llama", *, chat: bool = True) -> TransformersEngine:
    return TransformersEngine.from_model(tiny_model(name), tiny_tokenizer(chat=chat), name="tiny")


def asked(text: str) -> ChatPrompt:
    return ChatPrompt(messages=(Message(role="user", content=text),))


REQUESTS = [
    ScoreRequest(prompt=asked(question), continuations=("yes", "No, it is not."), end_token=end)
    for question in ("what is it?", "what is the answer?")
    for end in (False, True)
]


def test_scores_of_a_batch_are_those_of_each_request_alone():
    engine = engine_on()
    together = engine.score(REQUESTS).scores
    for request, scores in zip(REQUESTS, together, strict=True):
        (alone,) = engine.score([request]).scores
        assert np.allclose(scores.logprobs, alone.logprobs, atol=1e-4)
        assert scores.tokens.tolist() == alone.tokens.tolist()


def test_usage_counts_each_distinct_token_once():
    usage = engine_on().score([REQUESTS[0], REQUESTS[0]]).usage
    once = engine_on().score([REQUESTS[0]]).usage
    assert usage.computed_tokens == once.computed_tokens
    assert usage.input_tokens == 2 * once.input_tokens


def test_a_canonical_sample_carries_the_score_of_its_text():
    engine = engine_on()
    settings = SamplingSettings(n=12, max_new_tokens=6, seed=1, temperature=0.7)
    (samples,) = engine.sample([asked("what is it?")], settings).samples
    canonical = [sample for sample in samples if sample.canonical and sample.text]
    assert canonical
    for sample in canonical:
        scores = engine.score([ScoreRequest(prompt=asked("what is it?"), continuations=(sample.text,))]).scores[0]
        assert scores.logprobs[0] == pytest.approx(sample.logprob, abs=1e-3)
        assert scores.tokens[0] == sample.tokens - (sample.end_logprob is not None)


def test_a_stop_string_ends_a_sample_before_it_even_inside_a_token():
    engine = engine_on()
    free = engine.sample([asked("x")], SamplingSettings(n=8, max_new_tokens=20, seed=2)).samples[0]
    text = max((sample.text for sample in free), key=len)
    stop = text[len(text) // 2 : len(text) // 2 + 2]
    stopped = engine.sample([asked("x")], SamplingSettings(n=8, max_new_tokens=20, seed=2, stop=(stop,))).samples[0]
    for before, after in zip(free, stopped, strict=True):
        assert stop not in after.text
        assert before.text.startswith(after.text)
        assert (after.finish == "stop") == (stop in before.text)


def test_the_same_seed_gives_the_same_samples_and_leaves_the_global_random_state_alone():
    engine, settings = engine_on(), SamplingSettings(n=4, max_new_tokens=8, seed=7)
    state = torch.random.get_rng_state()
    first = engine.sample([asked("x"), asked("y")], settings).samples
    second = engine.sample([asked("y")], settings).samples
    assert [s.text for s in first[1]] == [s.text for s in second[0]]
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_prompt_longer_than_the_model_reads_is_refused_with_the_numbers():
    with pytest.raises(InvalidInputError, match=r"has \d+ tokens.*at most 512"):
        engine_on().score([ScoreRequest(prompt=asked("what " * 600), continuations=("yes",))])
    with pytest.raises(InvalidInputError, match="`max_new_tokens` is 500"):
        engine_on().sample([asked("what is it?")], SamplingSettings(max_new_tokens=500))


def test_memory_running_out_halves_the_budgets_and_goes_on(monkeypatch, caplog):
    model = LocalModel(tiny_model("llama"), tiny_tokenizer(), budgets=Budgets(tokens=256, rows=64, positions=4096))
    expected = model.score(REQUESTS).scores
    real = LocalModel._score

    def hungry(self, strings, budgets, *, sharing):
        if budgets.tokens > 64:
            raise torch.OutOfMemoryError
        return real(self, strings, budgets, sharing=sharing)

    monkeypatch.setattr(LocalModel, "_score", hungry)
    with caplog.at_level(logging.WARNING):
        scores = model.score(REQUESTS).scores
    assert model.memory.budgets.tokens == 64
    assert "out of memory" in caplog.text
    assert np.allclose(scores[0].logprobs, expected[0].logprobs, atol=1e-4)


def test_memory_that_never_suffices_is_an_error_that_says_what_to_lower(monkeypatch):
    def full(self, strings, budgets, *, sharing):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(LocalModel, "_score", full)
    with pytest.raises(EngineMemoryError, match=r"with 16 tokens a forward.*Shorten prompts, lower `n`"):
        engine_on().score(REQUESTS)


def test_nan_from_the_model_is_reported_and_not_ranked(monkeypatch):
    def broken(self, strings, budgets, *, sharing):
        return [np.array([np.nan])] * len(strings), Usage()

    monkeypatch.setattr(LocalModel, "_score", broken)
    with pytest.raises(EngineError, match="NaN"):
        engine_on().score(REQUESTS[:1])


def test_an_architecture_that_fails_the_self_check_is_run_in_plain_batches(monkeypatch, caplog):
    monkeypatch.setattr("langchain_consensus.engine.checked_network.packing_error", lambda network: 0.3)
    with caplog.at_level(logging.WARNING):
        plain = engine_on()
        scores = plain.score(REQUESTS).scores
    monkeypatch.undo()
    assert "cannot run packed strings exactly" in caplog.text
    for slow, fast in zip(scores, engine_on().score(REQUESTS).scores, strict=True):
        assert np.allclose(slow.logprobs, fast.logprobs, atol=1e-4)
    drawn = plain.sample([asked("x")], SamplingSettings(n=3, max_new_tokens=5))
    (samples,) = drawn.samples
    # `generate` runs the prompt and all tokens but the last once for each of three rows, as long as the longest.
    steps = max(sample.tokens for sample in samples)
    prompt = len(plain._model().tokens.prompt_ids(asked("x")))
    assert drawn.usage.computed_tokens == 3 * (prompt + steps - 1)
    assert (drawn.usage.head_rows, drawn.usage.forwards) == (3 * steps, steps)
    assert len(samples) == 3


def test_a_model_left_in_training_mode_is_scored_without_dropout_and_left_in_training_mode():
    model = tiny_model("gpt2_absolute_positions")
    expected = engine_on("gpt2_absolute_positions").score(REQUESTS[:1]).scores[0].logprobs
    model.train()
    try:
        scores = TransformersEngine.from_model(model, tiny_tokenizer()).score(REQUESTS[:1]).scores[0].logprobs
        assert model.training
    finally:
        model.eval()
    assert np.allclose(scores, expected, atol=1e-4)


def test_calls_from_many_threads_give_the_answers_of_calls_in_turn():
    engine = engine_on()
    expected = [engine.score([request]).scores[0].logprobs for request in REQUESTS]
    found: dict[int, np.ndarray] = {}

    def call(number: int) -> None:
        found[number] = engine.score([REQUESTS[number % 4]]).scores[0].logprobs

    threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(found[number], expected[number % 4], atol=1e-4) for number in range(16))


def test_a_base_model_is_asked_in_plain_text():
    engine = engine_on(chat=False)
    assert not engine.is_chat
    assert engine.score([ScoreRequest(prompt=TextPrompt(text="Question: x\nAnswer:"), continuations=(" yes",))])


def test_construction_loads_and_downloads_nothing():
    code = (
        "import sys; from langchain_consensus import TransformersEngine; TransformersEngine('no/such-model');"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_id": ""}, "`model_id` is ''"),
        ({"model_id": "m", "token_budget": 3}, "`token_budget` is 3; it must be a whole number of at least 16"),
        ({"model_id": "m", "row_budget": 0}, "`row_budget` is 0"),
        ({"model_id": "m", "attention": "flash"}, "`attention` is 'flash'; it must be 'auto', 'sdpa' or 'flex'"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        TransformersEngine(**arguments)


def test_a_folder_that_does_not_exist_is_a_clear_error():
    with pytest.raises(ModelLoadError, match="there is no such folder"):
        TransformersEngine("/no/such/folder").token_ids("x")


def test_an_unknown_dtype_is_a_clear_error(tmp_path):
    tiny_model("llama").save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelLoadError, match="`dtype` is 'float7'"):
        TransformersEngine(str(tmp_path), dtype="float7", cache_dir=tmp_path).token_ids("x")
    assert (
        TransformersEngine(str(tmp_path), cache_dir=tmp_path).token_ids("yes") == tiny_tokenizer()("yes")["input_ids"]
    )
