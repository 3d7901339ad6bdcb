"""How calls are written is taken from the model's own template, and read back the same; unknown forms are refused."""

import json
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langchain_consensus.chat.answer_forms import call_forms
from langchain_consensus.chat.call_formats import CallFormat
from langchain_consensus.engine import FakeEngine, SamplingSettings, ScoreRequest, TransformersEngine, tokenization
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt, Message, ToolCall
from tests.unit_tests.engine.chat_families import TEMPLATES, UNKNOWN, family_model, family_tokenizer, tool_schema
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

ENGINES = {
    name: TransformersEngine.from_model(family_model(), family_tokenizer(template), name=name)
    for name, template in TEMPLATES.items()
}
FORMATS = {name: CallFormat.of(engine) for name, engine in ENGINES.items()}
FAMILIES = pytest.mark.parametrize("family", TEMPLATES)
TOOLS = (tool_schema("add", a={"type": "integer", "minimum": 0, "maximum": 9}), tool_schema("now"))
ASK = Message(role="user", content="What is it?")


def written(family, name, **arguments):
    return ENGINES[family].written_call(name, json.dumps(arguments, ensure_ascii=False))


# --- what is written ---


def test_a_call_is_written_once_and_not_all_calls_of_strangers_are_remembered(monkeypatch):
    engine = TransformersEngine.from_model(family_model(), family_tokenizer(TEMPLATES["hermes"]))
    engine._model()
    asked = []
    plain = tokenization.written_call
    monkeypatch.setattr(tokenization, "written_call", lambda *call, **ends: asked.append(call) or plain(*call, **ends))
    for _ in range(3):
        assert '{"a": 1}' in engine.written_call("add", '{"a": 1}')
    assert len(asked) == 1
    for number in range(600):
        assert f'"a": {number}' in engine.written_call("add", json.dumps({"a": number}))
    assert len(engine._written) <= 256


def test_the_forms_are_those_of_the_families():
    assert written("hermes", "add", a=2) == '<tool_call>\n{"name": "add", "arguments": {"a": 2}}\n</tool_call>'
    assert written("thinking", "now").startswith("<think>\n\n</think>\n\n<tool_call>")
    assert written("llama", "add", a=2) == '{"name": "add", "parameters": {"a": 2}}'
    assert written("mistral", "now") == '[TOOL_CALLS] [{"name": "now", "arguments": {}, "id": "000000000"}]'
    assert written("mistral_parted", "add", a=2) == '[TOOL_CALLS]add[ARGS]{"a": 2}'
    assert CallFormat.of(FakeEngine()) == FORMATS["hermes"]


@FAMILIES
def test_a_format_writes_what_the_template_writes(family):
    form = FORMATS[family].form("add", '{"type": "object"}')
    assert form.before + '{"a": 2}' + form.after == written(family, "add", a=2)


@pytest.mark.parametrize("family", UNKNOWN)
def test_a_form_that_is_not_known_is_refused_and_shown(family):
    engine = TransformersEngine.from_model(family_model(), family_tokenizer(UNKNOWN[family]))
    with pytest.raises(InvalidInputError, match="a form that is not known here; use a model of the Qwen"):
        CallFormat.of(engine)


def test_a_template_without_tools_and_an_engine_without_a_template_say_so():
    for chat, reason in ((True, "does not show them"), (False, "has no chat template")):
        engine = TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer(chat=chat))
        with pytest.raises(InvalidInputError, match=reason):
            CallFormat.of(engine)
    with pytest.raises(InvalidInputError, match="has no `written_call`"):
        CallFormat.of(object())


def test_a_template_that_refuses_calls_or_writes_them_elsewhere_says_so():
    refusing = TEMPLATES["mistral"].replace("!= 9", "!= 12")
    elsewhere = TEMPLATES["hermes"].replace("<|turn|>assistant\n{% endif %}", "<|turn|>bot\n{% endif %}")
    for template, reason in ((refusing, "refuses tool calls: ids have nine"), (elsewhere, "elsewhere than where an")):
        engine = TransformersEngine.from_model(family_model(), family_tokenizer(template))
        with pytest.raises(InvalidInputError, match=reason):
            CallFormat.of(engine)


# --- what is read ---


@FAMILIES
@given(arguments=st.dictionaries(st.text(max_size=3), st.one_of(st.integers(), st.text(), st.none()), max_size=3))
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_back(family, arguments):
    form = FORMATS[family].form("add", "{}")
    said, (call,) = FORMATS[family].read(form.before + json.dumps(arguments) + form.after)
    assert (call.name, call.arguments, call.error) == ("add", arguments, "")
    assert said == ("<think>\n\n</think>" if family == "thinking" else "")


