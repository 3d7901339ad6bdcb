"""Samples of a server are held to their form, in whatever way its library writes JSON."""

import json

import pytest

from langchain_consensus.engine import JsonForm
from langchain_consensus.engine.base import Sample
from langchain_consensus.engine.openai_forms import ServedForms
from langchain_consensus.engine.openai_probe import ProbeReport
from langchain_consensus.errors import InvalidInputError, ServerCapabilityError
from tests.unit_tests.engine.tiny_models import tiny_tokenizer

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"enum": [1, 2]}}, "required": ["name"]}
PLAIN = JsonForm(schema=json.dumps({**SCHEMA, "additionalProperties": False}))
CALL = JsonForm(schema=PLAIN.schema, before='[TOOL_CALLS] [{"name": "f", "arguments": ', after="}]")
REPORT = ProbeReport(
    url="http://x/v1", model="m", dialect="vllm", max_tokens=None, checks=(), tells_ids=True, follows_grammars=True
)


def check(text, *forms, finish="end"):
    sample = Sample(text=text, tokens=1, logprob=0.0, end_logprob=None, finish=finish, canonical=False)
    ServedForms.of(forms or (PLAIN,), REPORT, tiny_tokenizer()).check([sample])


@pytest.mark.parametrize(
    "value",
    [
        '{"name": "a"}',
        '{"name":"a","size":1}',
        '{ "name" : "a",\n "size" : 2 }',
        '{"name": "caf\\u00e9"}',
        '{"name": "\\u2019 \\/ \\ud83d\\ude00"}',
        '{"name": "\x7f"}',
        '{"n\\u0061me": "a"}',
    ],
)
def test_json_of_the_schema_is_taken_however_it_is_written(value):
    check(value)
    check(f'[TOOL_CALLS] [{{"name": "f", "arguments": {value}}}]', CALL)


def test_a_decoder_may_leave_out_the_space_behind_a_special_token():
    check('[TOOL_CALLS][{"name": "f", "arguments": {"name": "a"}}]', CALL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Rome",
        '{"name": "a"} and more',
        '{"name": 1}',
        '{"name": "a", "size": 3}',
        '{"name": "a", "other": 1}',
        "NaN",
    ],
)
def test_what_breaks_the_schema_is_an_error(text):
    with pytest.raises(ServerCapabilityError, match="was told what its samples must look like and drew"):
        check(text)


def test_half_a_character_is_no_json_and_no_crash():
    with pytest.raises(ServerCapabilityError):
        check('{"name": "\\ud83d"}')


def test_one_form_of_several_is_enough():
    check('{"name": "a"}', CALL, PLAIN)
    with pytest.raises(ServerCapabilityError):
        check('{"name": "a"}', CALL)


def test_a_sample_that_was_cut_is_not_looked_at():
    check('{"name": "\ufffd', finish="length")


def test_without_forms_nothing_is_told_and_nothing_checked():
    forms = ServedForms.of((), REPORT, None)
    assert forms.lark == ""
    forms.check([Sample(text="x", tokens=1, logprob=0.0, end_logprob=None, finish="end", canonical=False)])


def test_a_schema_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="cannot be decoded under"):
        check("{}", JsonForm(schema='{"type": "no such type"}'))


def test_an_object_of_which_nothing_is_said_is_told_to_be_open():
    form = JsonForm(
        schema='{"type": "object", "properties": {"a": {"type": "object"}, "b": {"const": {"type": "object"}}}}'
    )
    told = json.loads(ServedForms.of((form,), REPORT, tiny_tokenizer()).lark.partition("%json ")[2])
    assert told["properties"] == {
        "a": {"type": "object", "additionalProperties": True},
        "b": {"const": {"type": "object"}},
    }
    assert "additionalProperties" not in told
    bare = ServedForms.of((JsonForm(schema='{"type": "object"}'),), REPORT, tiny_tokenizer())
    assert '"additionalProperties": true' in bare.lark
