"""How a model writes tool calls, and how they are read: an answer's text -> what it says, and the calls in it.

The form is taken from what the model's own chat template writes for a call. Two kinds are known: objects with a name
and arguments, with or without markers around them (Qwen, Hermes, Llama 3, Mistral), and names that a marker parts from
their arguments (later Mistral). A template that writes calls in any other form is refused, never misread.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from langchain_consensus.engine.grammar import JsonForm
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CallFormat", "WritesCalls", "WrittenCall", "writer_of_calls"]

_NAME, _ARGUMENTS = "name_of_the_tool", '{"argument": "value"}'
_OBJECT_OPENS = re.compile(r'(?P<marker>[^{}]*?)(?P<many>\[\s*)?\{\s*"name":\s*"')
_OBJECT_GOES_ON = re.compile(r'",\s*"(?P<key>arguments|parameters)":\s*')
_OBJECT_CLOSES = re.compile(r'(?:,\s*"id":\s*"\w*")?\s*\}\s*(?P<many>\])?\s*(?P<marker>[^{}]*)')
_PARTED = re.compile(r"(?:.*\s)?(?P<marker>\S+)\s*\Z", re.DOTALL), re.compile(r"(?:.*\d)?(?P<marker>\[\w+\])\s*")
_TOOL_NAME = re.compile(r"[\w.-]+")
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_MEANT = re.compile(r'\{\s*"name"\s*:')
"""How an answer begins that is meant as a call where calls have no markers."""


@runtime_checkable
class WritesCalls(Protocol):
    """An engine that knows how its model writes a tool call."""

    def written_call(self, name: str, arguments: str) -> str:
        """The assistant's turn that calls `name` with `arguments`, the text of a JSON object."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenCall:
    """A call as it was written: `text`, its name and arguments, and what kept them from being read, if anything."""

    text: str
    name: str = ""
    arguments: Any = None
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFormat:
    """How a model writes a call.

    Attributes:
        opening: What the template writes before the name.
        middle: What it writes between name and arguments.
        closing: What it writes behind the arguments.
        marker: What tells a call from text; empty where calls have no marker.
        end_marker: What stands behind a call; empty for nothing.
        key: The name of the arguments in an object with a `name`; empty where the name stands outside the JSON.
        parting: The marker between name and arguments, where `key` is empty.
    """

    opening: str
    middle: str
    closing: str
    marker: str = ""
    end_marker: str = ""
    key: str = ""
    parting: str = ""

    @classmethod
    def of(cls, engine: object) -> CallFormat:
        """The format of the engine's model.

        Raises:
            InvalidInputError: If the engine does not know it, or the chat template's form of calls is not known here.
        """
        return cls.read_from(writer_of_calls(engine)(_NAME, _ARGUMENTS))

    @classmethod
    def read_from(cls, written: str) -> CallFormat:
        """The format of a call of the tool `name_of_the_tool` with the arguments `{"argument": "value"}`."""
        opening, _, rest = written.partition(_NAME)
        middle, found, closing = rest.partition(_ARGUMENTS)
        begins, goes_on = _OBJECT_OPENS.fullmatch(opening), _OBJECT_GOES_ON.fullmatch(middle)
        ends = _OBJECT_CLOSES.fullmatch(closing)
        pieces = {"opening": opening, "middle": middle, "closing": closing}
        if found and begins and goes_on and ends and bool(begins["many"]) == bool(ends["many"]):
            marker = (begins["marker"].split() or [""])[-1]
            return cls(**pieces, marker=marker, end_marker=ends["marker"], key=goes_on["key"])
        parts, parted = _PARTED[0].fullmatch(opening), _PARTED[1].fullmatch(middle)
        if found and parts and parted and not closing and "{" not in opening:
            return cls(**pieces, marker=parts["marker"], parting=parted["marker"])
        msg = (
            f"The model's chat template writes a tool call as {written!r}, a form that is not known here; use a model "
            "of the Qwen, Hermes, Llama 3 or Mistral families, or ask for JSON with `with_structured_output`."
        )
        raise InvalidInputError(msg)

    def form(self, name: str, parameters: str) -> JsonForm:
        """The form of a call of the tool `name`, whose arguments the JSON schema `parameters` describes."""
        return JsonForm(schema=parameters, before=self.opening + name + self.middle, after=self.closing)

    def read(self, text: str) -> tuple[str, list[WrittenCall]]:
        """What `text` says beside its calls, and the calls, those that cannot be read included."""
        if not self.marker:
            return self._read_unmarked(text)
        said: list[str] = []
        calls: list[WrittenCall] = []
        place = 0
        while (found := text.find(self.marker, place)) >= 0:
            said.append(text[place:found])
            read, place = self._read_marked(text, _past_space(text, found + len(self.marker)))
            calls += read
        return "".join([*said, text[place:]]).strip(), calls

    def read_bare(self, text: str) -> WrittenCall | None:
        """The call that the whole of `text` is, bare or in a code fence, where its markers were left out."""
        fenced = _FENCE.fullmatch(text.strip())
        written = fenced.group(1) if fenced else text.strip()
        try:
            value, end = _object_at(written, 0)
        except ValueError:
            return None
        is_call = end == len(written) and isinstance(value, dict) and value.keys() == {"name", self.key or "arguments"}
        return self._from_object(value, written) if is_call else None

    def _read_marked(self, text: str, start: int) -> tuple[list[WrittenCall], int]:
        """The calls behind a marker that ends at `start`, and where they end."""
        try:
            calls, end = self._objects(text, start) if self.key else self._parted_call(text, start)
            behind = _past_space(text, end)
            if self.end_marker and not text[behind:].startswith((self.end_marker, self.marker)) and text[behind:]:
                msg = f"something else than {self.end_marker} stands behind it"
                raise ValueError(msg)
        except ValueError as error:
            stops = [text.find(stop, start) for stop in (self.end_marker, self.marker) if stop]
            end = min((stop for stop in stops if stop >= 0), default=len(text))
            calls = [WrittenCall(text=text[start:end].strip(), error=f"The call is no JSON: {error}")]
            behind = end
        closed = self.end_marker and text.startswith(self.end_marker, behind)
        return calls, behind + len(self.end_marker) if closed else end

    def _objects(self, text: str, start: int) -> tuple[list[WrittenCall], int]:
        value, end = _object_at(text, start)
        if isinstance(value, list) and value:
            return [self._from_object(item, json.dumps(item, ensure_ascii=False)) for item in value], end
        return [self._from_object(value, text[start:end])], end

    def _parted_call(self, text: str, start: int) -> tuple[list[WrittenCall], int]:
        name, parting = _TOOL_NAME.match(text, start), text.find(self.parting, start)
        if name is None or parting < 0:
            msg = f"a name and {self.parting} are missing"
            raise ValueError(msg)
        arguments, end = _json_at(text, _past_space(text, parting + len(self.parting)))
        return [WrittenCall(text=text[start:end], name=name.group(), arguments=arguments)], end

    def _read_unmarked(self, text: str) -> tuple[str, list[WrittenCall]]:
        """An answer that begins as a call does is one, or several; any other is text."""
        whole = text.strip()
        if not _MEANT.match(whole):
            return whole, []
        calls: list[WrittenCall] = []
        place = 0
        while place < len(whole):
            try:
                value, end = _json_at(whole, place)
            except ValueError as error:
                return "", [*calls, WrittenCall(text=whole[place:], error=f"The call is no JSON: {error}")]
            calls.append(self._from_object(value, whole[place:end]))
            place = _past_space(whole, end, also=";,")
        return "", calls

    def _from_object(self, value: Any, text: str) -> WrittenCall:
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            return WrittenCall(text=text, error="The call is no object with a `name`.")
        return WrittenCall(text=text, name=value["name"], arguments=value.get(self.key or "arguments", {}))


