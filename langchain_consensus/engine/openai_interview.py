"""A server that is being asked known questions, patiently; and how it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from langchain_consensus.engine.openai_protocol import same_piece
from langchain_consensus.engine.openai_requests import TransientError, asked
from langchain_consensus.errors import EngineError
from langchain_consensus.prompts import TextPrompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from openai import AsyncOpenAI

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.openai_protocol import Dialect, Drawn, Exchange
    from langchain_consensus.engine.tokenization import Tokenization

__all__ = ["Interview", "RefusalError", "patiently"]

T = TypeVar("T")


class RefusalError(EngineError):
    """What is wrong with a server, and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interview:
    """One server, asked patiently: transient failures are repeated a few times.

    Attributes:
        client: The server.
        dialect: How it is asked.
        tokens: The tokenizer that the engine uses.
        max_tokens: What the server says it reads at most, or `None`.
    """

    client: AsyncOpenAI
    dialect: Dialect
    tokens: Tokenization
    max_tokens: int | None

    async def ask(self, exchange: Exchange[T]) -> T:
        """The answer to one exchange."""
        return await patiently(self.client, exchange)

    def ids(self, text: str) -> list[int]:
        """A text as the engine would send it."""
        return self.tokens.prompt_ids(TextPrompt(text=text))

    async def score(self, ids: list[int], start: int) -> NDArray[np.float64]:
        """`[len(ids) - start]` log-probabilities."""
        return await self.ask(self.dialect.score(ids, start))

    async def draw(
        self, ids: list[int], settings: SamplingSettings, *, seed: int = 1, grammar: str = ""
    ) -> tuple[Drawn, ...]:
        """Samples."""
        ends = sorted(self.tokens.end_ids)
        return await self.ask(self.dialect.draw(ids, settings, seed=seed, end_ids=ends, grammar=grammar))

    def known_ids(self, drawn: Drawn) -> list[int]:
        """The ids of a sample's tokens, as far as they are certain: told, or each text exactly one token."""
        if drawn.ids is not None:
            return list(drawn.ids)
        known: list[int] = []
        for piece in drawn.pieces:
            ids = self.tokens.plain_ids(piece) if piece else []
            # Half a character is shown as U+FFFD, and some texts are tokenised as others that look the same.
            if len(ids) != 1 or "\ufffd" in piece or not same_piece(piece, self.tokens.tokenizer.decode(ids)):
                break
            known += ids
        return known


async def patiently(client: AsyncOpenAI, exchange: Exchange[T]) -> T:
    """The answer to an exchange, after up to four attempts."""
    retrying = AsyncRetrying(
        stop=stop_after_attempt(4),
        wait=wait_random_exponential(multiplier=0.1, max=5.0),
        retry=retry_if_exception_type(TransientError),
        reraise=True,
    )
    return await retrying(asked, client, exchange)
