"""Questions and candidates in, the engine's requests and texts of a wanted length out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.candidates import given
from langchain_consensus.engine.base import ContinuationScores, ScoreResult
from langchain_consensus.views import scored

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.engine.base import SampleResult, SamplingSettings, ScoreRequest
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.tokenization import Tokenization
    from langchain_consensus.prompts import Prompt, Question, Wording

__all__ = ["distinct_strings", "fitted", "scoring_requests", "shortened"]


def scoring_requests(wording: Wording, asked: Sequence[tuple[Question, Sequence[str]]]) -> tuple[ScoreRequest, ...]:
    """The requests that ranking these candidates sends to an engine, in one call for all questions."""
    recorder = _Recorder()
    scored(recorder, wording, [given(question, texts) for question, texts in asked])
    return tuple(recorder.requests)


def distinct_strings(tokens: Tokenization, requests: Sequence[ScoreRequest]) -> list[TokenString]:
    """The distinct token strings of the requests, in the order of their first occurrence."""
    return list(dict.fromkeys(string for request in requests for string in tokens.strings(request)))


def fitted(words: Sequence[str], size: Callable[[str], int], most: int) -> str:
    """The longest beginning of `words` whose `size` is at most `most`.

    Args:
        words: At least one.
        size: The length of a text; longer texts are not shorter.
        most: What it may be.
    """
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if size(" ".join(words[:middle])) <= most:
            low = middle
        else:
            high = middle - 1
    return " ".join(words[:low])


def shortened(tokens: Tokenization, text: str, most: int) -> str:
    """`text` cut after a word so that it has at most `most` tokens behind a space."""
    return fitted(text.split(), lambda part: len(tokens.plain_ids(f" {part}")), most)


class _Recorder:
    """An engine that keeps what it is asked and scores everything 0."""

    name = "recorder"
    is_chat = True

    def __init__(self) -> None:
        self.requests: list[ScoreRequest] = []

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        self.requests += requests
        return ScoreResult(
            scores=tuple(
                ContinuationScores(
                    logprobs=np.zeros(len(one.continuations)), tokens=np.ones(len(one.continuations), dtype=np.int64)
                )
                for one in requests
            )
        )

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        raise NotImplementedError

    def token_ids(self, text: str) -> list[int]:
        raise NotImplementedError
