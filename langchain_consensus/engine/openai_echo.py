"""The dialect of OpenAI's first completions API: `echo` with `logprobs`. Tokens are told by their text alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from langchain_consensus.engine.openai_protocol import (
    Drawn,
    Exchange,
    MissingLogprobsError,
    OtherTokensError,
    check_count,
    checked_values,
    first_choice,
    logprob_of,
    openai_cost,
    same_piece,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings

__all__ = ["EchoDialect"]

_TOP = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class EchoDialect:
    """Completions with `echo`.

    Attributes:
        model: The model's name on the server.
        text_of: How the tokenizer writes some tokens; such servers name tokens by their text.
        as_text: Whether prompts are sent as text, for servers that take no token ids. What the server reads is compared
            token by token with what was meant.
    """

    model: str
    text_of: Callable[[Sequence[int]], str]
    as_text: bool = False
    name: Literal["echo"] = "echo"

    def score(self, ids: Sequence[int], start: int) -> Exchange[NDArray[np.float64]]:
        """Scores by `echo`; one token is generated and left out, since some servers read 0 as no limit."""

        def read(answer: Any) -> NDArray[np.float64]:
            for token, piece in zip(ids, _echoed(answer, "tokens", len(ids)), strict=False):
                if not same_piece(str(piece), self.text_of([token])):
                    msg = f"it read {str(piece)!r} where {self.text_of([token])!r} was meant"
                    raise OtherTokensError(msg)
            return checked_values(_echoed(answer, "token_logprobs", len(ids)), sent=len(ids), start=start)

        return self._completion(ids, read, echo=True, logprobs=1, max_tokens=1, temperature=0.0)

    def texts(self, ids: Sequence[int]) -> Exchange[tuple[str, ...]]:
        """Reads the echoed tokens."""

        def read(answer: Any) -> tuple[str, ...]:
            return tuple(map(str, _echoed(answer, "tokens", len(ids))))

        return self._completion(ids, read, echo=True, logprobs=1, max_tokens=1, temperature=0.0)

    def next_tokens(self, ids: Sequence[int], wanted: Sequence[int]) -> Exchange[NDArray[np.float64]]:
        """Reads one generated token's `top_logprobs`, by text."""

        def read(answer: Any) -> NDArray[np.float64]:
            told = ((first_choice(answer).get("logprobs") or {}).get("top_logprobs") or [{}])[0] or {}
            found = [told.get(self.text_of([token])) for token in wanted]
            return np.array([np.nan if value is None else logprob_of(value) for value in found])

        return self._completion(ids, read, logprobs=_TOP, max_tokens=1, temperature=0.0)

    def draw(
        self,
        ids: Sequence[int],
        settings: SamplingSettings,
        *,
        seed: int,
        end_ids: Sequence[int],  # noqa: ARG002 - the server knows its model's own
        grammar: str = "",  # noqa: ARG002 - the protocol has none
    ) -> Exchange[tuple[Drawn, ...]]:
        """Draws with every sampling option said aloud."""

        def read(answer: Any) -> tuple[Drawn, ...]:
            first_choice(answer)
            return tuple(_drawn(choice, stopped="stop" if settings.stop else "end") for choice in answer["choices"])

        return self._completion(
            ids,
            read,
            n=settings.n,
            max_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            min_p=settings.min_p,
            stop=list(settings.stop) or None,
            seed=seed,
            logprobs=1,
        )

    def _completion(self, ids: Sequence[int], read: Any, **options: Any) -> Exchange[Any]:
        prompt = self.text_of(ids) if self.as_text else list(ids)
        # Under OpenAI's names and llama.cpp's, which has one on by default.
        unchanged = {"repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
        body = {"model": self.model, "prompt": prompt, **unchanged, **options}
        return Exchange(path="/completions", body=body, read=read, cost=openai_cost)


def _echoed(answer: Any, field: str, sent: int) -> list[Any]:
    """The prompt's part of a list of an echoed completion, the generated token left out."""
    logprobs = first_choice(answer).get("logprobs")
    values = logprobs.get(field) if isinstance(logprobs, dict) else None
    generated = _count(answer, "completion_tokens", default=1)
    if not isinstance(values, list) or len(values) <= generated < sent:
        msg = "The server's answer has no log-probabilities of the prompt; it ignores `echo`."
        raise MissingLogprobsError(msg)
    check_count(_count(answer, "prompt_tokens", default=sent), sent=sent)
    # A server that leaves the generated end token out of the lists has one entry less.
    return values[:sent]


def _count(answer: Any, name: str, *, default: int) -> int:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) else default


def _drawn(choice: Mapping[str, Any], *, stopped: Literal["stop", "end"]) -> Drawn:
    logprobs = choice.get("logprobs") or {}
    values = logprobs.get("token_logprobs") or []
    return Drawn(
        text=str(choice.get("text", "")),
        pieces=tuple(map(str, logprobs.get("tokens") or [])),
        ids=None,
        logprobs=tuple(logprob_of(value) for value in values),
        finish="length" if choice.get("finish_reason") == "length" else stopped,
    )
