"""Samples of a server that must have a form: they have it, or there is an error that says why not."""

import json
from typing import Literal

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_consensus import ChatEquilibriumRanking, SamplingSettings, TransformersEngine
from langchain_consensus.engine import JsonForm, ModelFacts
from langchain_consensus.errors import EngineError, InvalidInputError, ServerCapabilityError
from langchain_consensus.prompts import TextPrompt
from tests.servers.brains import HashBrain, TorchBrain
from tests.servers.stub import StubServer
from tests.unit_tests.engine.chat_families import TEMPLATES, family_model, family_tokenizer
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

COLOURS = ("red", "green", "blue")
SCHEMA = {"type": "object", "properties": {"colour": {"enum": COLOURS}}, "required": ["colour"]}
FORM = JsonForm(schema=json.dumps({**SCHEMA, "additionalProperties": False}))
TEXT = TextPrompt(text="Question: which colour is it?\nAnswer:")
FORMED = SamplingSettings(n=4, max_new_tokens=40, grammar=(FORM,))


@pytest.fixture(scope="module")
def stub():
    with StubServer(tiny_tokenizer(), TorchBrain(tiny_model("llama"))) as server:
        yield server


def test_every_sample_has_the_form(stub, connect):
    engine = connect(stub)
    (samples,) = engine.sample([TEXT], FORMED).samples
    assert len(samples) == 4
    assert {sample.finish for sample in samples} == {"end"}
    assert all(json.loads(sample.text)["colour"] in COLOURS for sample in samples)


def test_what_a_masked_draw_says_of_its_log_probability_is_not_believed(stub, connect):
    samples = connect(stub).sample([TEXT], FORMED).samples[0]
    assert not any(sample.canonical for sample in samples)
    assert all(sample.end_logprob is None for sample in samples)


def test_a_value_may_stand_between_fixed_texts(stub, connect):
    form = JsonForm(schema=FORM.schema, before="call ", after=" done")
    (sample,) = connect(stub).sample([TEXT], SamplingSettings(n=1, max_new_tokens=60, grammar=(form,))).samples[0]
    assert sample.text.startswith("call {")
    assert sample.text.endswith("} done")


def test_a_sample_that_is_cut_is_the_beginning_of_one_that_has_the_form(stub, connect):
    settings = SamplingSettings(n=2, max_new_tokens=6, grammar=(FORM,))
    for sample in connect(stub).sample([TEXT], settings).samples[0]:
        assert sample.finish == "length"
        assert sample.text.startswith('{"c')


@pytest.mark.parametrize("protocol", ["sglang", "echo"])
def test_a_server_without_grammars_is_found_out_by_the_probe_and_refused_the_request(tokenizer, connect, protocol):
    with StubServer(tokenizer, protocol=protocol) as stub:
        engine = connect(stub)
        assert not engine.probe()[0].follows_grammars
        with pytest.raises(InvalidInputError, match=r"the probe found that http.* holds no samples to one"):
            engine.sample([TEXT], FORMED)
        assert engine.sample([TEXT], SamplingSettings(n=1, max_new_tokens=2)).samples


def test_a_server_that_ignores_grammars_is_found_out_by_the_probe(tokenizer, connect):
    with StubServer(tokenizer, defect="free") as stub:
        engine = connect(stub)
        (report,) = engine.probe()
        assert (report.refusal, report.follows_grammars) == (None, False)
        before = len(stub.bodies)
        with pytest.raises(InvalidInputError, match=r"update vLLM .* and without a reasoning parser, use `Transf"):
            engine.sample([TEXT], FORMED)
        assert len(stub.bodies) == before


def test_a_sample_that_has_not_the_form_is_an_error_and_no_candidate(tokenizer, connect):
    with StubServer(tokenizer, HashBrain(), defect="lax") as stub:
        engine = connect(stub)
        assert engine.probe()[0].follows_grammars
        with pytest.raises(ServerCapabilityError, match="was told what its samples must look like and drew"):
            engine.sample([TEXT], FORMED)


def test_a_schema_that_is_none_is_refused_before_anything_is_sent(stub, connect):
    engine = connect(stub)
    engine.check()
    before = len(stub.bodies)
    with pytest.raises(InvalidInputError, match="The JSON schema cannot be decoded under"):
        engine.sample([TEXT], SamplingSettings(grammar=(JsonForm(schema='{"type": "no such type"}'),)))
    assert len(stub.bodies) == before


def test_structured_output_of_a_served_model_is_an_object_of_the_class(stub, connect):
    class Colour(BaseModel):
        """A colour."""

        colour: Literal["red", "green", "blue"]

    chat = ChatEquilibriumRanking.from_engine(connect(stub), num_candidates=2, max_tokens=60)
    found = chat.with_structured_output(Colour, method="json_schema").invoke("Which colour is it?")
    assert found.colour in COLOURS
    assert "structured_output" not in chat.profile  # it was made before the server was asked


