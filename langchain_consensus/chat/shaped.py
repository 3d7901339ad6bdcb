"""A chat model whose replies can be asked for as calls of tools, or as values of a schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from langchain_consensus.chat.answer_forms import forced_tools, tool_names
from langchain_consensus.chat.batches import BatchedChatModel
from langchain_consensus.chat.structured_output import Checker, Method, checker, structured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable
    from langchain_core.tools import BaseTool

__all__ = ["ShapedChatModel"]


class ShapedChatModel(BatchedChatModel):
    """What LangChain calls `bind_tools` and `with_structured_output`."""

    _fits: Checker | None = PrivateAttr(default=None)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools that it may, or must, call.

        Args:
            tools: What it may call, in any form that LangChain knows.
            tool_choice: `auto` or `None`: the model decides. `none`: it answers in text. `any`, `required` or `True`:
                it makes one call. A tool's name, or OpenAI's dictionary with one: it calls that tool. A call that
                it must make is decoded under the tools' schemas.
            strict: Goes into the tools' schemas. A call that must be made has no argument that its schema does not
                list, unless this is `False` and the schema allows it.
            **kwargs: Options of the calls.

        Raises:
            InvalidInputError: If a tool is no function, or `tool_choice` none of these, or no name of a tool.
        """
        schemas = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        forced_tools(tool_choice, tool_names(schemas))
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=schemas, **choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """This model with answers of a form that is decoded under, and parsed.

        Args:
            schema: A pydantic class, a dataclass, a `TypedDict`, a JSON schema or an OpenAI function. The first two
                give objects of the class, the others dictionaries.
            include_raw: Whether the result is a dictionary of `raw` (the message), `parsed` and `parsing_error`.
            method: `json_schema`: the answer is JSON of the schema, which both views are told. `function_calling`: it
                is a call of one tool with these arguments. `json_mode`: it is any JSON object; say in the prompt which.
            strict: As in `bind_tools`; it means nothing in `json_mode`.
            **kwargs: Options of the calls.

        Raises:
            InvalidInputError: If `method` is none of these, or `schema` of no known form.
        """
        model = self.model_copy()
        model._fits = checker(schema)  # noqa: SLF001
        return structured(model, schema, method=method, strict=strict, include_raw=include_raw, options=kwargs)
