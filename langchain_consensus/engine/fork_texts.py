"""Drawn token ids -> samples: their text, where a stop string cuts it, and the log-probability of what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from langchain_consensus.engine.base import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.engine.sampling import Fork
    from langchain_consensus.engine.tokenization import Tokenization
    from langchain_consensus.prompts import Prompt

__all__ = ["DrawnTokens", "sample_of", "stopper"]


class DrawnTokens(Protocol):
    """Tokens that were drawn, the end token included, and their untruncated log-probabilities."""

    @property
    def ids(self) -> Sequence[int]:
        """The tokens."""
        ...

    @property
    def logprobs(self) -> Sequence[float]:
        """As many log-probabilities."""
        ...


def stopper(tokens: Tokenization, stop: tuple[str, ...]) -> Callable[[Fork], bool]:
    """Says of a growing fork whether one of the stop strings has just ended in its text."""
    # A token is at least one byte, so a stop string that ends here lies within this many tokens.
    window = max((len(text.encode()) for text in stop), default=0) + 4

    def stopped(fork: Fork) -> bool:
        return bool(stop) and any(text in tokens.text(fork.ids[-window:]) for text in stop)

    return stopped


def sample_of(tokens: Tokenization, prompt: Prompt, fork: DrawnTokens, stop: tuple[str, ...]) -> Sample:
    """The sample that a finished fork is."""
    ended = bool(fork.ids) and fork.ids[-1] in tokens.end_ids
    body = fork.ids[:-1] if ended else fork.ids
    text = tokens.text(body)
    cuts = [text.index(one) for one in stop if one in text]
    if cuts:
        text = text[: min(cuts)]
        # The stop string may begin inside a token; then no tokens of the fork are exactly the text.
        body = next((body[:k] for k in range(len(body), -1, -1) if tokens.text(body[:k]) == text), [])
    return Sample(
        text=text,
        tokens=len(fork.ids),
        logprob=float(sum(fork.logprobs[: len(body)])),
        end_logprob=fork.logprobs[-1] if ended and not cuts else None,
        finish="stop" if cuts else "end" if ended else "length",
        canonical=bool(body) and tokens.is_canonical(prompt, text, body),
    )
