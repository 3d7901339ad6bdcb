"""JSON schemas as data: where in one there are schemas again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["with_inner_schemas", "with_open_objects"]

_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = ("items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames")
_SAY_MORE = {"properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "allOf", "$ref"}


def with_inner_schemas(schema: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy of the schema with `change` of each schema that stands directly in it; values of data are left alone."""
    new = dict(schema)
    for key in _MAPS:
        if isinstance(new.get(key), dict):
            new[key] = {name: change(one) for name, one in new[key].items()}
    for key in _LISTS:
        if isinstance(new.get(key), list):
            new[key] = [change(one) for one in new[key]]
    for key in _ONES:
        if key in new:
            new[key] = change(new[key])
    return new


def with_open_objects(schema: Any) -> Any:
    """The same schema, with what is meant said aloud: an object of which nothing is said may have any properties.

    xgrammar decodes a bare `{"type": "object"}` by rules of its own, by which models close it at once.
    """
    if not isinstance(schema, dict):
        return schema
    new = with_inner_schemas(schema, with_open_objects)
    if new.get("type") == "object" and not _SAY_MORE & new.keys():
        new["additionalProperties"] = True
    return new
