"""Several jobs in one pass: their strings and prompts are put together, results and costs dealt out again.

A string that two jobs ask for is computed once. What a job gets does not depend, but for rounding, on whom it shares
the pass with: scores are exact, and draws take their random numbers from their own seed and prompt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.base import ContinuationScores, ScoreResult, Usage
from langchain_consensus.engine.sound import forks_are_sound, nonfinite, unsound_places
from langchain_consensus.engine.wanted import WantedSteps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.forest import Forest, TokenString
    from langchain_consensus.engine.local_model import LocalModel
    from langchain_consensus.engine.sampling import Fork
    from langchain_consensus.engine.watch import Watch
    from langchain_consensus.errors import EngineError

__all__ = ["DrawJob", "Drawn", "Sharing", "drawn_together", "scored_together"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """Whose the parts of a pass are.

    Attributes:
        owners: For each string or prompt the jobs that asked for it.
        watch: The watch over the jobs.
        seeds: For each prompt the seed that its job gave; empty where nothing is drawn.
    """

    owners: Sequence[AbstractSet[int]]
    watch: Watch
    seeds: Sequence[int] = ()

    def part(self, places: Sequence[int]) -> Sharing:
        """The same for the prompts at `places` alone."""
        return replace(
            self, owners=[self.owners[place] for place in places], seeds=[self.seeds[place] for place in places]
        )

    def wanted(self, forest: Forest) -> WantedSteps:
        """The steps of a forest of these strings or prompts that somebody waits for."""
        return WantedSteps(forest, self.owners, self.watch)

    def leaving(self) -> list[int]:
        """A step of the watch: the strings or prompts that nobody waits for any more."""
        left = self.watch.step()
        return [place for place, jobs in enumerate(self.owners) if jobs <= left] if left else []


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawJob:
    """Prompts as token ids, and how to draw for each of them."""

    ids: list[list[int]]
    settings: SamplingSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """The forks of each prompt of a job, and what they cost."""

    forks: list[list[Fork]]
    usage: Usage


def scored_together(
    model: LocalModel, jobs: Sequence[list[list[TokenString]]], watch: Watch
) -> list[ScoreResult | EngineError]:
    """For each job its scores, or an error where the model gave no numbers for it even by itself.

    Args:
        model: What scores.
        jobs: For each of its requests the strings.
        watch: The watch over the jobs.
    """
    owners: dict[TokenString, set[int]] = {}
    for place, groups in enumerate(jobs):
        for group in groups:
            for string in group:
                owners.setdefault(string, set()).add(place)
    if not owners:
        return [ScoreResult(scores=())] * len(jobs)
    logprobs, usage = model.logprobs(list(owners), Sharing(owners=list(owners.values()), watch=watch))
    total = {string: float(values.sum()) for string, values in zip(owners, logprobs, strict=True)}
    asked = [sum(len(s.prefix) + len(s.continuation) for group in groups for s in group) for groups in jobs]
    results: list[ScoreResult | EngineError] = []
    for job, (groups, share, read) in enumerate(zip(jobs, _dealt(usage, asked), asked, strict=True)):
        again = Usage() if job in watch.left else _scored_alone(model, groups, total, job, watch)
        unsound = unsound_places(groups, total)
        cost = replace(share + again, input_tokens=read)
        results.append(nonfinite(unsound, model.model.dtype) if unsound else _scores(groups, total, cost))
    return results


def _scored_alone(
    model: LocalModel, groups: list[list[TokenString]], total: dict[TokenString, float], job: int, watch: Watch
) -> Usage:
    """Scores what is no number again, each request by itself, since another may have spoilt it; what that cost."""
    usage, unsound = Usage(), unsound_places(groups, total)
    for place in unsound:
        model.prefixes.clear()  # it may hold keys that were computed together with the bad ones
        strings = list(dict.fromkeys(groups[place]))
        logprobs, cost = model.logprobs(strings, Sharing(owners=[{job}] * len(strings), watch=watch))
        total |= {string: float(values.sum()) for string, values in zip(strings, logprobs, strict=True)}
        usage += cost
    if unsound:
        model.prefixes.clear()
    return usage


def drawn_together(model: LocalModel, jobs: Sequence[DrawJob], watch: Watch) -> list[Drawn | EngineError]:
    """For each job the forks of its prompts, or an error where the model gave no numbers even by itself.

    The jobs' settings are the same but for the seed.
    """
    prompts = [(ids, place, job.settings.seed) for place, job in enumerate(jobs) for ids in job.ids]
    if not prompts:
        return [Drawn(forks=[], usage=Usage())] * len(jobs)
    sharing = Sharing(owners=[{place} for _, place, _ in prompts], watch=watch, seeds=[seed for *_, seed in prompts])
    forks, usage = model.draws([ids for ids, _, _ in prompts], jobs[0].settings, sharing)
    each = iter(forks)
    dealt = [[next(each) for _ in job.ids] for job in jobs]
    again = [
        Usage() if job in watch.left else _drawn_alone(model, one, dealt[job], job, watch)
        for job, one in enumerate(jobs)
    ]
    drawn = [sum(len(fork.ids) for group in groups for fork in group) for groups in dealt]
    read = [sum(map(len, job.ids)) for job in jobs]
    shares = _dealt(usage, [a + b for a, b in zip(read, drawn, strict=True)])
    results: list[Drawn | EngineError] = []
    for groups, share, cost, asked, count in zip(dealt, shares, again, read, drawn, strict=True):
        bad = tuple(place for place, forks in enumerate(groups) if not forks_are_sound(forks))
        used = replace(share + cost, input_tokens=asked, sampled_tokens=count)
        results.append(nonfinite(bad, model.model.dtype) if bad else Drawn(forks=groups, usage=used))
    return results


def _drawn_alone(model: LocalModel, job: DrawJob, groups: list[list[Fork]], place: int, watch: Watch) -> Usage:
    """Draws again, each by itself, for the prompts whose forks have no numbers; what that cost."""
    usage = Usage()
    spoilt = [number for number, forks in enumerate(groups) if not forks_are_sound(forks)]
    for number in spoilt:
        model.prefixes.clear()
        sharing = Sharing(owners=[{place}], watch=watch, seeds=[job.settings.seed])
        [groups[number]], cost = model.draws([job.ids[number]], job.settings, sharing)
        usage += cost
    if spoilt:
        model.prefixes.clear()
    return usage


def _dealt(usage: Usage, weights: Sequence[int]) -> tuple[Usage, ...]:
    """The costs of a pass in proportion to what each job asked for; a job of nothing costs nothing."""
    return usage.shared(weights) if sum(weights) else (usage,) * len(weights)


def _scores(groups: list[list[TokenString]], total: dict[TokenString, float], usage: Usage) -> ScoreResult:
    scores = tuple(
        ContinuationScores(
            logprobs=np.array([total[string] for string in group]),
            tokens=np.array([len(string.continuation) for string in group]),
        )
        for group in groups
    )
    return ScoreResult(scores=scores, usage=usage)
