"""What LangChain is told of a chat model's abilities, without loading it; what is not known is left out."""

import json

import pytest
from langchain_core.language_models import ModelProfile

from langchain_consensus import ChatEquilibriumRanking
from langchain_consensus.engine import FakeEngine, ModelFacts, TransformersEngine
from tests.unit_tests.engine.chat_families import TEMPLATES, family_model, family_tokenizer
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer


def profile(engine, **settings):
    return ChatEquilibriumRanking.from_engine(engine, **settings).profile


def folder(path, *, config=None, tokenizer=None, template=None):
    for name, content in (("config.json", config), ("tokenizer_config.json", tokenizer)):
        if content is not None:
            (path / name).write_text(json.dumps(content), encoding="utf-8")
    if template is not None:
        (path / "chat_template.jinja").write_text(template, encoding="utf-8")
    return str(path)


def test_an_embedded_model_is_known_before_it_is_loaded():
    engine = TransformersEngine("qwen2.5-coder-0.5b-instruct")
    known = profile(engine, max_new_tokens=100)
    assert known["max_input_tokens"] == 32_768 - 100
    assert known["max_output_tokens"] == 100
    assert known["tool_calling"] is known["tool_choice"] is known["structured_output"] is True
    assert engine._held.loaded is None
    assert not any(known[f"{kind}_inputs"] for kind in ("image", "audio", "video", "pdf"))


def test_a_base_model_calls_no_tools():
    assert profile(TransformersEngine("gemma-3-270m"))["tool_calling"] is False


def test_nothing_is_claimed_of_a_hub_id_before_it_is_loaded():
    known = profile(TransformersEngine("Qwen/Qwen2.5-1.5B-Instruct"))
    assert not {"max_input_tokens", "tool_calling", "tool_choice"} & set(known)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"config": {"max_position_embeddings": 512}, "template": "{% if tools %}"}, (512, True)),
        ({"config": {"text_config": {"max_position_embeddings": 64}}, "template": "{{ x }}"}, (64, False)),
        ({"config": {"max_position_embeddings": 8}, "tokenizer": {"chat_template": "{{ tools }}"}}, (8, True)),
        ({"config": {}, "tokenizer": {}}, (None, None)),
        ({"config": []}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_a_folder_is_known_by_its_small_files(tmp_path, files, expected):
    context, shows_tools = expected
    assert TransformersEngine(folder(tmp_path, **files)).facts == ModelFacts(
        context=context, shows_tools=shows_tools, follows_grammars=True
    )


def test_a_model_of_the_caller_s_and_a_loaded_one_are_known_from_themselves():
    for tokenizer, shows in ((family_tokenizer(TEMPLATES["hermes"]), True), (tiny_tokenizer(), False)):
        engine = TransformersEngine.from_model(family_model(), tokenizer)
        assert engine.facts == ModelFacts(context=512, shows_tools=shows, follows_grammars=True)
        engine.token_ids("loads it")
        assert engine.facts == ModelFacts(context=512, shows_tools=shows, follows_grammars=True)


def test_an_answer_as_long_as_the_window_leaves_no_room_to_claim():
    engine = TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer())
    assert "max_input_tokens" not in profile(engine, max_new_tokens=512)
    assert profile(engine, max_new_tokens=511)["max_input_tokens"] == 1


def test_without_llguidance_nothing_can_be_forced(monkeypatch):
    monkeypatch.setattr("langchain_consensus.chat.profiles.find_spec", lambda name: None)
    known = profile(FakeEngine())
    assert (known["tool_calling"], known["tool_choice"], known["structured_output"]) == (True, False, False)


def test_an_engine_without_facts_is_asked_nothing():
    class Plain:
        name, is_chat = "plain", True
        sample = score = token_ids = lambda self, *_: None

    assert not {"tool_calling", "tool_choice", "structured_output"} & set(profile(Plain()))


def test_the_caller_s_own_profile_stands():
    own: ModelProfile = {"max_input_tokens": 7}
    assert profile(FakeEngine(), profile=own) == own
    assert set(profile(FakeEngine())) <= set(ModelProfile.__annotations__)
