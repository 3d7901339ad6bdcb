"""Half precision, models spread over devices, quantised models: what is promised of each, without a GPU."""

import copy
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from langchain_consensus.engine import SamplingSettings, ScoreRequest, TransformersEngine
from langchain_consensus.engine.loading import LoadOptions, load_model
from langchain_consensus.engine.local_model import LocalModel
from langchain_consensus.engine.memory import Budgets
from langchain_consensus.engine.network import Network
from langchain_consensus.errors import EngineMemoryError, MissingDependencyError, ModelLoadError
from langchain_consensus.prompts import ChatPrompt, Message
from tests.unit_tests.engine.tiny_models import CONFIGS, tiny_model, tiny_tokenizer

PROMPTS = [ChatPrompt(messages=(Message(role="user", content=text),)) for text in ("what is it?", "is it not?", "x")]
REQUESTS = [ScoreRequest(prompt=prompt, continuations=("yes", "No, it is not.")) for prompt in PROMPTS]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    tiny_model("llama").save_pretrained(path)
    tiny_tokenizer().save_pretrained(path)
    return path


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_scores_are_taken_in_float32_whatever_the_model_computes_in(dtype):
    network = Network(copy.deepcopy(tiny_model("llama")).to(dtype))
    hidden = torch.randn(6, 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    targets = np.array([3, 50, 7, 90, 300, 11])
    with torch.inference_mode():
        logits = network.model.lm_head(hidden)
        assert network.logits(hidden).dtype == torch.float32
        found = network.head.logprobs(hidden, np.arange(6), targets, row_budget=4)
    picked = torch.from_numpy(targets)[:, None]
    exact = logits.double().log_softmax(-1).gather(1, picked)[:, 0].numpy()
    half = logits.log_softmax(-1).gather(1, picked)[:, 0].double().numpy()
    assert np.abs(found - exact).max() < 2e-6
    assert np.abs(half - exact).max() > 1e-3  # what summing in half precision would have given


@pytest.mark.parametrize("name", ["llama", "gemma3_window_shorter_than_input"])
def test_a_bfloat16_model_runs_packed_and_scores_near_float32(name):
    model = copy.deepcopy(tiny_model(name)).to(torch.bfloat16)
    local = LocalModel(model, tiny_tokenizer(), budgets=Budgets())
    assert local.network is not None
    assert local.network.dtype == torch.bfloat16
    exact = LocalModel(tiny_model(name), tiny_tokenizer(), budgets=Budgets()).score(REQUESTS).scores
    for ours, reference in zip(local.score(REQUESTS).scores, exact, strict=True):
        assert np.allclose(ours.logprobs, reference.logprobs, rtol=0.05)
    samples = local.sample(PROMPTS[:1], SamplingSettings(n=2, max_new_tokens=4)).samples
    assert len(samples[0]) == 2


def test_a_model_with_layers_on_another_device_scores_the_same(folder, tmp_path):
    """Layers on disk: accelerate keeps them on `meta` and moves weights in for each call, much as between GPUs."""
    import transformers

    places = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk", "model.layers.2": "disk"}
    places |= {"model.norm": "disk", "model.rotary_emb": "cpu", "lm_head": "disk"}
    spread = transformers.AutoModelForCausalLM.from_pretrained(
        folder, device_map=places, offload_folder=tmp_path / "offloaded"
    ).eval()
    assert {parameter.device.type for parameter in spread.parameters()} == {"cpu", "meta"}
    local = LocalModel(spread, tiny_tokenizer(), budgets=Budgets())
    assert local.network is not None
    whole = LocalModel(tiny_model("llama"), tiny_tokenizer(), budgets=Budgets())
    for ours, reference in zip(local.score(REQUESTS).scores, whole.score(REQUESTS).scores, strict=True):
        assert np.allclose(ours.logprobs, reference.logprobs, atol=1e-4)
    settings = SamplingSettings(n=3, max_new_tokens=5, seed=1)
    ours, reference = local.sample(PROMPTS, settings).samples, whole.sample(PROMPTS, settings).samples
    assert [[one.text for one in group] for group in ours] == [[one.text for one in group] for group in reference]


def test_embeddings_that_are_moved_in_for_each_call_do_not_put_inputs_on_meta():
    model = copy.deepcopy(tiny_model("llama"))
    model.model.embed_tokens = torch.nn.Embedding(320, 32, device="meta")
    assert Network(model).device == torch.device("cpu")


@pytest.mark.parametrize("method", ["awq", "compressed-tensors"])
def test_a_quantised_model_without_its_library_is_one_clear_error(folder, method):
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method, "bits": 4, "group_size": 32}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(MissingDependencyError, match=rf"is quantised by {method}.*pip install"):
        TransformersEngine(str(folder)).token_ids("x")


