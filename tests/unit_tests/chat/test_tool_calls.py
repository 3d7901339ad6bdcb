"""Answers read as tool calls."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_consensus.chat.call_formats import CallFormat
from langchain_consensus.chat.tool_calls import Call, Reply, reader, reply_key
from langchain_consensus.engine import FakeEngine

ADD = json.dumps(
    {
        "type": "function",
        "function": {
            "name": "add",
            "parameters": {"properties": {"a": {}, "b": {}, "n": {"type": "integer"}}, "required": ["a"]},
        },
    }
)
NOW = json.dumps({"type": "function", "function": {"name": "now"}})
FORMAT = CallFormat.of(FakeEngine())
READ = reader((ADD, NOW), FORMAT)


def marked(written):
    return f"<tool_call>\n{written}\n</tool_call>"


def call(name="add", **arguments):
    return json.dumps({"name": name, "arguments": arguments})


def test_a_marked_object_is_a_call():
    reply = READ(marked(call(a=1)))
    assert [(one.name, one.arguments) for one in reply.calls] == [("add", {"a": 1})]
    assert (reply.text, reply.broken) == ("", ())


def test_several_calls_and_the_text_around_them_are_kept_apart():
    reply = READ(f"Let me see. {marked(call(a=1))}\n{marked(call('now'))} Done.")
    assert [one.name for one in reply.calls] == ["add", "now"]
    assert reply.text == "Let me see. \n Done."


def test_a_call_whose_end_marker_was_not_written_is_a_call():
    assert READ("<tool_call>" + call(a=1)).calls[0].arguments == {"a": 1}


def test_a_call_without_arguments_has_none():
    assert READ(marked('{"name": "now"}')).calls[0].arguments == {}


@pytest.mark.parametrize("around", ["{}", " {} ", "```json\n{}\n```", "```\n{}\n```"])
def test_an_answer_that_is_nothing_but_a_tools_object_is_a_call(around):
    assert READ(around.replace("{}", call(a=1))).calls[0].arguments == {"a": 1}


@pytest.mark.parametrize("around", ["%s", "```json\n%s\n```", "<tool_call>\n%s\n</tool_call>"])
def test_a_call_in_doubled_braces_is_read_as_some_templates_show_it(around):
    for closing in ("}", "}}"):  # they lose count of the inner ones
        [read] = READ(around % f"{{{call(a=1)}{closing}").calls
        assert (read.name, read.arguments) == ("add", {"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "I would call add.",
        call("subtract", a=1),
        call(b=1),
        '{"name": "add"}',
        '{"a": 1}',
        f"It is {call(a=1)}",
        '{"arguments" is a word',
    ],
)
def test_any_other_answer_is_text(text):
    assert READ(text) == Reply(text=text)


def test_without_tools_everything_is_text():
    text = marked(call(a=1))
    assert reader((), FORMAT)(text) == Reply(text=text)


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("{", "The call is no JSON"),
        (call(a=1) + "}", "The call is no JSON: something else than </tool_call> stands behind it"),
        ('{"name": "add", "arguments": {"a": NaN}}', "The call is no JSON: NaN is no JSON number"),
        ("[]", "The call is no object with a `name`"),
        ('{"name": 3}', "The call is no object with a `name`"),
        (call("subtract"), r"There is no tool 'subtract'; the tools are ['add', 'now']"),
        ('{"name": "add", "arguments": 3}', "The call's arguments are no object"),
        (call(b=1), "The call lacks the arguments ['a']"),
        (call(a=1, n={"type": "integer"}), "The argument 'n' is {'type': 'integer'}; it must be of type 'integer'"),
        (call(a=1, n=True), "The argument 'n' is True; it must be of type 'integer'"),
    ],
)
def test_a_marked_call_that_cannot_be_run_says_why(written, error):
    reply = READ(marked(written))
    assert reply.calls == ()
    assert reply.broken[0].text == written
    assert error in reply.broken[0].error


def test_calls_with_the_same_name_and_arguments_are_one_candidate():
    key = reply_key(READ, None)
    one = marked('{"name": "add", "arguments": {"a": 1, "b": "é"}}')
    other = "Sure: " + marked('{"arguments": {"b": "\\u00e9", "a": 1}, "name":"add"}')
    assert key(one) == key(other)
    assert len({key(marked(call(a=1))), key(marked(call(a="1"))), key(marked(call(a=2))), key("4")}) == 4


def test_texts_are_compared_as_the_caller_says():
    assert reply_key(READ, None)("Four.") == reply_key(READ, None)("four")
    assert reply_key(READ, len)("abc") == 3


def test_calls_and_text_with_the_same_words_are_different_candidates():
    written = marked(call(a=1))
    assert reply_key(READ, None)(written) != reply_key(READ, lambda text: text)(reply_key(READ, None)(written) + " ")


@given(st.text())
def test_no_text_whatsoever_fails(text):
    for one in (text, marked(text), "<tool_call>" + text, "```" + text + "```"):
        reply = READ(one)
        assert all(isinstance(part, Call) for part in (*reply.calls, *reply.broken))
        reply_key(READ, None)(one)
