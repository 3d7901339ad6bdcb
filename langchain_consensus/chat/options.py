"""The keyword arguments of a chat model's call, read: fields to override, tools, and what answers must look like."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.chat.answer_forms import forced_tools, response_schema, tool_names
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ChatOptions", "with_own_names"]

_OF_LANGCHAIN = ("stream", "ls_structured_output_format", "structured_output_format")
"""Options that LangChain reads itself, before or beside the call."""


def with_own_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with `max_tokens`, as chat models call it, under this package's name; a `None` is left out."""
    own = dict(options)
    longest = own.pop("max_tokens", None)
    if longest is not None:
        if own.get("max_new_tokens", longest) != longest:
            msg = "`max_tokens` and `max_new_tokens` are the same option and are given with different values; give one."
            raise InvalidInputError(msg)
        own["max_new_tokens"] = longest
    return {name: value for name, value in own.items() if value is not None or name not in {"temperature", "stop"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatOptions:
    """What a call asks for.

    Attributes:
        fields: Fields of the model that the call overrides.
        tools: What the assistant may call, as in `prompts.ChatPrompt`.
        forced: The names of the tools one of which it must call; empty where it decides.
        schema: The JSON schema of its answer in text, or `None` for any text.
        shows_schema: Whether the model is told the schema; not where any JSON object will do.
    """

    fields: Mapping[str, Any]
    tools: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    schema: str | None = None
    shows_schema: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> ChatOptions:
        """The options of `invoke`, `bind` and the like.

        Raises:
            InvalidInputError: If `tool_choice` or `response_format` is of no known form, or names no tool.
        """
        fields = {name: value for name, value in with_own_names(options).items() if name not in _OF_LANGCHAIN}
        tools, choice = fields.pop("tools", None) or (), fields.pop("tool_choice", None)
        response_format = fields.pop("response_format", None)
        forced = forced_tools(choice, tool_names(tools))
        return cls(
            fields=fields,
            tools=() if choice == "none" else tuple(json.dumps(tool, ensure_ascii=False) for tool in tools),
            forced=forced,
            schema=None if forced else response_schema(response_format),
            shows_schema=isinstance(response_format, dict) and response_format.get("type") == "json_schema",
        )

    def in_cache_key(self) -> dict[str, Any]:
        """What of this tells two answers to the same messages apart, the overridden fields aside."""
        asked = {
            "tools": list(self.tools),
            "forced": list(self.forced),
            "schema": self.schema,
            "shows_schema": self.shows_schema,
        }
        return {name: value for name, value in asked.items() if value}
