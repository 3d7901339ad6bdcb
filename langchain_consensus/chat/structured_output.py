"""`with_structured_output`: a chat model and a schema in, a Runnable whose answers are objects of the schema out."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, TypeAdapter, ValidationError

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from langchain_core.language_models import BaseChatModel, LanguageModelInput
    from langchain_core.runnables import Runnable

__all__ = ["Checker", "Method", "checker", "structured"]

Method = Literal["function_calling", "json_schema", "json_mode"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checker:
    """Makes objects of a class of values as JSON has them.

    Attributes:
        name: The class's full name.
        make: The object; raises a `ValueError` for a value that the class refuses.
    """

    name: str
    make: Callable[[Any], Any]

    def __call__(self, value: Any) -> Any:
        """The object that `value` is."""
        return self.make(value)


def checker(schema: object) -> Checker | None:
    """What checks values for a pydantic class or a dataclass, own validators included; `None` for any other schema."""
    if not isinstance(schema, type) or not (is_dataclass(schema) or is_basemodel_subclass(schema)):
        return None
    made = schema if is_dataclass(schema) or issubclass(schema, BaseModel) else None
    make = getattr(schema, "parse_obj", None) if made is None else TypeAdapter(made).validate_python
    return None if make is None else Checker(name=f"{schema.__module__}.{schema.__qualname__}", make=make)


def structured(
    model: BaseChatModel,
    schema: dict[str, Any] | type,
    *,
    method: Method,
    strict: bool | None,
    include_raw: bool,
    options: Mapping[str, Any],
) -> Runnable[LanguageModelInput, Any]:
    """`model`, asked for answers of `schema` by `method`, and their parser; see `with_structured_output`."""
    if method not in get_args(Method):
        msg = f"`method` is {method!r}; it must be one of {list(get_args(Method))}."
        raise InvalidInputError(msg)
    plain = _plain(schema)
    shown = {"kwargs": {"method": method, "strict": strict}, "schema": schema if plain is None else plain}
    if method == "function_calling":
        tool = schema if plain is None else plain
        name = convert_to_openai_tool(tool)["function"]["name"]
        asked: Any = model.bind_tools(
            [tool], tool_choice=name, strict=strict, ls_structured_output_format=shown, **options
        )
    else:
        form = {"type": "json_object"} if method == "json_mode" else _response_format(schema, strict=strict)
        asked = model.bind(response_format=form, ls_structured_output_format=shown, **options)
        name = ""
    parser = _parser(schema, tool_name=name)
    return _with_raw(asked, parser) if include_raw else asked | parser


def _plain(schema: dict[str, Any] | type) -> dict[str, Any] | None:
    """The JSON schema of a dataclass, which LangChain's own functions do not read; `None` for anything else."""
    if not (isinstance(schema, type) and is_dataclass(schema)):
        return None
    described = TypeAdapter(schema).json_schema()
    return {"title": schema.__name__, "description": (schema.__doc__ or "").strip(), **described}


def _response_format(schema: dict[str, Any] | type, *, strict: bool | None) -> dict[str, Any]:
    found = _json_schema(schema)
    named: dict[str, Any] = {"name": found.get("title", "answer"), "schema": found}
    return {"type": "json_schema", "json_schema": named if strict is None else {**named, "strict": strict}}


def _json_schema(schema: dict[str, Any] | type) -> dict[str, Any]:
    """The JSON schema of anything that `with_structured_output` takes."""
    plain = _plain(schema)
    if plain is not None:
        return plain
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    if isinstance(schema, dict) and not {"function", "parameters"} & schema.keys():
        return schema
    try:
        return convert_to_json_schema(schema)
    except (ValueError, TypeError) as error:
        msg = (
            f"`schema` is {schema!r}; it must be a pydantic class, a dataclass, a TypedDict, a JSON schema or an "
            f"OpenAI function: {error}"
        )
        raise InvalidInputError(msg) from error


def _parser(schema: dict[str, Any] | type, *, tool_name: str) -> Runnable[Any, Any]:
    """From a message to the value: of a call of the tool `tool_name`, or of the content where that is empty."""
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        pydantic_class: Any = schema
        if tool_name:
            return PydanticToolsParser(tools=[pydantic_class], first_tool_only=True)
        return PydanticOutputParser(pydantic_object=pydantic_class)
    parsed: Runnable[Any, Any] = (
        JsonOutputKeyToolsParser(key_name=tool_name, first_tool_only=True) if tool_name else JsonOutputParser()
    )
    if isinstance(schema, type) and is_dataclass(schema):
        return parsed | RunnableLambda(partial(_validated, TypeAdapter(schema).validate_python), name=schema.__name__)
    return parsed


def _validated(make: Callable[[object], Any], value: object) -> Any:
    try:
        return make(value)
    except ValidationError as error:
        msg = f"The answer {value!r} does not fit the schema: {error}"
        raise OutputParserException(msg, llm_output=str(value)) from error


def _with_raw(asked: Runnable[Any, Any], parser: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """A dictionary of the message, what it was parsed to, and the error if it was not."""
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=asked) | parsed.with_fallbacks([failed], exception_key="parsing_error")
