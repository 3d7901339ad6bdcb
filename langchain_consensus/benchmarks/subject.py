"""The model under test: loaded once, shared by every method of a run."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.loading import LoadOptions, load_model, load_tokenizer, require_local, resolve
from langchain_consensus.engine.transformers_engine import TransformersEngine
from langchain_consensus.prompts import wording_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_consensus.engine.tokenization import Tokenization
    from langchain_consensus.prompts import Wording

__all__ = ["Subject", "load_subject"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A loaded model, its tokenizer and how it is asked.

    Attributes:
        model: A transformers causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        name: What the report calls it.
        token_budget: Tokens of one forward of the engine; `None` is the engine's own default.
    """

    model: Any
    tokenizer: Any
    name: str
    token_budget: int | None = None

    @property
    def tokens(self) -> Tokenization:
        """The engine's own tokenisation; peers get the ids that it gives."""
        from langchain_consensus.engine.tokenization import Tokenization

        ends = self.model.generation_config.eos_token_id
        return Tokenization(self.tokenizer, end_ids=ends if isinstance(ends, list) else [] if ends is None else [ends])

    @property
    def wording(self) -> Wording:
        """The wording that `auto` stands for with this model."""
        return wording_named("chat_qa" if self.tokens.is_chat else "qa")

    def fresh_engine(self) -> TransformersEngine:
        """A loaded engine on this model that has seen no string: what it keeps across calls helps no timing."""
        make = partial(TransformersEngine.from_model, self.model, self.tokenizer, name=self.name)
        engine = make() if self.token_budget is None else make(token_budget=self.token_budget)
        engine.token_ids("a")
        return engine

    @contextmanager
    def endless(self) -> Iterator[Subject]:
        """The same model without any end token, so that every method draws exactly as many tokens as it may.

        The weights are shared; the tokenizer is a copy, and the generation config is put back afterwards.
        """
        config = self.model.generation_config
        ends = config.eos_token_id
        tokenizer = copy.deepcopy(self.tokenizer)
        tokenizer.eos_token = None
        config.eos_token_id = None
        try:
            yield replace(self, tokenizer=tokenizer)
        finally:
            config.eos_token_id = ends


def load_subject(name: str, options: LoadOptions, *, token_budget: int | None = None) -> Subject:
    """The model called `name`, loaded as `TransformersEngine` loads it.

    Args:
        name: An embedded model, a folder, a `.gguf` file or a hub id.
        options: How it is loaded.
        token_budget: Tokens of one forward of the engine.
    """
    require_local()
    source = resolve(name, options)
    tokenizer = load_tokenizer(source, options)
    return Subject(model=load_model(source, options), tokenizer=tokenizer, name=name, token_budget=token_budget)
