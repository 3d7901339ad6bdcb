"""A tool call -> whether it may run. Whatever keeps the judge from answering keeps the tool from running."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_consensus.evidence import EVIDENCE
from langchain_consensus.middleware.conversation import answer_question
from langchain_consensus.middleware.verify import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain.agents.middleware.types import ToolCallRequest
    from langchain_core.tools import BaseTool
    from langgraph.types import Command

    from langchain_consensus.prompts import Question
    from langchain_consensus.verification import Verification

__all__ = ["call_question", "passed", "refusal_of", "unknown_tools"]


def call_question(request: ToolCallRequest, question: str) -> Question:
    """What a call is judged by: the user's question, what tools have returned so far, and what this one says it does.

    Args:
        request: The call.
        question: The user's question, for a conversation from which a summary has taken it.
    """
    messages = request.state["messages"]
    ids = {call["id"] for one in messages if isinstance(one, AIMessage) for call in one.tool_calls}
    pending = ids - {one.tool_call_id for one in messages if isinstance(one, ToolMessage)}
    open_turn = [
        one.id for one in messages if isinstance(one, AIMessage) and pending & {call["id"] for call in one.tool_calls}
    ]
    asked = answer_question(messages, question, without=[one for one in open_turn if one])
    return replace(asked, context="\n".join(filter(None, [_description(request), asked.context])) or None)


def unknown_tools(verify_tools: Mapping[str, float], tools: Sequence[BaseTool | dict[str, Any]]) -> set[str]:
    """The names in `verify_tools` that are none of the tools'."""
    names = (
        tool.get("name") or tool.get("function", {}).get("name") if isinstance(tool, dict) else tool.name
        for tool in tools
    )
    return set(verify_tools).difference(names)


def _description(request: ToolCallRequest) -> str:
    if request.tool is None:
        return ""
    function = convert_to_openai_tool(request.tool)["function"]
    arguments = json.dumps(function.get("parameters", {}).get("properties", {}), ensure_ascii=False)
    return f"{function['name']}: {function.get('description', '')} Arguments: {arguments}"


def refusal_of(request: ToolCallRequest, found: Verification, least: float) -> ToolMessage | None:
    """The message that stands for the tool's result, or `None` if the tool may run."""
    reason = reason_of(found, least)
    if not reason:
        return None
    return ToolMessage(
        content=f"The call of {request.tool_call['name']!r} was not run: {reason}.",
        name=request.tool_call["name"],
        tool_call_id=request.tool_call["id"] or "",
        status="error",
        response_metadata=_evidence(found, accepted=False),
    )


def passed(result: ToolMessage | Command[Any], found: Verification) -> ToolMessage | Command[Any]:
    """The tool's result with what the judge said of the call."""
    if not isinstance(result, ToolMessage):
        return result
    return result.model_copy(update={"response_metadata": result.response_metadata | _evidence(found, accepted=True)})


def _evidence(found: Verification, *, accepted: bool) -> dict[str, Any]:
    return {EVIDENCE: found.carried_by(found.result.text, accepted=accepted).model_dump(mode="json")}