@FAMILIES
def test_a_marker_inside_an_argument_is_no_call(family):
    text = written(family, "add", a=FORMATS[family].marker + FORMATS[family].end_marker)
    assert [call.error for call in FORMATS[family].read(text)[1]] == [""]


@pytest.mark.parametrize("family", ["hermes", "mistral", "mistral_parted"])
def test_text_beside_marked_calls_is_kept_and_several_are_read(family):
    text = "Wait. " + written(family, "add", a=1) + written(family, "now")
    said, calls = FORMATS[family].read(text)
    assert (said, [call.name for call in calls]) == ("Wait.", ["add", "now"])


def test_several_objects_behind_one_marker_or_in_a_row_are_as_many_calls():
    two = [{"name": "add", "arguments": {"a": 1}}, {"name": "now", "arguments": {}}]
    assert [c.name for c in FORMATS["mistral"].read("[TOOL_CALLS]" + json.dumps(two))[1]] == ["add", "now"]
    row = '{"name": "add", "parameters": {"a": 1}}; {"name": "now", "parameters": {}}'
    assert [c.name for c in FORMATS["llama"].read(row)[1]] == ["add", "now"]


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("hermes", '<tool_call>\n{"name": "add", "arguments": {"a": 1}'),
        ("llama", '{"name": "add", "parameters": {"a": 1}'),
        ("llama", '{"name": "add", "parameters": {}} and more'),
        ("mistral", '[TOOL_CALLS] [{"name": "add", "arguments"'),
        ("mistral_parted", "[TOOL_CALLS]add"),
        ("mistral_parted", '[TOOL_CALLS]add[ARGS]{"a"'),
    ],
)
def test_half_a_call_is_a_broken_one_never_text(family, text):
    _, calls = FORMATS[family].read(text)
    assert "The call is no JSON" in calls[-1].error


def test_where_calls_have_no_marker_other_objects_and_text_are_text():
    for text in ('{"city": "Canberra"}', "4", "It is {}", ""):
        assert FORMATS["llama"].read(text) == (text, [])


# --- what is decoded and scored ---


@FAMILIES
def test_a_forced_call_is_sampled_as_the_template_writes_it(family):
    forms = call_forms(TOOLS, ["add", "now"], FORMATS[family])
    prompt = ChatPrompt(messages=(ASK,), tools=TOOLS)
    asked = SamplingSettings(n=8, max_new_tokens=120, grammar=forms, temperature=2.0)
    samples = ENGINES[family].sample([prompt], asked).samples[0]
    assert {sample.finish for sample in samples} == {"end"}
    for sample in samples:
        _, (call,) = FORMATS[family].read(sample.text)
        schema = json.loads(TOOLS[["add", "now"].index(call.name)])["function"]["parameters"]
        jsonschema.validate(call.arguments, schema)
        assert sample.text == written(family, call.name, **call.arguments)
        if sample.canonical:
            score = ENGINES[family].score([ScoreRequest(prompt=prompt, continuations=(sample.text,))]).scores[0]
            assert sample.logprob == pytest.approx(float(score.logprobs[0]), abs=1e-3)
    assert any(sample.canonical for sample in samples)


@FAMILIES
def test_markers_of_calls_are_one_token_each_in_what_is_scored(family):
    tokens = ENGINES[family]._model().tokens
    text = written(family, "add", a=1)
    (string,) = tokens.strings(ScoreRequest(prompt=ChatPrompt(messages=(ASK,), tools=TOOLS), continuations=(text,)))
    added = tokens.tokenizer.get_added_vocab()
    assert [added[name] for name in added if name in text] == [t for t in added.values() if t in string.continuation]
    assert tokens.text(string.continuation) == text


def test_the_template_is_asked_once_and_not_while_the_device_works():
    engine = TransformersEngine.from_model(family_model(), family_tokenizer(TEMPLATES["hermes"]))
    first = CallFormat.of(engine)
    engine._held._lock.acquire()
    try:
        pool = ThreadPoolExecutor(1)
        assert pool.submit(CallFormat.of, engine).result(timeout=5) == first
    finally:
        engine._held._lock.release()


def test_results_of_tools_have_the_numbers_of_their_calls():
    calls = (ToolCall(name="add", arguments='{"a": 1}'), ToolCall(name="now", arguments="{}"))
    turns = (
        ASK,
        Message(role="assistant", content="", tool_calls=calls),
        Message(role="tool", content="12:00", name="now"),
        Message(role="tool", content="2"),
    )
    from langchain_consensus.engine.chat_turns import turns_of

    _, called, first, second = turns_of(ChatPrompt(messages=turns))
    assert [call["id"] for call in called["tool_calls"]] == ["000000000", "000000001"]
    assert (first["tool_call_id"], second["tool_call_id"]) == ("000000001", "000000000")
    assert ENGINES["mistral"]._model().tokens.prompt_ids(ChatPrompt(messages=turns, tools=TOOLS))
