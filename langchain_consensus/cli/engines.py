"""The one place where the program makes and loads an engine; tests put another in its stead."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_consensus.cli import logs
from langchain_consensus.cli.show import messages
from langchain_consensus.engine.embedded import EMBEDDED_MODELS, status
from langchain_consensus.engine.transformers_engine import TransformersEngine
from langchain_consensus.errors import InvalidInputError, MissingDependencyError

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.consensus import Consensus
    from langchain_consensus.engine.base import Engine

__all__ = ["load", "make_engine", "make_server_engine", "quieten"]


def make_engine(
    model: str,
    *,
    dtype: str,
    device_map: str | None,
    token_budget: int,
    cache_dir: Path | None,
    prefix_cache_bytes: int = 128 * 2**20,
) -> Engine:
    """The engine of a local model; nothing is loaded."""
    return TransformersEngine(
        model,
        dtype=dtype,
        device_map=device_map,
        token_budget=token_budget,
        cache_dir=cache_dir,
        prefix_cache_bytes=prefix_cache_bytes,
    )


def make_server_engine(model: str, *, base_url: str) -> Engine:
    """The engine of a model that an OpenAI-compatible server runs.

    Raises:
        MissingDependencyError: If this version of the package has none.
    """
    try:
        home: Any = import_module("langchain_consensus.engine.openai_engine")
    except ImportError as error:
        msg = f'`--engine server` cannot be used here ({error}); run: pip install "langchain-consensus[openai]"'
        raise MissingDependencyError(msg) from error
    engine: Engine = home.OpenAICompatibleEngine(base_url, model=model)
    return engine


def load(consensus: Consensus, *, cache_dir: Path | None) -> None:
    """Loads the model, with one line of status on a terminal, and checks that its kind fits the wording.

    Raises:
        InvalidInputError: If a chat is to be asked of a model without a chat template.
    """
    engine = consensus.engine
    with messages().status(_what(engine.name, cache_dir)):
        if isinstance(engine, TransformersEngine) and not logs.is_verbose():
            quieten()
        wording = consensus.used_wording()
        if wording.kind == "chat" and not engine.is_chat:
            msg = (
                f"`wording` is {wording.name!r}, a chat, and {engine.name!r} has no chat template; use 'qa', or leave "
                "the choice to 'auto'."
            )
            raise InvalidInputError(msg)
        engine.token_ids("a")


def _what(name: str, cache_dir: Path | None) -> str:
    if name in EMBEDDED_MODELS and not status(name, cache_dir=cache_dir).is_cached:
        return f"preparing {name} for its first use, a minute or two ..."
    return f"loading {name} ..."


def quieten() -> None:
    """Takes transformers' bars and notices off stderr; the process is the program's, so this harms nobody."""
    try:
        logging: Any = import_module("transformers.utils.logging")
    except ImportError:
        return  # the engine says what to install
    logging.disable_progress_bar()
    logging.set_verbosity_error()