@pytest.mark.parametrize("family", TEMPLATES)
def test_a_forced_call_is_drawn_in_the_form_of_the_models_own_template(connect, family):
    @tool
    def paint(colour: Literal["red", "green", "blue"]) -> str:
        """Paints it."""
        return colour

    tokenizer = family_tokenizer(TEMPLATES[family])
    with StubServer(tokenizer, TorchBrain(family_model())) as stub:
        chat = ChatEquilibriumRanking.from_engine(connect(stub, tokenizer=tokenizer), num_candidates=2, max_tokens=120)
        reply = chat.bind_tools([paint], tool_choice="paint").invoke("Which colour is it?")
    assert [call["name"] for call in reply.tool_calls] == ["paint"]
    assert reply.tool_calls[0]["args"]["colour"] in COLOURS


def test_calls_that_a_server_cannot_show_are_refused(connect):
    tokenizer = family_tokenizer(TEMPLATES["mistral"])
    with StubServer(tokenizer, TorchBrain(family_model()), protocol="echo") as stub:
        engine = connect(stub, tokenizer=tokenizer)
        with pytest.raises(InvalidInputError, match="marks tool calls with special tokens"):
            engine.written_call("paint", "{}")
    tokenizer = family_tokenizer(TEMPLATES["llama"])
    with StubServer(tokenizer, TorchBrain(family_model()), protocol="echo") as stub:
        assert '"name": "paint"' in connect(stub, tokenizer=tokenizer).written_call("paint", "{}")


@pytest.mark.parametrize("ask", ["check", "probe"])
def test_what_is_known_of_the_model_grows_with_the_probe(stub, connect, ask):
    engine = connect(stub)
    assert engine.facts == ModelFacts(shows_tools=False)
    getattr(engine, ask)()
    assert engine.facts == ModelFacts(shows_tools=False, context=2048, follows_grammars=True)


def test_a_tokenizers_folder_tells_whether_the_model_shows_tools(stub, connect, tmp_path):
    tokenizer = family_tokenizer(TEMPLATES["hermes"])
    tokenizer.save_pretrained(tmp_path)
    assert not (tmp_path / "config.json").exists()
    assert connect(stub, tokenizer=str(tmp_path)).facts.shows_tools
    assert connect(stub, tokenizer="org/name-on-the-hub").facts == ModelFacts()


def test_a_profile_leaves_out_what_is_not_known_before_the_probe(connect):
    tokenizer = family_tokenizer(TEMPLATES["hermes"])
    with StubServer(tokenizer, TorchBrain(family_model())) as stub:
        engine = connect(stub, tokenizer=tokenizer)
        before = ChatEquilibriumRanking.from_engine(engine).profile
        engine.check()
        after = ChatEquilibriumRanking.from_engine(engine).profile
    assert before["tool_calling"]
    assert before.keys() & {"tool_choice", "structured_output", "max_input_tokens"} == set()
    assert after["tool_choice"]
    assert after["structured_output"]
    assert after["max_input_tokens"] < 2048


def test_a_server_that_is_busy_when_it_is_asked_for_a_grammar_is_not_one_without(tokenizer, connect):
    busy = [True]
    with StubServer(tokenizer, fault=lambda number: "429" if busy and asks_for_a_form(stub, number) else None) as stub:
        engine = connect(stub)
        with pytest.raises(EngineError, match="429"):
            engine.check()
        busy.clear()
        engine.check()
        assert engine.facts.follows_grammars


def test_a_server_that_answers_a_grammar_with_what_is_no_json_is_one_without(tokenizer, connect):
    with StubServer(tokenizer, fault=lambda number: "garbage" if asks_for_a_form(stub, number) else None) as stub:
        (report,) = connect(stub).probe()
    assert (report.refusal, report.follows_grammars) == (None, False)


def asks_for_a_form(stub, number):
    return "structured_outputs" in stub.bodies[number]


def test_a_sample_that_an_end_token_of_the_servers_own_has_ended_is_complete(tokenizer, connect):
    other = tokenizer.convert_tokens_to_ids("<|turn|>")
    with StubServer(tokenizer, TorchBrain(tiny_model("llama")), ends=(other,)) as stub:
        engine = connect(stub)
        for sample in engine.sample([TEXT], FORMED).samples[0]:
            assert sample.finish == "end"
            assert json.loads(sample.text)["colour"] in COLOURS


@pytest.mark.parametrize("family", TEMPLATES)
def test_the_call_that_a_template_writes_is_the_same_as_in_this_process(connect, family):
    tokenizer = family_tokenizer(TEMPLATES[family])
    here = TransformersEngine.from_model(family_model(), tokenizer)
    with StubServer(tokenizer, TorchBrain(family_model())) as stub:
        there = connect(stub, tokenizer=tokenizer)
        assert there.facts.shows_tools
        assert there.written_call("f", '{"a": 1}') == here.written_call("f", '{"a": 1}')
