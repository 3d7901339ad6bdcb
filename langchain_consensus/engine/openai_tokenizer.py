"""The tokenizer of a model that is served elsewhere; torch is not needed for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_consensus.dependencies import require
from langchain_consensus.engine.embedded import EMBEDDED_MODELS
from langchain_consensus.engine.facts import ModelFacts, facts_of_tokenizer, facts_of_tokenizer_folder
from langchain_consensus.engine.loading import LoadOptions, load_tokenizer, resolve

if TYPE_CHECKING:
    from langchain_consensus.engine.tokenization import Tokenization

__all__ = ["facts_of_served", "require_openai", "tokenization_of"]


def require_openai() -> None:
    """Checks that the client and the tokenizers are installed.

    Raises:
        MissingDependencyError: If they are not; the message holds the pip command.
    """
    require("openai", "openai", "tenacity", "transformers")


def tokenization_of(tokenizer: Any, options: LoadOptions) -> Tokenization:
    """The tokenization of a folder, a hub id, an embedded model's name or a transformers tokenizer."""
    from langchain_consensus.engine.tokenization import Tokenization

    if not isinstance(tokenizer, str | Path):
        return Tokenization(tokenizer)
    source = resolve(str(tokenizer), options)
    return Tokenization(load_tokenizer(source, options), end_ids=_end_ids(source))


def facts_of_served(tokenizer: Any) -> ModelFacts:
    """What is known of a served model by its tokenizer, as `tokenization_of` takes it; nothing of a hub id."""
    if not isinstance(tokenizer, str | Path):
        return facts_of_tokenizer(tokenizer)
    known, folder = EMBEDDED_MODELS.get(str(tokenizer)), Path(tokenizer).expanduser()
    if known is not None:
        return ModelFacts(shows_tools=known.is_chat)
    return facts_of_tokenizer_folder(folder) if folder.is_dir() else ModelFacts()


def _end_ids(source: str) -> list[int]:
    """The ids that end a generation, as the model's generation config has them."""
    from transformers import GenerationConfig

    try:
        ends = GenerationConfig.from_pretrained(source).eos_token_id
    except OSError:
        return []
    return ends if isinstance(ends, list) else [] if ends is None else [ends]
