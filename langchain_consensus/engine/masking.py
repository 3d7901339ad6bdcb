"""The state of a grammar in a growing sample: which tokens may come next.

Tokens in, masks out. One `TokenGrammar` a fork; the mask is over the model's own vocabulary and never touches the
log-probabilities that are kept, which stay those of the whole distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from langchain_consensus.engine.grammar import compiled, require_llguidance
from langchain_consensus.errors import EngineError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llguidance import LLMatcher
    from numpy.typing import NDArray

    from langchain_consensus.engine.grammar import JsonForm

__all__ = ["GrammarCompiler", "GrammarProcessor", "TokenGrammar", "masked"]


class TokenGrammar:
    """Where one sample stands in its grammar."""

    def __init__(self, matcher: LLMatcher, *, end_ids: frozenset[int], width: int) -> None:
        """Wraps a matcher; `width` is the number of the model's logits."""
        self._matcher, self._end_ids, self._width = matcher, end_ids, width

    def copy(self) -> Self:
        """The same state, to go its own way."""
        return type(self)(self._matcher.deep_copy(), end_ids=self._end_ids, width=self._width)

    def allowed(self) -> NDArray[np.bool_]:
        """`[vocabulary]` which tokens may come next: after a complete value the end tokens, and nothing else."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.unpackbits(bits, bitorder="little", count=self._width).astype(bool)
        self._check(holds=bool(mask.any()))
        return mask

    def advance(self, token: int) -> None:
        """Takes the token that was drawn; after an end token there is nothing to advance to."""
        if token not in self._end_ids:
            self._check(holds=self._matcher.consume_token(token))

    def _check(self, *, holds: bool) -> None:
        if not holds or self._matcher.is_error():
            reason = self._matcher.get_error().partition("\n")[0] or "no token may come next"
            msg = f"The grammar cannot be followed any further: {reason}. Use a simpler JSON schema."
            raise EngineError(msg)


class GrammarCompiler:
    """Makes grammars over one tokenizer's tokens."""

    def __init__(self, tokenizer: Any, *, end_ids: frozenset[int], width: int) -> None:
        """Reads the tokenizer, which takes a second or two for a large vocabulary.

        Args:
            tokenizer: A fast transformers tokenizer.
            end_ids: Tokens that end a sample.
            width: The number of the model's logits.

        Raises:
            MissingDependencyError: If llguidance is not installed.
            InvalidInputError: If the tokenizer cannot be read, or has no end token.
        """
        require_llguidance()
        from llguidance.hf import from_tokenizer

        if not end_ids or not hasattr(tokenizer, "backend_tokenizer"):
            msg = "Decoding under a grammar needs a fast tokenizer (of the `tokenizers` library) with an end token."
            raise InvalidInputError(msg)
        self._end_ids, self._width = end_ids, width
        self._tokenizer = from_tokenizer(tokenizer, n_vocab=max(width, len(tokenizer)), eos_token=sorted(end_ids))
        self._token_ids: Mapping[str, int] = tokenizer.get_added_vocab()

    def start(self, forms: Sequence[JsonForm]) -> TokenGrammar:
        """The grammar of `forms` before the first token."""
        matcher = compiled(forms, self._tokenizer, token_ids=self._token_ids)
        return TokenGrammar(matcher, end_ids=self._end_ids, width=self._width)


def masked(logits: torch.Tensor, grammars: Sequence[TokenGrammar]) -> torch.Tensor:
    """`[R, vocabulary]` logits, minus infinity where the grammar of the row rules a token out."""
    allowed = torch.from_numpy(np.stack([grammar.allowed() for grammar in grammars]))
    return logits.masked_fill(~allowed.to(logits.device), -torch.inf)


class GrammarProcessor:
    """A grammar for `generate` of transformers: a logits processor that follows each of its rows."""

    def __init__(self, start: TokenGrammar, *, prompt_length: int, end_ids: frozenset[int]) -> None:
        """Remembers where rows begin."""
        self._start, self._prompt_length, self._end_ids = start, prompt_length, end_ids
        self._rows: list[TokenGrammar] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with what the grammars rule out at minus infinity; rows that have ended are left alone."""
        if input_ids.shape[1] == self._prompt_length:
            self._rows = [self._start.copy() for _ in input_ids]
            return masked(scores, self._rows)
        drawn = input_ids[:, self._prompt_length :].tolist()
        alive = [row for row, tokens in enumerate(drawn) if not self._end_ids.intersection(tokens)]
        for row in alive:
            self._rows[row].advance(drawn[row][-1])
        if alive:
            scores = scores.clone()
            scores[alive] = masked(scores[alive], [self._rows[row] for row in alive])
        return scores
