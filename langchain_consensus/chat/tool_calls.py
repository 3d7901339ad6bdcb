"""An answer's text -> the reply that it is: text, tool calls, or calls that nothing could run.

Calls are read as the model's chat template writes them (`call_formats`). An answer that is nothing but a call without
its markers, bare or in a code fence, counts as one too where a tool can take it: small models often leave markers out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.candidates import normalised_text
from langchain_consensus.files import json_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_consensus.candidates import AnswerKey
    from langchain_consensus.chat.call_formats import CallFormat, WrittenCall

__all__ = ["Call", "Reply", "json_key", "reader", "reply_key"]

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


def reader(tools: Sequence[str], call_format: CallFormat | None) -> Callable[[str], Reply]:
    """A function that reads answers of a model.

    Args:
        tools: What the model may call: JSON texts, as in `ChatPrompt`; maybe none.
        call_format: How it writes a call; not needed without tools.
    """
    schemas = {tool["name"]: tool for tool in (json.loads(tool)["function"] for tool in tools)}

    def read(text: str) -> Reply:
        if not schemas or call_format is None:
            return Reply(text=text)
        said, written = call_format.read(text)
        if not written:
            bare = call_format.read_bare(text)
            call = _checked(bare, schemas) if bare else None
            return Reply(text=text) if call is None or call.error else Reply(text="", calls=(call,))
        calls = [_checked(one, schemas) for one in written]
        return Reply(
            text=said,
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


def json_key(text: str) -> str:
    """When two answers in JSON are one candidate: where their values are equal, however they are written."""
    try:
        return json.dumps(json_of(text), sort_keys=True)
    except (ValueError, RecursionError):
        return normalised_text(text)


def _checked(written: WrittenCall, schemas: Mapping[str, Mapping[str, Any]]) -> Call:
    """The call, with what keeps a tool from taking it, if anything."""
    name, arguments, error = written.name, written.arguments, written.error
    if not error and name not in schemas:
        error = f"There is no tool {name!r}; the tools are {sorted(schemas)}."
    if not error and not isinstance(arguments, dict):
        error = "The call's arguments are no object."
    error = error or _misfit(arguments, schemas[name])
    return Call(name=name, arguments=None if error else arguments, text=written.text, error=error)


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
