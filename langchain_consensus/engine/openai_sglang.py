"""The dialect of SGLang's own `/generate`: scores from a start position on, and log-probabilities of tokens by id.

`logprob_start_len` says from where scores are wanted, so that the server's prefix cache serves what lies before. What
its `/v1/score` returns are the exponentials of `token_ids_logprob` here, for a prompt that a multi-item server puts
delimiters into; the request itself is asked instead. Tested on a stub that speaks the documented protocol; not verified
on a real SGLang.
"""

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
    logprob_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings

__all__ = ["SglangDialect"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SglangDialect:
    """SGLang's `/generate`, at the server's root."""

    name: Literal["sglang"] = "sglang"

    def score(self, ids: Sequence[int], start: int) -> Exchange[NDArray[np.float64]]:
        """Scores from one token before `start` on: the first position that is asked for has no score."""

        def read(answer: Any) -> NDArray[np.float64]:
            return np.array([logprob_of(value) for value, _, _ in _inputs(answer, ids, start)])

        return self._generate(ids, read, logprob_start_len=start - 1, sampling_params=_ONE)

    def texts(self, ids: Sequence[int]) -> Exchange[tuple[str, ...]]:
        """Reads the texts beside the scores."""

        def read(answer: Any) -> tuple[str, ...]:
            return ("", *(str(text) for _, _, text in _inputs(answer, ids, 1)))

        return self._generate(ids, read, logprob_start_len=0, return_text_in_logprobs=True, sampling_params=_ONE)

    def next_tokens(self, ids: Sequence[int], wanted: Sequence[int]) -> Exchange[NDArray[np.float64]]:
        """Reads `output_token_ids_logprobs` of one generated token."""

        def read(answer: Any) -> NDArray[np.float64]:
            rows = _meta(answer).get("output_token_ids_logprobs") or [[]]
            told = {int(entry[1]): logprob_of(entry[0]) for entry in rows[0] or []}
            return np.array([told.get(token, np.nan) for token in wanted])

        return self._generate(
            ids, read, logprob_start_len=len(ids) - 1, token_ids_logprob=list(wanted), sampling_params=_ONE
        )

    def draw(
        self,
        ids: Sequence[int],
        settings: SamplingSettings,
        *,
        seed: int,
        end_ids: Sequence[int],
        grammar: str = "",  # noqa: ARG002 - SGLang's own are of other kinds
    ) -> Exchange[tuple[Drawn, ...]]:
        """Draws; a server that is not started for deterministic inference ignores the seed."""

        def read(answer: Any) -> tuple[Drawn, ...]:
            return tuple(_drawn(one) for one in (answer if isinstance(answer, list) else [answer]))

        params = {
            "n": settings.n,
            "max_new_tokens": settings.max_new_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": settings.top_k or -1,
            "min_p": settings.min_p,
            "stop": list(settings.stop),
            "stop_token_ids": list(end_ids),
            **_UNCHANGED,
            "sampling_seed": seed,
        }
        return self._generate(ids, read, logprob_start_len=len(ids) - 1, sampling_params=params)

    def _generate(self, ids: Sequence[int], read: Any, **options: Any) -> Exchange[Any]:
        body = {"input_ids": list(ids), "return_logprob": True, "stream": False, **options}
        return Exchange(path="//generate", body=body, read=read, cost=_cost)


_UNCHANGED = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""Said aloud, since a model's `generation_config.json` changes the server's defaults."""
_ONE = {"max_new_tokens": 1, "temperature": 0.0, **_UNCHANGED}


def _meta(answer: Any) -> Mapping[str, Any]:
    meta = answer.get("meta_info") if isinstance(answer, dict) else None
    if not isinstance(meta, dict):
        msg = f"The server's answer has no `meta_info`: {str(answer)[:200]!r}."
        raise AnswerError(msg)
    return meta


def _inputs(answer: Any, ids: Sequence[int], start: int) -> list[Any]:
    """The entries `[log-probability, id, text]` of `ids[start:]`."""
    meta = _meta(answer)
    entries = meta.get("input_token_logprobs")
    if not entries:
        msg = "The server's answer has no `input_token_logprobs`."
        raise MissingLogprobsError(msg)
    check_count(int(meta.get("prompt_tokens", len(ids))), sent=len(ids))
    wanted = entries[-(len(ids) - start) :]
    if [int(entry[1]) for entry in wanted] != list(ids[start:]):
        msg = f"it was sent tokens {list(ids[start:])[:8]} and answered for {[e[1] for e in wanted][:8]}"
        raise OtherTokensError(msg)
    return [(entry[0], entry[1], entry[2] if len(entry) > 2 else None) for entry in wanted]


def _cost(answer: Any) -> int:
    meta = (answer[0] if isinstance(answer, list) else answer)["meta_info"]
    return int(meta.get("prompt_tokens") or 0) - int(meta.get("cached_tokens") or 0)


def _drawn(one: Any) -> Drawn:
    meta = _meta(one)
    entries, reason = meta.get("output_token_logprobs") or [], meta.get("finish_reason") or {}
    by_text = reason.get("type") == "stop" and isinstance(reason.get("matched"), str)
    return Drawn(
        text=str(one.get("text", "")),
        ids=tuple(int(entry[1]) for entry in entries),
        logprobs=tuple(logprob_of(entry[0]) for entry in entries),
        finish="length" if reason.get("type") == "length" else "stop" if by_text else "end",
    )