def test_the_dtype_of_a_quantised_model_is_its_own_affair(folder, monkeypatch):
    import transformers

    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    asked = {}

    def loaded(source, **options):
        asked.update(options)
        return copy.deepcopy(tiny_model("llama")), {"missing_keys": []}

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", loaded)
    TransformersEngine(str(folder), cache_dir=folder).token_ids("x")
    assert asked["dtype"] == "auto"
    TransformersEngine(str(folder), cache_dir=folder, dtype="float16").token_ids("x")
    assert asked["dtype"] == torch.float16


def test_a_folder_that_lacks_weights_is_refused_and_not_filled_with_random_numbers(folder):
    file = folder / "model.safetensors"
    weights = {name: tensor for name, tensor in load_file(file).items() if "layers.1.mlp" not in name}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"lacks 3 of the model's weights, model\.layers\.1\.mlp"):
        TransformersEngine(str(folder), cache_dir=folder).token_ids("x")


@pytest.mark.parametrize("name", CONFIGS)
def test_a_folder_that_transformers_has_written_lacks_nothing(name, tmp_path):
    tiny_model(name).save_pretrained(tmp_path)
    loaded = load_model(str(tmp_path), LoadOptions())
    ids = torch.tensor([[3, 4, 5]])
    with torch.inference_mode():
        assert torch.allclose(loaded(ids).logits, tiny_model(name)(ids).logits, atol=1e-5)


def test_prompts_that_do_not_fit_together_are_sampled_apart_with_the_same_draws(monkeypatch):
    settings = SamplingSettings(n=3, max_new_tokens=5, seed=1)
    model = LocalModel(tiny_model("llama"), tiny_tokenizer(), budgets=Budgets())
    expected = model.sample(PROMPTS, settings).samples
    real, sizes = LocalModel._draw, []

    def hungry(self, ids, settings, budgets, *, sharing):
        if len(ids) > 1:
            raise torch.OutOfMemoryError
        sizes.append(len(ids))
        return real(self, ids, settings, budgets, sharing=sharing)

    monkeypatch.setattr(LocalModel, "_draw", hungry)
    apart = model.sample(PROMPTS, settings).samples
    assert [[one.text for one in group] for group in apart] == [[one.text for one in group] for group in expected]
    assert sizes == [1, 1, 1]


def test_memory_that_runs_out_gives_up_what_is_kept_for_speed_first(monkeypatch):
    model = LocalModel(tiny_model("llama"), tiny_tokenizer(), budgets=Budgets())
    long = ChatPrompt(messages=(Message(role="user", content="what is the answer? " * 20),))
    model.score([ScoreRequest(prompt=long, continuations=("yes", "no"))])
    assert model.prefixes.status.bytes > 0
    real = LocalModel._score

    def hungry(self, strings, budgets, *, sharing):
        if self.prefixes.status.bytes:
            raise MemoryError
        return real(self, strings, budgets, sharing=sharing)

    monkeypatch.setattr(LocalModel, "_score", hungry)
    assert len(model.score(REQUESTS).scores) == 3


def test_the_last_resort_says_what_to_lower(monkeypatch):
    def full(self, ids, settings, budgets, *, sharing):
        msg = "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: not enough memory"
        raise RuntimeError(msg)

    monkeypatch.setattr(LocalModel, "_draw", full)
    model = LocalModel(tiny_model("llama"), tiny_tokenizer(), budgets=Budgets())
    with pytest.raises(EngineMemoryError, match=r"16 tokens a forward.*lower `n` or `max_new_tokens`.*`dtype`"):
        model.sample(PROMPTS, SamplingSettings(n=2))
