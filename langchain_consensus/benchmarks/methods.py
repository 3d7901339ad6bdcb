"""The engine itself, as the methods that peers are compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.benchmarks.workloads import Workload
    from langchain_consensus.engine.base import SampleResult, ScoreRequest, ScoreResult
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.transformers_engine import TransformersEngine

__all__ = ["OursSampling", "OursScoring", "canonical_draws"]


@dataclass(kw_only=True, slots=True)
class OursScoring:
    """`TransformersEngine.score` on all requests at once, from texts: rendering and tokenising are part of its time."""

    subject: Subject
    requests: Sequence[ScoreRequest]
    strings: Sequence[TokenString]
    engine: TransformersEngine | None = field(default=None, init=False)

    def prepare(self) -> None:
        """A fresh engine, so that no repetition profits from an earlier one."""
        self.engine = self.subject.fresh_engine()

    def run(self) -> ScoreResult:
        """Scores everything."""
        assert self.engine is not None
        return self.engine.score(self.requests)

    def scores(self, result: ScoreResult) -> list[float]:
        """The sums, in the order of `strings`."""
        tokens = self.subject.tokens
        found: dict[TokenString, float] = {}
        for request, scores in zip(self.requests, result.scores, strict=True):
            found.update(zip(tokens.strings(request), scores.logprobs.tolist(), strict=True))
        return [found[string] for string in self.strings]


@dataclass(kw_only=True, slots=True)
class OursSampling:
    """`TransformersEngine.sample` on all prompts at once, from texts, without an end token."""

    subject: Subject
    workload: Workload
    engine: TransformersEngine | None = field(default=None, init=False)

    def prepare(self) -> None:
        """A fresh engine on the model without its end tokens, which are read when it is loaded."""
        with self.subject.endless() as endless:
            self.engine = endless.fresh_engine()

    def run(self) -> SampleResult:
        """Draws everything."""
        assert self.engine is not None
        assert self.workload.settings is not None
        result = self.engine.sample(self.workload.prompts, self.workload.settings)
        wanted = len(self.workload.prompts) * self.workload.settings.n * self.workload.settings.max_new_tokens
        assert result.usage.sampled_tokens == wanted, f"{result.usage.sampled_tokens} tokens drawn, {wanted} wanted"
        return result

    def scores(self, result: SampleResult) -> list[float]:
        """Nothing: other methods draw other texts."""
        del result
        return []


def canonical_draws(
    subject: Subject, workload: Workload, result: SampleResult
) -> tuple[list[TokenString], list[float]]:
    """The draws whose tokens their text gives back, as strings to score, and the engine's own log-probabilities."""
    from langchain_consensus.engine.base import ScoreRequest

    strings, logprobs = [], []
    for prompt, draws in zip(workload.prompts, result.samples, strict=True):
        for draw in draws:
            if draw.canonical:
                strings += subject.tokens.strings(ScoreRequest(prompt=prompt, continuations=(draw.text,)))
                logprobs.append(draw.logprob)
    return strings, logprobs
