"""How many tokens a model can read: its configuration and its tokenizer go in, a checked length comes out.

A sliding window is no limit: it says how far one layer looks back, not how long a text may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from langchain_consensus.errors import ContextWindowError

__all__ = ["ContextWindow"]

_UNSET = 10**9
"""transformers gives a tokenizer without a limit one of 10**30; no model reads a billion tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextWindow:
    """The longest string of tokens that a model reads.

    Attributes:
        tokens: How many, or `None` where neither configuration nor tokenizer sets a limit.
        source: Where the limit is said.
    """

    tokens: int | None = None
    source: str = ""

    @classmethod
    def of(cls, config: Any, tokenizer: Any) -> Self:
        """The smaller of what the model's configuration and its tokenizer allow."""
        named = (
            (_positions(config), "`max_position_embeddings` of the model's configuration"),
            (getattr(tokenizer, "model_max_length", None), "`model_max_length` of the tokenizer"),
        )
        limits = [(int(tokens), source) for tokens, source in named if tokens is not None and 0 < tokens < _UNSET]
        if not limits:
            return cls()
        tokens, source = min(limits, key=lambda limit: limit[0])
        return cls(tokens=tokens, source=source)

    def check_sampling(self, place: int, prompt: int, new: int) -> None:
        """Checks a prompt of `prompt` tokens, at `place` of a call, and the `new` that may be drawn after it.

        Raises:
            ContextWindowError: If both together do not fit.
        """
        if self.tokens is None or prompt + new <= self.tokens:
            return
        room = self.tokens - prompt
        remedy = f"lower `max_new_tokens` to at most {room}, or shorten it" if room > 0 else "shorten it"
        msg = (
            f"the prompt has {prompt} tokens and `max_new_tokens` is {new}, together {prompt + new}; the model reads "
            f"at most {self.tokens} ({self.source}). Nothing is cut: {remedy} (the question, its context, the "
            "conversation before it), or use a model with a longer window."
        )
        raise ContextWindowError(msg, place)

    def check_scoring(self, place: int, prompt: int, continuation: int) -> None:
        """Checks the tokens of a prompt and a continuation, of the request at `place` of a call.

        Raises:
            ContextWindowError: If both together do not fit.
        """
        if self.tokens is None or prompt + continuation <= self.tokens:
            return
        msg = (
            f"the prompt has {prompt} tokens and what is scored after it {continuation}, together "
            f"{prompt + continuation}; the model reads at most {self.tokens} ({self.source}). Nothing is cut: shorten "
            "the answer, the question, its context or the conversation before it, or use a model with a longer window."
        )
        raise ContextWindowError(msg, place)


def _positions(config: Any) -> int | None:
    """The configuration's positions; where they are stretched (YaRN and the like), the stretched ones."""
    text = config.get_text_config()
    own: int | None = getattr(text, "max_position_embeddings", None)
    stretch: Mapping[str, Any] = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    # Models whose layers differ have one mapping for each kind of layer.
    each = [stretch, *(one for one in stretch.values() if isinstance(one, Mapping))]
    stretched = [
        int(one["original_max_position_embeddings"] * one["factor"])
        for one in each
        if one.get("original_max_position_embeddings") and one.get("factor")
    ]
    return own if own is None else max(own, *stretched, 0)
