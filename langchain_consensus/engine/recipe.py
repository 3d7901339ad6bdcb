"""How a `TransformersEngine` is made: its arguments checked, and written down as plain JSON to make it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.embedded import EMBEDDED_MODELS
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_consensus.engine.held_model import HeldModel

__all__ = ["check_arguments", "recipe_of"]

_LEAST = {"token_budget": 16, "row_budget": 1, "prefix_cache_bytes": 0, "max_waiting": 1}


def check_arguments(*, model_id: object, attention: object, **numbers: object) -> None:
    """Checks what an engine is made with.

    Args:
        model_id: A text with a visible character.
        attention: `auto`, `sdpa` or `flex`.
        **numbers: Budgets, by their names.

    Raises:
        InvalidInputError: If one breaks its rule.
    """
    if not isinstance(model_id, str) or not model_id.strip():
        names = sorted(EMBEDDED_MODELS)
        msg = f"`model_id` is {model_id!r}; it must be a hub id, a folder, a .gguf file or one of {names}."
        raise InvalidInputError(msg)
    for name, value in numbers.items():
        if not isinstance(value, int) or value < _LEAST[name]:
            msg = f"`{name}` is {value!r}; it must be a whole number of at least {_LEAST[name]}."
            raise InvalidInputError(msg)
    if attention not in ("auto", "sdpa", "flex"):
        msg = f"`attention` is {attention!r}; it must be 'auto', 'sdpa' or 'flex'."
        raise InvalidInputError(msg)


def recipe_of(held: HeldModel, *, max_waiting: int, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments as plain JSON, those with their default left out.

    Args:
        held: What the engine holds.
        max_waiting: The argument of that name.
        defaults: Of the constructor, by name.

    Raises:
        InvalidInputError: If the engine cannot be made again from it; see `TransformersEngine.recipe`.
    """
    for is_so, why in (
        (held.owned is not None, "wraps a model that the caller owns; only one of a model id can be made again"),
        (held.options.trust_remote_code, "has `trust_remote_code=True`; whoever loads must decide that anew"),
    ):
        if is_so:
            remedy = "Write down the other settings, and give the engine when you load them."
            msg = f"`engine` {held.name!r} {why}. {remedy}"
            raise InvalidInputError(msg)
    arguments = {
        "dtype": held.options.dtype,
        "device_map": held.options.device_map,
        "revision": held.options.revision,
        "token_budget": held.token_budget,
        "row_budget": held.row_budget,
        "prefix_cache_bytes": held.prefix_cache_bytes,
        "attention": held.attention,
        "limits": {k: v for k, v in asdict(held.limits).items() if v is not None} or None,
        "max_waiting": max_waiting,
    }
    return {"model_id": held.name} | {k: v for k, v in arguments.items() if v != defaults[k]}