def writer_of_calls(engine: object) -> Callable[[str, str], str]:
    """The engine's `written_call`; see `WritesCalls`.

    Raises:
        InvalidInputError: If it has none.
    """
    if not isinstance(engine, WritesCalls):
        msg = f"The engine {engine!r} has no `written_call`: how its model writes a tool call is not known."
        raise InvalidInputError(msg)
    return engine.written_call


def _json_at(text: str, start: int) -> tuple[Any, int]:
    """The JSON value at `start` and where it ends."""
    try:
        value, end = json.JSONDecoder(parse_constant=_no_constant).raw_decode(text, start)
    except RecursionError as error:
        msg = "nested too deeply"
        raise ValueError(msg) from error
    return value, end


def _object_at(text: str, start: int) -> tuple[Any, int]:
    """As `_json_at`, in doubled outer braces too: Qwen2.5-Coder's template shows a call so, and the model copies it."""
    if not text.startswith("{{", start):
        return _json_at(text, start)
    value, end = _json_at(text, start + 1)
    return value, _past_space(text, end, also="}")  # one, or two where the inner brace was doubled as well


def _past_space(text: str, place: int, *, also: str = "") -> int:
    while place < len(text) and (text[place].isspace() or text[place] in also):
        place += 1
    return place


def _no_constant(name: str) -> float:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)
