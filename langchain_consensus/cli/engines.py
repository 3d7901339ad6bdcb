"""The one place where the program makes and loads an engine; tests put another in its stead."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_consensus.cli import logs
from langchain_consensus.cli.show import messages
from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL, EMBEDDED_MODELS, status
from langchain_consensus.engine.openai_engine import OpenAICompatibleEngine
from langchain_consensus.engine.transformers_engine import TransformersEngine
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.judges import wording_for

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.consensus import Consensus
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.engine.sampler import SamplingEngine
    from langchain_consensus.prompts import Wording

__all__ = ["ModelSettings", "ServerSettings", "load", "make_engine", "quieten"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerSettings:
    """Where the model is, if it is not in this process; see the options `--base-url`, `--tokenizer`, `--api-key`."""

    base_urls: tuple[str, ...] = ()
    tokenizer: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSettings:
    """Which model, and where and how it runs; see `shared.model_settings`."""

    name: str
    dtype: str = "auto"
    device_map: str | None = None
    token_budget: int = 512
    cache_dir: Path | None = None
    server: ServerSettings = field(default_factory=ServerSettings)


def make_engine(model: ModelSettings, *, prefix_cache_bytes: int = 128 * 2**20) -> Engine:
    """The engine of a local model, or of one on a server; nothing is loaded and nothing is sent.

    Raises:
        InvalidInputError: If options of the one kind are given for the other.
    """
    server = model.server
    if not server.base_urls:
        if server.tokenizer is not None:
            msg = "--tokenizer has no meaning without --base-url; a local model brings its own."
            raise InvalidInputError(msg)
        return TransformersEngine(
            model.name,
            dtype=model.dtype,
            device_map=model.device_map,
            token_budget=model.token_budget,
            cache_dir=model.cache_dir,
            prefix_cache_bytes=prefix_cache_bytes,
        )
    usual = ModelSettings(name=model.name)
    given = [name for name in ("dtype", "device_map", "token_budget") if getattr(model, name) != getattr(usual, name)]
    if given:
        msg = f"--{given[0].replace('_', '-')} has no meaning beside --base-url; the server decides it."
        raise InvalidInputError(msg)
    return OpenAICompatibleEngine(
        server.base_urls,
        # The default of --model is a local model; on a server the only one is meant.
        model=None if model.name == DEFAULT_EMBEDDED_MODEL and server.tokenizer is not None else model.name,
        tokenizer=server.tokenizer,
        api_key=server.api_key,
        cache_dir=model.cache_dir,
    )


def load(consensus: Consensus, *, cache_dir: Path | None) -> None:
    """Loads the model and its judges, with one line of status on a terminal, and checks that their kind fits.

    Raises:
        InvalidInputError: If a chat is to be asked of a model without a chat template.
    """
    engine = consensus.engine
    with messages().status(_what(engine, cache_dir)):
        if isinstance(engine, OpenAICompatibleEngine):
            engine.check()
        if isinstance(engine, TransformersEngine) and not logs.is_verbose():
            quieten()
        _check_kind(engine, consensus.used_wording())
        engine.token_ids("a")
        for judge in consensus.judges:
            judging = judge.engine or engine
            _check_kind(judging, wording_for(judge.wording or consensus.wording, judging))
            judging.token_ids("a")


def _check_kind(engine: Engine | SamplingEngine, wording: Wording) -> None:
    if wording.kind == "chat" and not engine.is_chat:
        msg = (
            f"`wording` is {wording.name!r}, a chat, and {engine.name!r} has no chat template; use 'qa', or leave "
            "the choice to 'auto'."
        )
        raise InvalidInputError(msg)


def _what(engine: Engine | SamplingEngine, cache_dir: Path | None) -> str:
    if isinstance(engine, OpenAICompatibleEngine):
        return f"asking {', '.join(engine.base_urls)} what can be done there ..."
    name = engine.name
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
