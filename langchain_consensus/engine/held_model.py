"""A local model that is loaded at its first use, kept, and let go of once."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.embedded import EMBEDDED_MODELS
from langchain_consensus.engine.facts import ModelFacts, facts_of_folder, facts_of_model
from langchain_consensus.engine.loading import LoadOptions, load_model, load_tokenizer, require_local, resolve
from langchain_consensus.engine.refusals import closed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_consensus.engine.check_memory import CheckMemory
    from langchain_consensus.engine.checked_network import AttentionName
    from langchain_consensus.engine.embedded_parts import EmbeddedModel
    from langchain_consensus.engine.limits import Limits
    from langchain_consensus.engine.local_model import LocalModel

__all__ = ["HeldModel", "evaluating"]


@dataclass(kw_only=True, slots=True, eq=False)
class HeldModel:
    """What to load, and the model once it is loaded; safe to use from any thread.

    Attributes:
        name: The name of an embedded model, a folder, a `.gguf` file or a hub id.
        options: How it is loaded.
        token_budget: Tokens of one forward.
        row_budget: Rows of the vocabulary projection held at a time.
        prefix_cache_bytes: Memory for beginnings that are kept from call to call.
        attention: How packed strings attend.
        limits: How large a call may be.
        owned: A model and tokenizer of the caller's; with them nothing is loaded.
        loaded: The model, from its first use until it is let go of.
    """

    name: str
    options: LoadOptions
    token_budget: int
    row_budget: int
    prefix_cache_bytes: int
    attention: AttentionName
    limits: Limits
    owned: tuple[Any, Any] | None = None
    loaded: LocalModel | None = None
    _closed: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def embedded(self) -> EmbeddedModel | None:
        """The entry of an embedded model; `None` for any other, and for one that the caller owns."""
        return EMBEDDED_MODELS.get(self.name) if self.owned is None else None

    @property
    def facts(self) -> ModelFacts:
        """What is known of it; nothing is loaded for it."""
        if self.loaded is not None:
            return facts_of_model(self.loaded.model, self.loaded.tokens.tokenizer)
        if self.owned is not None:
            return facts_of_model(*self.owned)
        if (known := self.embedded) is not None:
            return ModelFacts(context=known.context, shows_tools=known.is_chat, follows_grammars=True)
        return facts_of_folder(Path(self.name).expanduser())

    def model(self) -> LocalModel:
        """The model, loaded if it is not; one thread loads it, the others wait.

        Raises:
            EngineClosedError: If it was let go of.
            EngineError: If it cannot be loaded.
        """
        with self._lock:
            if self._closed:
                raise closed()
            if self.loaded is None:
                self.loaded = self._load()
            return self.loaded

    def let_go(self) -> None:
        """Forgets the model; it is not loaded again."""
        with self._lock:
            self._closed, self.loaded, self.owned = True, None, None

    def _load(self) -> LocalModel:
        require_local()
        from langchain_consensus.engine.local_model import LocalModel
        from langchain_consensus.engine.memory import Budgets

        if self.owned is not None:
            model, tokenizer = self.owned
        else:
            source = resolve(self.name, self.options)
            tokenizer = load_tokenizer(source, self.options)
            model = load_model(source, self.options)
        budgets = Budgets(tokens=self.token_budget, rows=self.row_budget, prefix_bytes=self.prefix_cache_bytes)
        with evaluating(model):
            return LocalModel(
                model,
                tokenizer,
                budgets=budgets,
                attention=self.attention,
                checks=self._checks(),
                limits=self.limits,
            )

    def _checks(self) -> CheckMemory | None:
        """Where results of self-checks are kept; a model that its owner made, and may have changed, is checked anew."""
        if self.owned is not None:
            return None
        from langchain_consensus.engine.check_memory import CheckMemory
        from langchain_consensus.engine.model_cache import cache_folder

        return CheckMemory(cache_folder(self.options.cache_dir) / "self-checks")


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Puts a model that its owner left in training mode into evaluation mode, and back."""
    if not model.training:
        yield
        return
    model.eval()
    try:
        yield
    finally:
        model.train()
