"""The self-check runs once for a model, and again whenever something that it depends on has changed."""

import copy
import json
import threading

import pytest
import torch

from langchain_consensus.engine import TransformersEngine
from langchain_consensus.engine import checked_network as module
from langchain_consensus.engine.check_memory import CheckMemory, CheckResult
from langchain_consensus.engine.checked_network import checked_network
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """Loads a network with a memory; says whether the self-check ran."""
    runs = []

    def counted(network):
        runs.append(network)
        return 1e-6

    monkeypatch.setattr(module, "packing_error", counted)

    def check(model, *, budget=512, attention="auto"):
        before = len(runs)
        memory = CheckMemory(tmp_path / "checks")
        assert checked_network(model, token_budget=budget, attention=attention, memory=memory) is not None
        return len(runs) > before

    return check


def test_the_second_load_does_not_check_again(checked):
    assert checked(tiny_model("llama"))
    assert not checked(tiny_model("llama"))
    assert not checked(copy.deepcopy(tiny_model("llama")))


def test_it_checks_again_when_model_weights_dtype_code_or_budget_differ(checked, monkeypatch):
    model = copy.deepcopy(tiny_model("llama"))
    assert checked(model)
    assert checked(tiny_model("qwen2"))
    with torch.no_grad():
        model.model.layers[2].mlp.up_proj.weight[0, 0] += 1
    assert checked(model)
    assert checked(copy.deepcopy(model).to(torch.bfloat16))
    assert checked(model, budget=256)
    assert checked(model, attention="sdpa")
    model.config.rope_parameters = {**model.config.rope_parameters, "rope_theta": 7.0}
    assert checked(model)
    monkeypatch.setattr(module, "code_digest", lambda: "of other code")
    assert checked(model)


def test_a_check_that_failed_is_not_remembered(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(module, "packing_error", lambda network: 0.5)
    for _ in range(2):
        assert checked_network(tiny_model("llama"), token_budget=512, memory=CheckMemory(tmp_path)) is None
    assert not list(tmp_path.iterdir())
    assert caplog.text.count("differ from single ones by 0.5 nats") == 2


def test_the_remembered_attention_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "packing_error", lambda network: 1e-6)
    memory = CheckMemory(tmp_path)
    first, again = (
        checked_network(tiny_model("llama"), token_budget=512, attention="flex", memory=memory) for _ in range(2)
    )
    assert first.attention.name == again.attention.name == "flex"
    assert checked_network(tiny_model("llama"), token_budget=512, memory=memory).attention.name == "sdpa"


@pytest.mark.parametrize("content", ["", "[]", '{"error": "x"}', "\x00"])
def test_a_damaged_result_counts_as_none(tmp_path, content):
    memory = CheckMemory(tmp_path)
    memory.remember(CheckResult(error=1e-6, attention="sdpa"), "a")
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert memory.recall("a") is None
    memory.remember(CheckResult(error=2e-6, attention="sdpa"), "a")
    assert memory.recall("a") == CheckResult(error=2e-6, attention="sdpa")


def test_many_at_once_leave_one_whole_result_and_nothing_else(tmp_path):
    memory = CheckMemory(tmp_path)
    result = CheckResult(error=1e-6, attention="sdpa")
    threads = [threading.Thread(target=memory.remember, args=(result, "a")) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.recall("a") == result
    assert memory.recall("b") is None
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["of"] == ["a"]


def test_a_folder_that_cannot_be_written_only_means_that_nothing_is_remembered(tmp_path):
    (tmp_path / "file").write_text("")
    memory = CheckMemory(tmp_path / "file" / "checks")
    memory.remember(CheckResult(error=1e-6, attention="sdpa"), "a")
    assert memory.recall("a") is None


def test_an_engine_remembers_for_models_that_it_loads_and_not_for_those_it_is_given(monkeypatch, tmp_path):
    tiny_model("llama").save_pretrained(tmp_path / "model")
    tiny_tokenizer().save_pretrained(tmp_path / "model")
    runs = []
    real = module.packing_error
    monkeypatch.setattr(module, "packing_error", lambda network: runs.append(1) or real(network))
    for _ in range(2):
        TransformersEngine(str(tmp_path / "model"), cache_dir=tmp_path / "cache").token_ids("x")
    assert len(runs) == 1
    assert len(list((tmp_path / "cache" / "self-checks").iterdir())) == 1
    for _ in range(2):
        TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer()).token_ids("x")
    assert len(runs) == 3
