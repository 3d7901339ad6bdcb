"""An answer's text -> the reply that it is: text, tool calls, or calls that nothing could run.

Calls are read as the Qwen and Hermes families write them: `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`.
An answer that is nothing but such an object, bare or in a code fence, counts as a call too where its name is a tool's:
small models often leave the markers out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.candidates import normalised_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_consensus.candidates import AnswerKey

__all__ = ["Call", "Reply", "reader", "reply_key"]

_MARKED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)
_KINDS: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
"""JSON schema's types as Python reads them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One tool call: the tool's name, its arguments, what was written (`text`), and why it cannot be run, if so."""

    name: str = ""
    arguments: Mapping[str, Any] | None = None
    text: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What an answer says beside its tool calls, the calls, and those that could not be read."""

    text: str
    calls: tuple[Call, ...] = ()
    broken: tuple[Call, ...] = ()


def reader(tools: Sequence[str]) -> Callable[[str], Reply]:
    """A function that reads answers of a model that may call `tools` (JSON texts, as in `ChatPrompt`); maybe none."""
    schemas = {tool["name"]: tool for tool in (json.loads(tool)["function"] for tool in tools)}

    def read(text: str) -> Reply:
        if not schemas:
            return Reply(text=text)
        written = _MARKED.findall(text)
        if not written:
            bare = _bare_call(text, schemas)
            return Reply(text=text) if bare is None else Reply(text="", calls=(bare,))
        calls = [_call(one, schemas) for one in written]
        return Reply(
            text=_MARKED.sub("", text).strip(),
            calls=tuple(call for call in calls if not call.error),
            broken=tuple(call for call in calls if call.error),
        )

    return read


def reply_key(read: Callable[[str], Reply], otherwise: AnswerKey | None) -> AnswerKey:
    """When two answers are one candidate: same calls, by name and arguments; for texts, what `otherwise` says."""

    def key(text: str) -> str:
        reply = read(text)
        if not reply.calls:
            return (otherwise or normalised_text)(text)
        return json.dumps([[call.name, call.arguments] for call in reply.calls], sort_keys=True)

    return key


def _call(written: str, schemas: Mapping[str, Mapping[str, Any]]) -> Call:
    try:
        value = json.loads(written, parse_constant=_no_constant)
    except ValueError as error:
        return Call(text=written, error=f"The call is no JSON: {error}")
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return Call(text=written, error="The call is no object with a `name`.")
    name, arguments = value["name"], value.get("arguments", {})
    if name not in schemas:
        return Call(name=name, text=written, error=f"There is no tool {name!r}; the tools are {sorted(schemas)}.")
    if not isinstance(arguments, dict):
        return Call(name=name, text=written, error="The call's `arguments` are no object.")
    return Call(name=name, arguments=arguments, text=written, error=_misfit(arguments, schemas[name]))


def _misfit(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What keeps a tool from taking the arguments, by the plain types of its schema; empty if nothing does."""
    parameters = schema.get("parameters", {})
    missing = sorted(set(parameters.get("required", ())) - set(arguments))
    if missing:
        return f"The call lacks the arguments {missing}."
    for name, value in arguments.items():
        wanted = parameters.get("properties", {}).get(name, {}).get("type")
        kinds = _KINDS.get(wanted, ()) if isinstance(wanted, str) else ()
        if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and wanted != "boolean")):
            return f"The argument {name!r} is {value!r}; it must be of type {wanted!r}."
    return ""


def _bare_call(text: str, schemas: Mapping[str, Mapping[str, Any]]) -> Call | None:
    fenced = _FENCE.search(text.strip())
    written = fenced.group(1) if fenced else text.strip()
    if not (written.startswith("{") and '"arguments"' in written):
        return None
    call = _call(written, schemas)
    return None if call.error else call


def _no_constant(name: str) -> float:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)
