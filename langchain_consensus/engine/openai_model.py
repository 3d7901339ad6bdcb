"""A served model and its tokenizer, tied together: prompts and texts in, samples and scores out, as with a local one.

Strings are rendered, tokenised and split by the same `Tokenization`; only the arithmetic is elsewhere.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from langchain_consensus.engine.base import ContinuationScores, Sample, SampleResult, ScoreResult, Usage
from langchain_consensus.engine.fork_texts import sample_of
from langchain_consensus.engine.openai_forms import ServedForms
from langchain_consensus.engine.openai_work import Job
from langchain_consensus.errors import EngineError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings, ScoreRequest
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.openai_probe import ProbeReport
    from langchain_consensus.engine.openai_protocol import Dialect, Drawn, Exchange
    from langchain_consensus.engine.openai_work import Workers
    from langchain_consensus.engine.tokenization import Tokenization
    from langchain_consensus.prompts import Prompt

__all__ = ["DrawPlan", "ScorePlan", "ServedModel"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorePlan:
    """What scoring sends: for each request its strings, and whether one request for the next token tells them all."""

    groups: tuple[tuple[TokenString, ...], ...]
    by_next_token: tuple[bool, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawPlan:
    """What sampling sends: the prompts, their tokens and their seeds, and what samples must look like."""

    prompts: tuple[Prompt, ...]
    ids: tuple[tuple[int, ...], ...]
    seeds: tuple[int, ...]
    settings: SamplingSettings
    forms: ServedForms


class ServedModel:
    """Plans, sends and reads for one model on one or more equal servers."""

    def __init__(self, tokens: Tokenization, report: ProbeReport, workers: Workers) -> None:
        """Ties a tokenizer to servers of which `report` says what they can do."""
        self.tokens = tokens
        self.report = report
        self._workers = workers

    def written_call(self, name: str, arguments: str) -> str:
        """What the chat template writes where the assistant calls a tool; not safe under two threads at once.

        Raises:
            InvalidInputError: If it writes none, or the server leaves out of its samples what marks one.
        """
        if not self.report.tells_ids and self.tokens.has_control_markers:
            msg = (
                "The model marks tool calls with special tokens, which a server that tells no token ids leaves out of "
                "its samples; serve it with vLLM, or use a model whose calls are plain text."
            )
            raise InvalidInputError(msg)
        return self.tokens.written_call(name, arguments)

    def plan_scores(self, requests: Sequence[ScoreRequest]) -> ScorePlan:
        """Tokenises; pure, and not safe under two threads at once."""
        groups = tuple(tuple(self.tokens.strings(request)) for request in requests)
        for group in groups:
            for string in group:
                self._check_length(len(string.prefix) + len(string.continuation), 1)
        single = tuple(
            self.report.one_request_verdicts and all(len(string.continuation) == 1 for string in group)
            for group in groups
        )
        return ScorePlan(groups=groups, by_next_token=single)

    async def score(self, plan: ScorePlan) -> ScoreResult:
        """The scores that were planned for."""
        told, usage = await self._verdicts(plan)
        rest = {string for group in plan.groups for string in group if string not in told}
        worked = await self._workers.work([_score_job(string) for string in rest])
        for string in rest:
            told[string] = float(worked.answers[string].sum())
        scored = Usage(
            computed_tokens=worked.computed,
            head_rows=sum(len(string.prefix) + len(string.continuation) for string in rest),
            forwards=worked.requests,
        )
        scores = tuple(
            ContinuationScores(
                logprobs=np.array([told[string] for string in group]),
                tokens=np.array([len(string.continuation) for string in group]),
            )
            for group in plan.groups
        )
        if any(np.isnan(one.logprobs).any() for one in scores):
            msg = "The server returned NaN log-probabilities; serve the model in another precision."
            raise EngineError(msg)
        asked = sum(len(s.prefix) + len(s.continuation) for group in plan.groups for s in group)
        return ScoreResult(scores=scores, usage=replace(usage + scored, input_tokens=asked))

    async def _verdicts(self, plan: ScorePlan) -> tuple[dict[TokenString, float], Usage]:
        """Strings whose one token's log-probability the server told beside others after the same prefix."""
        wanted: dict[tuple[int, ...], set[int]] = {}
        for group, single in zip(plan.groups, plan.by_next_token, strict=True):
            for string in group if single else ():
                wanted.setdefault(string.prefix, set()).update(string.continuation)
        worked = await self._workers.work([_next_job(prefix, sorted(ids)) for prefix, ids in wanted.items()])
        told = {
            (prefix, token): float(value)
            for prefix, ids in wanted.items()
            for token, value in zip(sorted(ids), worked.answers["next", prefix, tuple(sorted(ids))], strict=True)
        }
        found = {
            string: told[string.prefix, string.continuation[0]]
            for group, single in zip(plan.groups, plan.by_next_token, strict=True)
            for string in (group if single else ())
            if not np.isnan(told[string.prefix, string.continuation[0]])
        }
        usage = Usage(computed_tokens=worked.computed, head_rows=worked.requests, forwards=worked.requests)
        return found, usage

    def plan_draws(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> DrawPlan:
        """Tokenises; pure, and not safe under two threads at once.

        Raises:
            InvalidInputError: If a prompt is too long, or a grammar is asked for that the server cannot follow.
        """
        forms = ServedForms.of(settings.grammar, self.report, self.tokens.tokenizer)
        ids = tuple(tuple(self.tokens.prompt_ids(prompt)) for prompt in prompts)
        for one in ids:
            self._check_length(len(one), settings.max_new_tokens)
        # Mixed with the prompt, so that equal seeds do not mean equal dice for all prompts of a batch.
        start = [settings.seed, settings.first] if settings.first else [settings.seed]
        seeds = tuple(zlib.crc32(np.array([*start, *one], dtype="<u8").tobytes()) >> 1 for one in ids)
        return DrawPlan(prompts=tuple(prompts), ids=ids, seeds=seeds, settings=settings, forms=forms)

    async def draw(self, plan: DrawPlan) -> tuple[list[list[Drawn]], Usage]:
        """The samples that were planned for, and their cost."""
        # Greedy samples are all the same, and some servers refuse to make several of them.
        greedy = plan.settings.temperature == 0
        at_once = plan.settings.n if self.report.several_draws and not greedy else 1
        requests = 1 if greedy else plan.settings.n // at_once
        settings = replace(plan.settings, n=at_once)
        ends = sorted(self.tokens.end_ids)
        jobs = [
            [_draw_job(ids, settings, seed + turn, ends, plan.forms.lark) for turn in range(requests)]
            for ids, seed in zip(plan.ids, plan.seeds, strict=True)
        ]
        worked = await self._workers.work([job for group in jobs for job in group])
        drawn = [[one for job in group for one in worked.answers[job.key]] for group in jobs]
        for group in drawn:
            if len(group) < at_once * requests:
                msg = f"The server returned {len(group)} of {plan.settings.n} samples."
                raise EngineError(msg)
        sampled = sum(len(one.logprobs) for group in drawn for one in group)
        usage = Usage(
            input_tokens=sum(map(len, plan.ids)),
            computed_tokens=worked.computed + sampled,
            sampled_tokens=sampled,
            head_rows=sampled,
            forwards=worked.requests,
        )
        return [group * plan.settings.n if greedy else group for group in drawn], usage

    def samples(self, plan: DrawPlan, drawn: Sequence[Sequence[Drawn]], usage: Usage) -> SampleResult:
        """The samples as every engine returns them; pure, and not safe under two threads at once."""
        samples = tuple(
            tuple(self._sample(prompt, one, plan.settings) for one in group)
            for prompt, group in zip(plan.prompts, drawn, strict=True)
        )
        return SampleResult(samples=samples, usage=usage)

    def _sample(self, prompt: Prompt, drawn: Drawn, settings: SamplingSettings) -> Sample:
        if drawn.ids is not None:
            sample = sample_of(self.tokens, prompt, drawn, settings.stop)  # type: ignore[arg-type]
            # A server may know end tokens that the tokenizer does not.
            ends_there = sample.finish == "length" and drawn.finish == "end"
            if self.report.exact_draws and not settings.grammar and not ends_there:
                return sample
            # What the server says of these draws is not the model's own: the text is scored like any other.
            finish = "end" if ends_there else sample.finish
            return replace(sample, end_logprob=None, canonical=False, finish=finish)
        return Sample(
            text=drawn.text,
            tokens=len(drawn.logprobs),
            logprob=float(sum(drawn.logprobs)),
            end_logprob=None,
            finish=drawn.finish,
            canonical=False,
        )

    def _check_length(self, length: int, new: int) -> None:
        limit = self.report.max_tokens
        if limit is not None and length + new > limit:
            msg = (
                f"The prompt has {length} tokens and up to {new} more are asked for; the server reads at most {limit}. "
                "Shorten the question, its context or the answers."
            )
            raise InvalidInputError(msg)


def _score_job(string: TokenString) -> Job[NDArray[np.float64]]:
    ids = (*string.prefix, *string.continuation)

    def exchange_of(dialect: Dialect) -> Exchange[Any]:
        return dialect.score(ids, len(string.prefix))

    return Job(key=string, order=ids, exchange_of=exchange_of)


def _next_job(prefix: tuple[int, ...], wanted: list[int]) -> Job[NDArray[np.float64]]:
    def exchange_of(dialect: Dialect) -> Exchange[Any]:
        return dialect.next_tokens(prefix, wanted)

    return Job(key=("next", prefix, tuple(wanted)), order=prefix, exchange_of=exchange_of)


def _draw_job(
    ids: tuple[int, ...], settings: SamplingSettings, seed: int, end_ids: list[int], grammar: str
) -> Job[tuple[Drawn, ...]]:
    def exchange_of(dialect: Dialect) -> Exchange[Any]:
        return dialect.draw(ids, settings, seed=seed, end_ids=end_ids, grammar=grammar)

    return Job(key=("draw", ids, settings, seed), order=ids, exchange_of=exchange_of)
