"""A `ChatPrompt` as the plain dictionaries that chat templates read, tool calls and tool results included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_consensus.prompts import ChatPrompt, Message, ToolCall

__all__ = ["changed", "turns_of"]


def turns_of(prompt: ChatPrompt) -> list[dict[str, Any]]:
    """The turns of `prompt`; keys that a turn has no use for are left out, as some templates ask for their presence.

    Calls are numbered, and a result has the number of the first call of its tool that has none yet: templates of the
    Mistral family ask for such numbers, of nine characters.
    """
    turns, made = [], 0
    waiting: list[tuple[str, str]] = []
    for message in prompt.messages:
        turn: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.name is not None:
            turn["name"] = message.name
        if message.tool_calls:
            numbers = [f"{made + n:09d}" for n in range(len(message.tool_calls))]
            made += len(numbers)
            waiting += [(number, call.name) for number, call in zip(numbers, message.tool_calls, strict=True)]
            turn["tool_calls"] = [_call(call, number) for call, number in zip(message.tool_calls, numbers, strict=True)]
        if message.role == "tool" and waiting:
            turn["tool_call_id"] = waiting.pop(_answered(message, waiting))[0]
        turns.append(turn)
    return turns


def _call(call: ToolCall, number: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": json.loads(call.arguments)}
    return {"id": number, "type": "function", "function": function}


def _answered(message: Message, waiting: list[tuple[str, str]]) -> int:
    return next((place for place, (_, name) in enumerate(waiting) if message.name in (None, name)), 0)


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """`value`, as JSON has it, with `change` applied to every text in it at any depth, the keys of objects included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): changed(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [changed(item, change) for item in value]
    return value
