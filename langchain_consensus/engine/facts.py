"""What is known of a model before it is loaded: how much it reads, and whether its chat template shows tools."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ModelFacts", "facts_of_folder", "facts_of_model", "facts_of_tokenizer", "facts_of_tokenizer_folder"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFacts:
    """What is known of a model; `None` is unknown.

    Attributes:
        context: Most tokens that prompt and answer have together.
        shows_tools: Whether the chat template shows tools.
        follows_grammars: Whether the engine samples under a grammar.
    """

    context: int | None = None
    shows_tools: bool | None = None
    follows_grammars: bool | None = None


def facts_of_folder(folder: Path) -> ModelFacts:
    """What the small files of a model's folder say; a file that is not there, or is no JSON, says nothing."""
    config = _json(folder / "config.json")
    inner = config.get("text_config", config)
    positions = inner.get("max_position_embeddings") if isinstance(inner, dict) else None
    shows_tools = facts_of_tokenizer_folder(folder).shows_tools if config else None
    return ModelFacts(context=_whole(positions), shows_tools=shows_tools, follows_grammars=True)


def facts_of_tokenizer_folder(folder: Path) -> ModelFacts:
    """What the files of a tokenizer's folder say of a model that is elsewhere."""
    template = folder / "chat_template.jinja"
    if template.is_file():
        return ModelFacts(shows_tools=_shows_tools(template.read_text(encoding="utf-8", errors="replace")))
    return ModelFacts(shows_tools=_shows_tools(_json(folder / "tokenizer_config.json").get("chat_template")))


def facts_of_tokenizer(tokenizer: Any) -> ModelFacts:
    """What a tokenizer says of a model that is elsewhere."""
    return ModelFacts(shows_tools=_shows_tools(getattr(tokenizer, "chat_template", None)))


def facts_of_model(model: Any, tokenizer: Any) -> ModelFacts:
    """What a loaded model and its tokenizer say."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return ModelFacts(
        context=_whole(positions),
        shows_tools=_shows_tools(getattr(tokenizer, "chat_template", None)),
        follows_grammars=True,
    )


def _shows_tools(template: object) -> bool:
    return "tools" in json.dumps(template) if template else False


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
