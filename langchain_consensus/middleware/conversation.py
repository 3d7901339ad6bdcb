"""An agent's messages -> what the judge is asked.

The judge sees the question, what was said before it, and what the tools returned after it. It does not see the agent's
system prompt, nor the drafts that were rejected and the feedback on them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_consensus.conversations import question_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from langchain_core.messages import AnyMessage, BaseMessage, ToolCall

    from langchain_consensus.prompts import Question

__all__ = ["FEEDBACK_MARK", "FinalAnswer", "answer_question", "asked", "call_text", "final_answer", "turn_question"]

FEEDBACK_MARK = "consensus_feedback"
"""Key in a message's `additional_kwargs`: it is this package's feedback, not a user's question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalAnswer:
    """The answer that ends an agent's run.

    Attributes:
        message: The message that holds it.
        text: What the judge is shown: its text, or a structured answer as JSON.
        ids: The ids of the messages that would have to go with it.
        structured: Whether it is a structured answer.
    """

    message: AIMessage
    text: str
    ids: tuple[str, ...]
    structured: bool


def final_answer(state: Mapping[str, Any]) -> FinalAnswer | None:
    """The final answer that the conversation ends with, or `None` if it ends with anything else."""
    messages: Sequence[AnyMessage] = state["messages"]
    place = next((i for i in reversed(range(len(messages))) if isinstance(messages[i], AIMessage)), None)
    if place is None:
        return None
    message, after = messages[place], messages[place + 1 :]
    if not isinstance(message, AIMessage) or not all(isinstance(one, ToolMessage) for one in after):
        return None
    structured = state.get("structured_response") is not None
    if message.tool_calls and not (structured and len(after) >= len(message.tool_calls)):
        return None
    if not message.tool_calls and after:
        return None
    text = json.dumps(message.tool_calls[0]["args"], ensure_ascii=False) if message.tool_calls else str(message.text)
    ids = tuple(one.id for one in (message, *after) if one.id)
    return FinalAnswer(message=message, text=text.strip(), ids=ids, structured=structured)


def asked(messages: Sequence[AnyMessage]) -> str:
    """The text of the last question of a user; empty if there is none."""
    return next((str(one.text) for one in reversed(messages) if _is_question(one)), "")


def turn_question(messages: Sequence[AnyMessage], question: str, *, tools: Sequence[str] = ()) -> Question:
    """What the assistant is to reply to, with its tool calls and their results as turns.

    Args:
        messages: The conversation.
        question: The user's question, for a conversation from which a summary has taken it.
        tools: What the assistant may call; see `prompts.ChatPrompt`.

    Raises:
        InvalidInputError: If there is no question, or the conversation holds something that is no text.
    """
    before, since = _parts(messages, question, ())
    return question_of([*before, *since], tools=tuple(tools))


def answer_question(messages: Sequence[AnyMessage], question: str, *, without: Collection[str] = ()) -> Question:
    """What a final answer is judged by: as `turn_question`, with the tools' results as the question's context.

    `without` are the ids of messages that the judge is not to see: the reply itself, and drafts that were rejected.
    """
    before, since = _parts(messages, question, without)
    calls = {call["id"]: call_text(call) for one in since if isinstance(one, AIMessage) for call in one.tool_calls}
    results = [
        f"{calls.get(one.tool_call_id, one.name)} {'failed' if one.status == 'error' else 'returned'}: {one.text}"
        for one in since
        if isinstance(one, ToolMessage)
    ]
    return replace(question_of(before), context="\n".join(results) or None)


def _parts(
    messages: Sequence[AnyMessage], question: str, without: Collection[str]
) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """The conversation up to the question, and the tool calls and results after it."""
    kept: list[BaseMessage] = [
        one for one in messages if one.id not in without and not one.additional_kwargs.get(FEEDBACK_MARK)
    ]
    if question and not any(_is_question(one) for one in kept):
        summaries = [i for i, one in enumerate(kept) if isinstance(one, HumanMessage)]
        kept.insert(summaries[-1] + 1 if summaries else 0, HumanMessage(question))
    last = max((i for i, one in enumerate(kept) if isinstance(one, HumanMessage)), default=-1)
    # What else the assistant said in text after the question is a draft, or thinking aloud.
    since = [one for one in kept[last + 1 :] if not isinstance(one, AIMessage) or one.tool_calls]
    return kept[: last + 1], since


def call_text(call: ToolCall) -> str:
    """A tool call as the judge is shown it: `name(argument=value, ...)`."""
    return f"{call['name']}({_arguments(call['args'])})"


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())


def _is_question(message: BaseMessage) -> bool:
    """Whether a user said it: neither feedback of ours nor a summary of LangChain's."""
    marks = message.additional_kwargs
    return isinstance(message, HumanMessage) and not (marks.get(FEEDBACK_MARK) or marks.get("lc_source"))
