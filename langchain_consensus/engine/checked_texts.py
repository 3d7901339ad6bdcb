"""Texts of calls to token ids, and drawn ids back to texts, for one model; every length is checked before any forward.

Any thread may use it: fast tokenizers cannot serve two threads at once, so that each waits for the other here.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from langchain_consensus.engine.fork_texts import sample_of, stopper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.engine.base import Sample, SamplingSettings, ScoreRequest
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.limits import Limits
    from langchain_consensus.engine.sampling import Fork
    from langchain_consensus.engine.tokenization import Tokenization
    from langchain_consensus.engine.window import ContextWindow
    from langchain_consensus.prompts import Prompt

__all__ = ["CheckedTexts"]


class CheckedTexts:
    """Reads and writes texts for one model."""

    def __init__(self, tokens: Tokenization, window: ContextWindow, limits: Limits) -> None:
        """Uses `tokens`, and checks lengths against what the model can read and what the engine's owner allows."""
        self._tokens, self._window, self._limits = tokens, window, limits
        self._lock = threading.RLock()

    def strings(self, requests: Sequence[ScoreRequest]) -> list[list[TokenString]]:
        """The token strings of every request.

        Raises:
            ContextWindowError: If the model cannot read one.
            LimitExceededError: If the limits do not allow the call.
        """
        with self._lock:
            groups = [self._tokens.strings(request) for request in requests]
        for place, group in enumerate(groups):
            for string in group:
                self._window.check_scoring(place, len(string.prefix), len(string.continuation))
        self._limits.check_scoring(groups)
        return groups

    def prompt_ids(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> list[list[int]]:
        """The ids of every prompt, with room for what will be drawn after it; errors are those of `strings`."""
        with self._lock:
            ids = [self._tokens.prompt_ids(prompt) for prompt in prompts]
        for place, prompt in enumerate(ids):
            self._window.check_sampling(place, len(prompt), settings.max_new_tokens)
        self._limits.check_sampling(ids, settings)
        return ids

    def samples(
        self, prompts: Sequence[Prompt], forks: Sequence[Sequence[Fork]], settings: SamplingSettings
    ) -> tuple[tuple[Sample, ...], ...]:
        """The samples that finished forks are."""
        with self._lock:
            return tuple(
                tuple(sample_of(self._tokens, prompt, fork, settings.stop) for fork in group)
                for prompt, group in zip(prompts, forks, strict=True)
            )

    def stopper(self, settings: SamplingSettings) -> Callable[[Fork], bool]:
        """Says of a growing fork whether a stop string has just ended in its text."""
        stopped = stopper(self._tokens, settings.stop)

        def finished(fork: Fork) -> bool:
            with self._lock:
                return stopped(fork)

        return finished if settings.stop else lambda _: False

    def plain_ids(self, text: str) -> list[int]:
        """The ids of `text` alone, no special tokens added."""
        with self._lock:
            return self._tokens.plain_ids(text)

    def written_call(self, name: str, arguments: str) -> str:
        """What the chat template writes where the assistant calls a tool."""
        with self._lock:
            return self._tokens.written_call(name, arguments)
