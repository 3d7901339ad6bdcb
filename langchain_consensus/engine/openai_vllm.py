"""The dialect of vLLM: `prompt_logprobs`, token ids in every answer, and log-probabilities of single tokens by id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from langchain_consensus.engine.openai_protocol import (
    AnswerError,
    Drawn,
    Exchange,
    MissingLogprobsError,
    OtherTokensError,
    check_count,
    checked_values,
    first_choice,
    logprob_of,
    openai_cost,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings

__all__ = ["VllmDialect"]

_TOP = 20
"""The most log-probabilities a position that vLLM returns without being configured for more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VllmDialect:
    """vLLM's completions, with its own fields."""

    model: str
    name: Literal["vllm"] = "vllm"

    def score(self, ids: Sequence[int], start: int) -> Exchange[NDArray[np.float64]]:
        """Scores by `prompt_logprobs`; the values are named by token id, so other tokens cannot pass for these."""

        def read(answer: Any) -> NDArray[np.float64]:
            entries = _entries(answer, ids)
            return checked_values([0.0, *(entry.get("logprob") for entry in entries)], sent=len(ids), start=start)

        return self._completion(ids, read, prompt_logprobs=0, max_tokens=1, temperature=0.0)

    def texts(self, ids: Sequence[int]) -> Exchange[tuple[str, ...]]:
        """Reads `decoded_token`."""

        def read(answer: Any) -> tuple[str, ...]:
            return ("", *(str(entry.get("decoded_token") or "") for entry in _entries(answer, ids)))

        return self._completion(ids, read, prompt_logprobs=0, max_tokens=1, temperature=0.0)

    def next_tokens(self, ids: Sequence[int], wanted: Sequence[int]) -> Exchange[NDArray[np.float64]]:
        """Reads one generated token's log-probabilities: exactly the wanted ids where the server knows how."""

        def read(answer: Any) -> NDArray[np.float64]:
            told = ((first_choice(answer).get("logprobs") or {}).get("top_logprobs") or [{}])[0] or {}
            found = [told.get(f"token_id:{token}") for token in wanted]
            return np.array([np.nan if value is None else logprob_of(value) for value in found])

        options = {"logprob_token_ids": list(wanted)} if len(wanted) <= _TOP else {}
        named = {"return_tokens_as_token_ids": True, **options}
        return self._completion(ids, read, logprobs=_TOP, max_tokens=1, temperature=0.0, **named)

    def draw(
        self, ids: Sequence[int], settings: SamplingSettings, *, seed: int, end_ids: Sequence[int], grammar: str = ""
    ) -> Exchange[tuple[Drawn, ...]]:
        """Draws with every sampling option said aloud; both xgrammar and llguidance in vLLM read the Lark."""

        def read(answer: Any) -> tuple[Drawn, ...]:
            first_choice(answer)
            return tuple(_drawn(choice) for choice in answer["choices"])

        held = {"structured_outputs": {"grammar": grammar}} if grammar else {}
        return self._completion(
            ids,
            read,
            n=settings.n,
            max_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
            min_p=settings.min_p,
            stop=list(settings.stop),
            stop_token_ids=list(end_ids),
            seed=seed,
            logprobs=0,
            return_token_ids=True,
            **held,
        )

    def _completion(self, ids: Sequence[int], read: Any, **options: Any) -> Exchange[Any]:
        # Said aloud in every request, since a model's `generation_config.json` changes vLLM's defaults.
        unchanged = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
        body = {"model": self.model, "prompt": list(ids), "add_special_tokens": False, **unchanged, **options}
        return Exchange(path="/completions", body=body, read=read, cost=openai_cost)


def _entries(answer: Any, ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """What is said of each token of a prompt but the first."""
    found = first_choice(answer).get("prompt_logprobs")
    if not isinstance(found, list):
        msg = "The server's answer has no `prompt_logprobs`."
        raise MissingLogprobsError(msg)
    check_count(len(found), sent=len(ids))
    return [_entry(one, token) for one, token in zip(found[1:], ids[1:], strict=True)]


def _entry(told: object, token: int) -> Mapping[str, Any]:
    entry = told.get(str(token)) if isinstance(told, dict) else None
    if not isinstance(entry, dict):
        msg = f"it was sent token {token} and answered for {str(told)[:80]!r}"
        raise OtherTokensError(msg)
    return entry


def _drawn(choice: Any) -> Drawn:
    ids, logprobs = choice.get("token_ids"), (choice.get("logprobs") or {}).get("token_logprobs") or []
    if ids is not None and len(ids) != len(logprobs):
        msg = f"The server drew {len(ids)} tokens and returned {len(logprobs)} log-probabilities."
        raise AnswerError(msg)
    by_length = choice.get("finish_reason") == "length"
    by_text = isinstance(choice.get("stop_reason"), str)
    return Drawn(
        text=str(choice.get("text", "")),
        ids=None if ids is None else tuple(ids),
        logprobs=tuple(logprob_of(value) for value in logprobs),
        finish="length" if by_length else "stop" if by_text else "end",
    )
