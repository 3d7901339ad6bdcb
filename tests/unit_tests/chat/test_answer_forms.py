"""What a call asks of the form of its answers: OpenAI's forms read, schemas narrowed and never widened."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_consensus.chat.answer_forms import forced_tools, narrowed, response_schema
from langchain_consensus.errors import InvalidInputError

PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}


def test_every_form_of_a_tool_choice_is_read():
    names = ["add", "now"]
    assert forced_tools("any", names) == forced_tools("required", names) == forced_tools(True, names) == ("add", "now")
    by_name = ["add", {"type": "function", "function": {"name": "add"}}, {"type": "tool", "name": "add"}]
    assert {forced_tools(choice, names) for choice in by_name} == {("add",)}
    assert {forced_tools(choice, names) for choice in (None, False, "auto", "none")} == {()}


@pytest.mark.parametrize("response_format", [None, {"type": "text"}])
def test_text_is_no_schema(response_format):
    assert response_schema(response_format) is None


def test_json_mode_is_any_object_and_a_schema_is_itself():
    assert json.loads(response_schema({"type": "json_object"})) == {"type": "object"}
    asked = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    assert json.loads(response_schema(asked)) == PERSON


@pytest.mark.parametrize(
    "response_format", ["json_object", PERSON, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}, 3]
)
def test_any_other_response_format_is_refused_with_the_form_that_is_meant(response_format):
    with pytest.raises(InvalidInputError, match=r"`response_format` is .*'json_schema', 'json_schema': \{'name'"):
        response_schema(response_format)


def test_objects_with_properties_are_closed_at_any_depth():
    schema = {"anyOf": [PERSON, {"type": "array", "items": PERSON}], "$defs": {"P": PERSON}}
    closed = {**PERSON, "additionalProperties": False}
    assert narrowed(schema) == {"anyOf": [closed, {"type": "array", "items": closed}], "$defs": {"P": closed}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {**PERSON, "additionalProperties": {"type": "integer"}},
        {**PERSON, "patternProperties": {"^x": {}}},
        {**PERSON, "$ref": "#/$defs/A"},
        {"allOf": [PERSON, {"type": "object", "properties": {"b": {}}}]},
        {"enum": [PERSON], "default": {"properties": {}}, "format": "email"},
    ],
)
def test_what_is_open_on_purpose_or_is_data_stays(schema):
    assert narrowed(schema) == schema


def test_formats_that_no_grammar_knows_are_left_to_the_reader():
    assert narrowed({"type": "string", "format": "password"}) == {"type": "string"}
    assert narrowed({"properties": {"format": {"type": "string"}}})["properties"] == {"format": {"type": "string"}}


@given(
    st.recursive(
        st.sampled_from([{"type": "integer"}, {"type": "string"}, {}, True, {"const": 1}]),
        lambda inner: st.one_of(
            st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2)}),
            st.fixed_dictionaries({"items": inner}),
            st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
        ),
        max_leaves=6,
    ),
    st.recursive(
        st.one_of(st.integers(0, 2), st.sampled_from(["a", ""])),
        lambda inner: st.one_of(
            st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        ),
        max_leaves=5,
    ),
)
def test_what_fits_the_narrowed_schema_fits_the_schema(schema, value):
    if isinstance(schema, dict) and jsonschema.Draft202012Validator(narrowed(schema)).is_valid(value):
        jsonschema.Draft202012Validator(schema).validate(value)
