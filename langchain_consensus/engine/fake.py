"""A deterministic engine without a model, for tests and examples.

It believes what it is told: a table of questions, their possible answers and how probable each is. Anything outside the
table gets a reproducible pseudo-random score, so every surface runs on it.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.base import (
    ContinuationScores,
    Sample,
    SampleResult,
    SamplingSettings,
    ScoreRequest,
    ScoreResult,
    Usage,
)
from langchain_consensus.engine.facts import ModelFacts
from langchain_consensus.engine.grammar import matches
from langchain_consensus.engine.limits import checked_limits
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.engine.grammar import JsonForm
    from langchain_consensus.engine.limits import Limits
    from langchain_consensus.prompts import Prompt

__all__ = ["FakeEngine"]

_VERDICT_WORDS = 2
_VERDICT_MASS = 0.96
"""Probability that the fake gives to its two verdict words together."""


class FakeEngine:
    """An `Engine` whose knowledge is a table.

    Example:
        ```python
        engine = FakeEngine({"What is the capital of Australia?": {"Canberra": 0.6, "Sydney": 0.4}})
        ```
    """

    def __init__(
        self,
        beliefs: Mapping[str, Mapping[str, float]] | None = None,
        *,
        is_chat: bool = True,
        limits: Limits | None = None,
    ) -> None:
        """Makes an engine that believes `beliefs`.

        Args:
            beliefs: For each question the probability, above 0, of each answer; scaled to sum to one.
            is_chat: Whether the engine claims to have a chat template.
            limits: How large a call may be; of these the fake checks `candidates` and `documents`.
        """
        self._is_chat = is_chat
        self._limits = checked_limits(limits)
        self._beliefs: dict[str, dict[str, float]] = {}
        for question, answers in (beliefs or {}).items():
            if not answers or not all(p > 0 and math.isfinite(p) for p in answers.values()):
                msg = f"`beliefs[{question!r}]` is {answers!r}; it must give at least one answer a probability above 0."
                raise InvalidInputError(msg)
            total = sum(answers.values())
            self._beliefs[question] = {answer: p / total for answer, p in answers.items()}

    @property
    def name(self) -> str:
        """`fake`."""
        return "fake"

    @property
    def is_chat(self) -> bool:
        """What the constructor was told."""
        return self._is_chat

    @property
    def limits(self) -> Limits:
        """What the constructor was told."""
        return self._limits

    @property
    def facts(self) -> ModelFacts:
        """That it takes tools as it takes chats, and texts of any length."""
        return ModelFacts(shows_tools=self._is_chat, follows_grammars=True)

    def token_ids(self, text: str) -> list[int]:
        """One id a word, the same for the same word."""
        return [int.from_bytes(hashlib.sha256(word.encode()).digest()[:3], "big") for word in text.split()]

    def written_call(self, name: str, arguments: str) -> str:
        """A call as the Qwen and Hermes families write it."""
        return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """Draws answers from the table with the seed in `settings`; under a grammar, among those of its forms."""
        samples = tuple(self._draw(_text(prompt), settings) for prompt in prompts)
        drawn = sum(sample.tokens for group in samples for sample in group)
        read = sum(len(_text(prompt).split()) for prompt in prompts)
        usage = Usage(
            input_tokens=read, computed_tokens=read + drawn, sampled_tokens=drawn, head_rows=drawn, forwards=1
        )
        return SampleResult(samples=samples, usage=usage)

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """Looks continuations up in the table; verdicts follow from the answer that the prompt proposes."""
        scores = []
        for request in requests:
            text = _text(request.prompt)
            tokens = [max(len(c.split()), 1) + request.end_token for c in request.continuations]
            logprobs = self._verdict(text, request.continuations) or [
                self._answer(text, continuation) for continuation in request.continuations
            ]
            scores.append(ContinuationScores(logprobs=np.array(logprobs), tokens=np.array(tokens)))
        read = sum(len(_text(r.prompt).split()) + int(s.tokens.sum()) for r, s in zip(requests, scores, strict=True))
        rows = sum(int(s.tokens.sum()) for s in scores)
        usage = Usage(input_tokens=read, computed_tokens=read, head_rows=rows, forwards=1)
        return ScoreResult(scores=tuple(scores), usage=usage)

    def _answers(self, text: str) -> dict[str, float]:
        known = [question for question in self._beliefs if question in text]
        return self._beliefs[max(known, key=len)] if known else {}

    def _draw(self, text: str, settings: SamplingSettings) -> tuple[Sample, ...]:
        answers = _of_form(self._answers(text) or {"I do not know": 1.0}, settings.grammar)
        rng = np.random.default_rng([settings.seed, _number(text)])
        names = list(answers)
        most_probable = max(names, key=lambda name: answers[name])
        draws = [
            most_probable if settings.temperature == 0 else str(rng.choice(names, p=list(answers.values())))
            for _ in range(settings.first + settings.n)
        ][settings.first :]
        return tuple(_sample(draw, math.log(answers[draw]), settings) for draw in draws)

    def _answer(self, text: str, continuation: str) -> float:
        """Log P(continuation): the belief, or under the incorrect condition what is left of it, shared out."""
        if continuation.strip() in self._beliefs:
            return self._query(text, self._beliefs[continuation.strip()])
        answers = self._answers(text)
        belief = answers.get(continuation.strip())
        if belief is None:
            return -1.0 - 9.0 * _number(text + continuation) / 2**24
        if "incorrect answer" not in text.lower():
            return math.log(belief)
        return math.log((1 - belief + 1e-6) / (len(answers) - 1 + 1e-6 * len(answers)))

    def _query(self, text: str, answers: Mapping[str, float]) -> float:
        """Log P(question): the more probable an answer is that the text before it holds, the more probable."""
        return math.log(max((p for answer, p in answers.items() if answer in text), default=1e-3)) - 1

    def _verdict(self, text: str, continuations: tuple[str, ...]) -> list[float] | None:
        """Log P(incorrect word), log P(correct word), or `None` where these are no verdict words."""
        answers = self._answers(text)
        if len(continuations) != _VERDICT_WORDS or not answers or any(c.strip() in answers for c in continuations):
            return None
        before, _, after = text.rpartition("nswer:")
        proposed = [answer for answer in answers if answer in after]
        if "Passages:" in before:
            # An answer that the passages do not hold is not supported by them.
            proposed = [answer for answer in proposed if answer in before]
        belief = min(max(answers[max(proposed, key=len)] if proposed else 0.0, 1e-3), 1 - 1e-3)
        return [math.log(_VERDICT_MASS * (1 - belief)), math.log(_VERDICT_MASS * belief)]


def _sample(text: str, logprob: float, settings: SamplingSettings) -> Sample:
    places = [text.find(stop) for stop in settings.stop if stop in text]
    shown = text[: min(places)] if places else text
    words, longest = shown.split(), settings.max_new_tokens
    cut = len(words) >= longest
    return Sample(
        text=" ".join(words[:longest]) if len(words) > longest else shown,
        tokens=min(len(words) + 1, longest),
        logprob=logprob,
        end_logprob=None if cut or places else 0.0,
        finish="length" if cut else "stop" if places else "end",
        canonical=not cut and not places,
    )


def _of_form(answers: Mapping[str, float], grammar: Sequence[JsonForm]) -> Mapping[str, float]:
    """What is left of `answers` under a grammar, scaled to sum to one again."""
    if not grammar:
        return answers
    left = {answer: p for answer, p in answers.items() if matches(grammar, answer)}
    if not left:
        msg = f"Of {sorted(answers)}, no answer in `beliefs` has a form that the grammar allows; add one that has."
        raise InvalidInputError(msg)
    total = sum(left.values())
    return {answer: p / total for answer, p in left.items()}


def _text(prompt: Prompt) -> str:
    if isinstance(prompt, ChatPrompt):
        return "\n".join(f"{message.role}: {message.content}" for message in prompt.messages)
    return prompt.text


def _number(text: str) -> int:
    """A number from 0 to 2**24 - 1 that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big")
