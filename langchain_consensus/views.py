"""Step 2: Candidates -> Views. Both views of every candidate, from exact log-probabilities, in one call of the engine.

`V` = 2 (incorrect, correct: `game.Correctness`), `N` candidates. The generator's view is log P(candidate given
question, condition), the discriminator's log P(verdict given question, candidate).

A candidate of several strings: its generator score is the log-sum-exp over them (summed log-probabilities, each string
once however often it was drawn), or its best member's where scores are averaged over tokens, "best" under the correct
condition. Its verdict is the average of its members' verdicts, weighted by their generator probability.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.base import ScoreRequest, Usage
from langchain_consensus.errors import ContextWindowError, NonFiniteScoreError
from langchain_consensus.game import Correctness
from langchain_consensus.verdicts import log_odds, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.candidates import Candidates, Member
    from langchain_consensus.counts import Counts
    from langchain_consensus.engine.base import ContinuationScores, Engine, ScoreResult
    from langchain_consensus.prompts import Question, Wording
    from langchain_consensus.verdicts import Verdicts

    FloatArray = NDArray[np.float64]

__all__ = ["Views", "joined", "members_of", "normalised", "scored", "scores_for"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Views:
    """What the model says of `N` candidates in its two roles; logarithms are natural.

    Attributes:
        generator_logprobs: `[V, N]` summed log-probability of the candidate under each condition.
        generator_tokens: `[N]` tokens that the sum is over (the best member's, for a candidate of several strings).
        generator: `[V, N]` the generator's scores: the sums, or the averages, as the wording says.
        verdict_logprobs: `[V, N]` log-probability of each verdict word.
        discriminator: `[V, N]` log P(v given question, candidate): the two words' probabilities, normalised; of several
            judges their weighted mean.
        counts: What they were counted from, if the model can only be sampled (see `sampled_views`); then
            `generator_tokens` are 0. `None` for exact views.
        usage: Tokens spent on scoring.
        member_weights: `[M]` log of each string's part in its candidate, for all strings of the `N` candidates in their
            order; empty for sampled views.
        judges: Every judge's verdicts where there are several (see `judging`), the model's own first; else empty.
    """

    generator_logprobs: FloatArray
    generator_tokens: NDArray[np.int64]
    generator: FloatArray
    verdict_logprobs: FloatArray
    discriminator: FloatArray
    counts: Counts | None = None
    usage: Usage = field(default_factory=Usage)
    member_weights: FloatArray = field(default_factory=lambda: np.zeros(0))
    judges: tuple[Verdicts, ...] = ()

    @property
    def verdict_mass(self) -> FloatArray:
        """`[N]` probability on the model's two verdict words together; with 1% there it is not answering."""
        return np.asarray(np.exp(self.verdict_logprobs).sum(axis=0))

    @property
    def verdict_logodds(self) -> FloatArray:
        """`[N]` log P(correct) - log P(incorrect) of the raw verdict."""
        return log_odds(self.discriminator)

    @property
    def contrast(self) -> FloatArray:
        """`[N]` how much more the generator scores the candidate when asked for the correct answer."""
        return log_odds(self.generator)


def scored(engine: Engine, wording: Wording, batch: Sequence[Candidates]) -> list[Views]:
    """The views of every question's candidates; one call of the engine for the whole batch.

    Raises:
        ContextWindowError: If a prompt with a candidate, or with a verdict, is longer than the model can read.
        NonFiniteScoreError: If the model gives NaN for some; its `places` are those of the questions in the batch.
    """
    requests = [(place, request) for place, one in enumerate(batch) for request in _requests(wording, one)]
    result = scores_for(engine, batch, requests)
    scores = iter(result.scores)
    shares = result.usage.split(len(batch))
    return [_views(wording, candidates, scores, share) for candidates, share in zip(batch, shares, strict=True)]


def scores_for(
    engine: Engine, batch: Sequence[Candidates], requests: Sequence[tuple[int, ScoreRequest]]
) -> ScoreResult:
    """The engine's scores for requests, each with the place of its question in the batch, in one call.

    Raises:
        ContextWindowError: As `scored`, of the question that is too long.
        NonFiniteScoreError: As `scored`.
    """
    try:
        return engine.score([request for _, request in requests])
    except ContextWindowError as error:
        too_long = batch[requests[error.place][0]]
        answer = max((one.text for one in too_long.items), key=len)
        what = f"`question` {too_long.question.text[:60]!r} with {answer[:60]!r}, the longest of its `candidates`"
        raise error.about(what) from error
    except NonFiniteScoreError as error:
        places = tuple(sorted({requests[place][0] for place in error.places}))
        what = ", ".join(f"`question` {batch[place].question.text[:60]!r}" for place in places[:3])
        raise error.about(what, places) from error


def members_of(candidates: Candidates) -> list[Member]:
    """All strings of all candidates, in their order."""
    return [member for candidate in candidates.items for member in candidate.members]


def joined(candidates: Candidates, views: Views, verdicts: FloatArray) -> FloatArray:
    """`[V, N]` verdicts on the candidates from those on their strings `[V, M]`, weighted as the views' own are."""
    weighted = np.split(verdicts + views.member_weights, _parts(candidates), axis=1)
    return np.stack([np.logaddexp.reduce(part, axis=1) for part in weighted], axis=1)


def _parts(candidates: Candidates) -> NDArray[np.int64]:
    """Where one candidate's strings end and the next one's begin, among all strings."""
    return np.cumsum([len(candidate.members) for candidate in candidates.items])[:-1]


def _known(wording: Wording, question: Question, member: Member) -> float | None:
    """The member's log-probability under the correct condition, where drawing it has already computed it."""
    sample = member.sample
    if sample is None or not sample.canonical or sample.text != wording.continuation(question, member.text):
        return None
    if not wording.end_token:
        return sample.logprob
    return None if sample.end_logprob is None else sample.logprob + sample.end_logprob


def _requests(wording: Wording, candidates: Candidates) -> Iterator[ScoreRequest]:
    """The generator's requests (members already scored left out of the correct condition), then the verdicts'."""
    question, members = candidates.question, members_of(candidates)
    unknown = [member for member in members if _known(wording, question, member) is None]
    for correctness, wanted in ((Correctness.INCORRECT, members), (Correctness.CORRECT, unknown)):
        if wanted:
            texts = tuple(wording.continuation(question, member.text) for member in wanted)
            prompt = wording.generator_prompt(question, correctness)
            yield ScoreRequest(prompt=prompt, continuations=texts, end_token=wording.end_token)
    for member in members:
        prompt = wording.discriminator_prompt(question, member.text)
        yield ScoreRequest(prompt=prompt, continuations=wording.verdicts)


def _views(wording: Wording, candidates: Candidates, scores: Iterator[ContinuationScores], usage: Usage) -> Views:
    question, members = candidates.question, members_of(candidates)
    incorrect = next(scores)
    known = [_known(wording, question, member) for member in members]
    correct = np.array([np.nan if value is None else value for value in known])
    if None in known:
        correct[np.isnan(correct)] = next(scores).logprobs
    logprobs = np.stack([incorrect.logprobs, correct])
    verdicts = np.stack([next(scores).logprobs for _ in members], axis=1)
    parts = _parts(candidates)
    merged = [
        _merged(wording, *group)
        for group in zip(
            np.split(logprobs, parts, axis=1),
            np.split(incorrect.tokens, parts),
            np.split(verdicts, parts, axis=1),
            strict=True,
        )
    ]
    sums = np.stack([one[0] for one in merged], axis=1)
    tokens = np.array([one[1] for one in merged])
    words = np.stack([one[2] for one in merged], axis=1)
    return Views(
        generator_logprobs=sums,
        generator_tokens=tokens,
        generator=sums / tokens if wording.length == "mean" else sums,
        verdict_logprobs=words,
        discriminator=normalised(words),
        usage=usage,
        member_weights=np.concatenate([one[3] for one in merged]),
    )


def _merged(
    wording: Wording, logprobs: FloatArray, tokens: NDArray[np.int64], verdicts: FloatArray
) -> tuple[FloatArray, int, FloatArray, FloatArray]:
    """One candidate from its members' `[V, M]`, `[M]`, `[V, M]`.

    Its `[V]` log-probability, its tokens, its `[V]` verdict, and the members' log-weights in that, `[M]`.
    """
    correct = logprobs[Correctness.CORRECT]
    best = int(np.argmax(correct / tokens))
    total = logprobs[:, best] if wording.length == "mean" else np.logaddexp.reduce(logprobs, axis=1)
    # Members that the generator gives no probability at all are weighted alike.
    weights = correct if np.isfinite(correct).any() else np.zeros_like(correct)
    weights = weights - np.logaddexp.reduce(weights)
    return total, int(tokens[best]), np.logaddexp.reduce(verdicts + weights, axis=1), weights
