"""Step 2 for a model that can only be sampled: Candidates -> Views, estimated by counting, with standard errors.

The generator is drawn from under both conditions, equally often, and each draw is put to the candidate whose answer it
is, or to none. The judge tells the probabilities of its reply's first token; where it does not, its replies are
counted. How counts become log-probabilities, and how far off they may be, is `counts`.

What differs from exact views: a candidate's probability is that of its whole class of answers, end included, never
averaged over tokens; and the judge is shown the candidate's most drawn string alone. One verdict costs one request.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from math import exp, log
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.candidates import exact_text, normalised_text
from langchain_consensus.counts import Counts
from langchain_consensus.engine.base import SamplingSettings, Usage
from langchain_consensus.game import Correctness
from langchain_consensus.views import Views, normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import AnswerKey, Candidates
    from langchain_consensus.engine.base import Sample
    from langchain_consensus.engine.sampler import SamplingEngine
    from langchain_consensus.prompts import Wording

__all__ = ["estimated"]

_VERDICT_TOKENS = 16
"""Longest reply of the judge, in tokens: a word, with what models put around one."""
_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Verdicts:
    """Of one candidate: the words' told log-probabilities, or how often each was said in how many replies."""

    told: tuple[float, float] | None = None
    said: tuple[int, int] = (0, 0)
    draws: int = 0


def estimated(
    engine: SamplingEngine,
    wording: Wording,
    batch: Sequence[Candidates],
    settings: SamplingSettings,
    *,
    answer_key: AnswerKey | None = None,
) -> list[Views]:
    """The views of every question's candidates; draws that found the candidates count, and are not repeated.

    Args:
        engine: What to draw from.
        wording: How the views are asked.
        batch: The candidates.
        settings: Length and stop strings of the draws; the rest is the engine's.
        answer_key: Draws with a candidate's key are that candidate; by default texts are compared as `given` and
            `sampled` do, and a draw that could be two candidates is none.

    Raises:
        InvalidInputError: If the wording asks no chats.
    """
    generator, drawing = _generator_counts(engine, wording, batch, settings, answer_key)
    verdicts, judging = _verdicts(engine, wording, batch)
    shares = (drawing + judging).split(len(batch))
    found = iter(verdicts)
    return [
        _views(_counts(counts, [next(found) for _ in one.items]), usage=usage)
        for one, counts, usage in zip(batch, generator, shares, strict=True)
    ]


def _views(counts: Counts, *, usage: Usage) -> Views:
    generator, words = counts.generator_logprobs, counts.verdict_logprobs
    return Views(
        generator_logprobs=generator,
        generator_tokens=np.zeros(generator.shape[1], dtype=np.int64),
        generator=generator,
        verdict_logprobs=words,
        discriminator=normalised(words),
        counts=counts,
        usage=usage,
    )


# --- the generator ---


def _generator_counts(
    engine: SamplingEngine,
    wording: Wording,
    batch: Sequence[Candidates],
    settings: SamplingSettings,
    answer_key: AnswerKey | None,
) -> tuple[list[list[list[int]]], Usage]:
    """For each question, `[V][N + 1]` counts; the last is that of the draws which are no candidate."""
    found = [[[0] * len(one.items) + [0] for _ in Correctness] for one in batch]
    missing: dict[int, list[tuple[int, Correctness]]] = defaultdict(list)
    for place, one in enumerate(batch):
        known = sum(item.draws for item in one.items) + one.empty if one.sampled else 0
        if known:
            found[place][Correctness.CORRECT] = [*(item.draws for item in one.items), one.empty]
        wanted = max(engine.draws, known)
        missing[wanted].append((place, Correctness.INCORRECT))
        if wanted > known:
            missing[wanted - known].append((place, Correctness.CORRECT))
    usage = Usage()
    for n, asked in missing.items():
        prompts = [wording.generator_prompt(batch[place].question, correctness) for place, correctness in asked]
        drawn = engine.sample(prompts, _plain(settings, n, stop=wording.stop))
        usage += drawn.usage
        for (place, correctness), samples in zip(asked, drawn.samples, strict=True):
            matcher = _Matcher(wording, batch[place], answer_key)
            for sample in samples:
                found[place][correctness][matcher.place(sample)] += 1
    return found, usage


