"""What a call of a chat model asks of the form of its answers -> the forms that they are decoded under.

A forced `tool_choice` is one call of one of the tools; a `response_format` is JSON of a schema. Both are as in OpenAI's
API. With tools and a `response_format`, an answer is a call or such JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.json_schemas import with_inner_schemas
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.chat.call_formats import CallFormat
    from langchain_consensus.engine import JsonForm

__all__ = ["call_forms", "forced_tools", "narrowed", "response_schema", "tool_names"]

_OPEN_BY = {"additionalProperties", "unevaluatedProperties", "patternProperties", "anyOf", "oneOf", "allOf", "$ref"}
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"}


def tool_names(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of tools in OpenAI's form.

    Raises:
        InvalidInputError: If one is of another form, such as a tool that a server runs itself.
    """
    for tool in tools:
        if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict) or "name" not in tool["function"]:
            msg = f"`tools` holds {tool!r}; it must be a function: {{'type': 'function', 'function': {{'name': ...}}}}."
            raise InvalidInputError(msg)
    return [tool["function"]["name"] for tool in tools]


def forced_tools(choice: object, names: Sequence[str]) -> tuple[str, ...]:
    """The tools one of which must be called; empty where the model decides, or answers in text.

    Args:
        choice: `tool_choice` in any form that LangChain's models take.
        names: The names of the tools that are bound.

    Raises:
        InvalidInputError: If it is no such form, or names a tool that is not bound.
    """
    if choice is None or choice is False or choice in ("auto", "none"):
        return ()
    wanted = tuple(names) if choice is True or choice in ("any", "required") else (_name(choice),)
    if not names or not set(wanted) <= set(names):
        msg = (
            f"`tool_choice` is {choice!r}; it must be 'auto', 'none', 'any' ('required', True) or one of the "
            f"tools that are bound: {list(names)}."
        )
        raise InvalidInputError(msg)
    return wanted


def _name(choice: object) -> str:
    """The tool that OpenAI's dictionary, or a bare name, asks for."""
    if isinstance(choice, dict):
        inner = choice.get("function", choice)
        choice = inner.get("name") if isinstance(inner, dict) else None
    return choice if isinstance(choice, str) else ""


def response_schema(response_format: object) -> str | None:
    """The JSON schema, as text, that a `response_format` asks for; `None` where it asks for text.

    Raises:
        InvalidInputError: If it is not of OpenAI's form.
    """
    asked = response_format if isinstance(response_format, dict) else {}
    kind = asked.get("type")
    if response_format is None or kind == "text":
        return None
    if kind == "json_object":
        return '{"type": "object"}'
    inner = asked.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if kind != "json_schema" or not isinstance(schema, dict):
        msg = (
            f"`response_format` is {response_format!r}; it must be {{'type': 'json_object'}} or {{'type': "
            "'json_schema', 'json_schema': {'name': ..., 'schema': {...}}}; `with_structured_output` writes it for you."
        )
        raise InvalidInputError(msg)
    return json.dumps(schema, ensure_ascii=False)


def call_forms(tools: Sequence[str], names: Sequence[str], call_format: CallFormat) -> tuple[JsonForm, ...]:
    """The forms of one call of one of the tools called `names`.

    Args:
        tools: JSON texts of function schemas, as in `prompts.ChatPrompt`.
        names: Which of them may be called.
        call_format: How the model writes calls.
    """
    functions = {tool["name"]: tool for tool in (json.loads(tool)["function"] for tool in tools)}
    forms = []
    for name in names:
        parameters = {"type": "object", "properties": {}, **functions[name].get("parameters", {})}
        schema = parameters if functions[name].get("strict") is False else narrowed(parameters)
        forms.append(call_format.form(name, json.dumps(schema, ensure_ascii=False)))
    return tuple(forms)


def narrowed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with its objects closed: those that list their properties have no others.

    What fits the result fits the schema. A small model that may add properties does, and does not stop. Schemas that
    are put together (`allOf`) stay as they are, since one part's properties would be closed out of the other; formats
    that no grammar knows are left to whoever reads the value, as JSON schema has it.
    """
    closes = '"allOf"' not in json.dumps(schema)
    found: dict[str, Any] = _narrowed(schema, closes=closes)
    return found


def _narrowed(schema: Any, *, closes: bool) -> Any:
    if not isinstance(schema, dict):
        return schema
    new = with_inner_schemas(schema, lambda inner: _narrowed(inner, closes=closes))
    if closes and "properties" in new and not _OPEN_BY & new.keys():
        new["additionalProperties"] = False
    if new.get("format") not in _FORMATS:
        new.pop("format", None)
    return new
