"""The model under evaluation: what the options say of it, its identity, and its engine, loaded when first needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.cli import engines
from langchain_consensus.cli.pipeline import check_text
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine.loading import require_local
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.model_hash import model_hash

if TYPE_CHECKING:
    from langchain_consensus.cli.engines import ModelSettings
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.prompts import Wording

__all__ = ["EvalModel"]

_ENGINES = ("local", "server")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvalModel:
    """What the options say of the model; see `eval`."""

    settings: ModelSettings
    engine: str | None = None

    def __post_init__(self) -> None:
        check_text("model", self.settings.name)
        if self.engine is not None and self.engine not in _ENGINES:
            msg = f"`engine` is {self.engine!r}; it must be one of {', '.join(_ENGINES)}."
            raise InvalidInputError(msg)
        if self.engine not in (None, self.kind):
            msg = f"`engine` is {self.engine!r}; a server needs --base-url, and a local model has none."
            raise InvalidInputError(msg)

    @property
    def kind(self) -> str:
        """`server` where there is an address, else `local`."""
        return "server" if self.settings.server.base_urls else "local"

    def make(self) -> Engine:
        """The engine; nothing is loaded.

        It keeps no keys from call to call, so that a score does not depend on what was asked before it, nor on where a
        run was interrupted.
        """
        if self.kind == "local":
            require_local()
        return engines.make_engine(self.settings, prefix_cache_bytes=0)

    def load(self, engine: Engine, wording: Wording) -> None:
        """Loads the model, and checks that its kind fits the wording.

        Raises:
            InvalidInputError: If a chat is to be asked of a model without a chat template.
        """
        engines.load(Consensus(engine=engine, wording=wording), cache_dir=self.settings.cache_dir)

    def deciding(self, engine: Engine) -> dict[str, Any]:
        """What of the model decides the scores, as JSON's own types; a hub model is loaded to know its commit."""
        found = model_hash(self.settings.name) if self.kind == "local" else None
        if found is None and self.kind == "local":
            engine.token_ids("a")
            found = model_hash(self.settings.name)
        return {
            "model": self.settings.name,
            "model_hash": found,
            "engine": self.kind,
            "tokenizer": self.settings.server.tokenizer,
            "dtype": self.settings.dtype,
            "token_budget": self.settings.token_budget,
        }