def _plain(settings: SamplingSettings, n: int, *, stop: tuple[str, ...] = ()) -> SamplingSettings:
    """Draws from the model's own distribution."""
    return SamplingSettings(
        n=n, max_new_tokens=settings.max_new_tokens, temperature=1.0, top_p=1.0, top_k=0, stop=(*settings.stop, *stop)
    )


class _Matcher:
    """Which candidate a draw is."""

    def __init__(self, wording: Wording, candidates: Candidates, answer_key: AnswerKey | None) -> None:
        self._none = len(candidates.items)
        # Letters are drawn under some wordings, and keys are of answers.
        self._key = answer_key if wording.answer_as == "text" else None
        self._by_key = {item.key: place for place, item in enumerate(candidates.items)}
        texts = [
            (wording.continuation(candidates.question, member.text), place)
            for place, item in enumerate(candidates.items)
            for member in item.members
        ]
        self._exact = {exact_text(text): place for text, place in texts}
        loose: dict[str, set[int]] = defaultdict(set)
        for text, place in texts:
            loose[normalised_text(text)].add(place)
        self._loose = {text: places.pop() for text, places in loose.items() if len(places) == 1}

    def place(self, sample: Sample) -> int:
        """The candidate's index, or the number of candidates for none."""
        text = sample.text.strip()
        if not text:
            return self._none
        if self._key is not None:
            return self._by_key.get(self._key(text), self._none)
        exact = self._exact.get(exact_text(text))
        return self._loose.get(normalised_text(text), self._none) if exact is None else exact


# --- the judge ---


def _verdicts(engine: SamplingEngine, wording: Wording, batch: Sequence[Candidates]) -> tuple[list[_Verdicts], Usage]:
    """The verdict on every candidate of every question, in their order."""
    prompts = [wording.discriminator_prompt(one.question, item.text) for one in batch for item in one.items]
    begun = engine.beginnings(prompts)
    found = [_Verdicts(told=_told(tokens, wording.verdicts)) for tokens in begun.tokens]
    silent = [place for place, one in enumerate(found) if one.told is None]
    usage = begun.usage
    if silent:
        settings = SamplingSettings(max_new_tokens=_VERDICT_TOKENS)
        drawn = engine.sample([prompts[place] for place in silent], _plain(settings, engine.verdict_draws))
        usage += drawn.usage
        for place, samples in zip(silent, drawn.samples, strict=True):
            found[place] = _Verdicts(said=_said(samples, wording.verdicts), draws=len(samples))
    return found, usage


def _told(tokens: Sequence[tuple[str, float]] | None, words: tuple[str, str]) -> tuple[float, float] | None:
    """Log-probabilities of the words from those of the most probable first tokens; `None` if neither is there.

    Ways of writing a word (case, a space before it) are one word. One that is not there has at most the probability of
    the least that is, and gets it: the verdict is then less sure than the judge, and never surer.
    """
    if not tokens:
        return None
    masses = [sum(exp(value) for text, value in tokens if _word(text) == _word(word)) for word in words]
    if not any(masses):
        return None
    rest = 1 - sum(exp(value) for _, value in tokens)
    least = min(max(rest, 0.0), min(exp(value) for _, value in tokens))
    incorrect, correct = (log(mass or max(least, 1e-12)) for mass in masses)
    return min(incorrect, 0.0), min(correct, 0.0)


def _said(samples: Sequence[Sample], words: tuple[str, str]) -> tuple[int, int]:
    """How often a reply begins with each word."""
    beginnings = [_NO_LETTERS.sub(" ", sample.text.casefold()).split() for sample in samples]
    wanted = [_NO_LETTERS.sub(" ", word.casefold()).split() for word in words]
    incorrect, correct = (sum(one[: len(word)] == word for one in beginnings) for word in wanted)
    return incorrect, correct


def _word(text: str) -> str:
    return text.strip().casefold()


def _counts(generator: list[list[int]], verdicts: Sequence[_Verdicts]) -> Counts:
    table = np.array(generator, dtype=np.int64)
    told = [(np.nan, np.nan) if one.told is None else one.told for one in verdicts]
    return Counts(
        generator=table[:, :-1],
        generator_draws=table.sum(axis=1),
        verdicts=np.array([one.said for one in verdicts], dtype=np.int64).T,
        verdict_draws=np.array([one.draws for one in verdicts], dtype=np.int64),
        told=np.array(told).T,
    )
