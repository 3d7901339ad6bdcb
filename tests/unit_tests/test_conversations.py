"""LangChain's messages as questions."""

import copy
import json
import pickle

import pytest
from langchain_core.messages import AIMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_consensus.conversations import ChatText, ConversationPromptValue, as_question, question_of
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Message, Question, ToolCall

TALK = [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello"), HumanMessage("Why?")]


def test_the_last_human_message_is_the_question_and_what_comes_before_its_history():
    assert question_of(TALK) == Question(
        text="Why?",
        history=(
            Message(role="system", content="Be brief."),
            Message(role="user", content="Hi"),
            Message(role="assistant", content="Hello"),
        ),
    )


def test_blocks_of_text_are_joined():
    blocks = [{"type": "text", "text": "Wh"}, "y", {"type": "text", "text": "?"}]
    assert question_of([HumanMessage(blocks)]) == Question(text="Why?")


def test_the_question_is_plain_text():
    assert type(question_of(TALK).text) is str
    assert all(type(message.content) is str for message in question_of(TALK).history)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "The conversation ends with nothing; it must end with the human message"),
        ([HumanMessage("Hi"), AIMessage("Hello")], "ends with a 'ai' message; it must end with the human message"),
        ([SystemMessage("Be brief.")], "ends with a 'system' message"),
        ([ToolMessage("42", tool_call_id="1")], "The conversation holds no human message"),
        ([FunctionMessage("42", name="f"), HumanMessage("Why?")], "holds a 'function' message"),
        ([HumanMessage([{"type": "image_url", "image_url": {"url": "x"}}])], "holds a block of type 'image_url'"),
        ([HumanMessage([{"type": "image", "url": "x"}]), HumanMessage("Why?")], "human message holds a block of type"),
        ([HumanMessage("  ")], "`question` is '  '; it must be a text"),
    ],
)
def test_a_conversation_that_cannot_be_asked_is_refused_with_the_reason(messages, said):
    with pytest.raises(InvalidInputError) as caught:
        question_of(messages)
    assert said in str(caught.value)


CALLED = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 2, "b": "é"}, "id": "1"}])
AFTER = (
    Message(role="assistant", content="", tool_calls=(ToolCall(name="add", arguments='{"a": 2, "b": "é"}'),)),
    Message(role="tool", content="42", name="add"),
)


def test_tool_calls_and_results_after_the_question_are_what_happened_since():
    result = ToolMessage("42", name="add", tool_call_id="1")
    assert question_of([*TALK, CALLED, result], tools=("{}",)) == Question(
        text="Why?", history=question_of(TALK).history, since=AFTER, tools=("{}",)
    )
    assert question_of([HumanMessage("Hi"), CALLED, result, HumanMessage("Why?")]) == Question(
        text="Why?", history=(Message(role="user", content="Hi"), *AFTER)
    )


def test_a_tool_call_that_is_a_block_too_is_not_said_twice():
    blocks = [{"type": "text", "text": "Hmm"}, {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 2}}]
    called = AIMessage(blocks, tool_calls=[{"name": "add", "args": {"a": 2}, "id": "1"}])
    question = question_of([HumanMessage("Why?"), called, ToolMessage("42", tool_call_id="1")])
    assert question.since[0] == Message(
        role="assistant", content="Hmm", tool_calls=(ToolCall(name="add", arguments='{"a": 2}'),)
    )


def test_conversations_that_differ_in_their_tool_calls_have_different_texts():
    other = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 3, "b": "é"}, "id": "1"}])
    same = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 2, "b": "é"}, "id": "2"}])
    assert len({ChatText.of([HumanMessage("Why?"), called]) for called in (CALLED, other, same)}) == 2


def test_the_text_of_a_conversation_is_json_and_still_knows_its_messages():
    text = ConversationPromptValue(messages=TALK).to_string()
    assert json.loads(text)[3] == {"role": "human", "content": "Why?"}
    assert text.messages == tuple(TALK)
    assert as_question(text) == question_of(TALK)


def test_conversations_that_flatten_alike_have_different_texts():
    # "Human: a\nAI: b" in one message, and as two turns and a question.
    one = [HumanMessage("a\nAI: b\nHuman: c")]
    other = [HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    assert ChatText.of(one) != ChatText.of(other)


def test_a_conversation_s_text_survives_copying_and_pickling():
    text = ChatText.of(TALK)
    for again in (copy.copy(text), copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert again == text
        assert again.messages == tuple(TALK)


def test_any_other_prompt_is_the_question_as_it_stands():
    assert as_question("Human: Why?") == Question(text="Human: Why?")
