"""Documents of a query -> `Views`: for every document, how well the query fits it and how the judge finds it.

`V` = 2 conditions (irrelevant, relevant: `game.Correctness`), `N` documents of one query. The generator's view is
log P(query given passage, condition), the discriminator's log P(verdict given passage, query).

A document of several passages is as relevant as its best one: the passage that the judge finds most relevant stands for
it, in both views.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.base import ScoreRequest
from langchain_consensus.errors import ContextWindowError, NonFiniteScoreError
from langchain_consensus.game import Correctness
from langchain_consensus.views import Views, normalised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from langchain_consensus.documents.passages import Passage
    from langchain_consensus.documents.wording import RelevanceWording
    from langchain_consensus.engine.base import ContinuationScores, Engine, Usage

__all__ = ["DocumentViews", "Shortlist", "scored"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortlist:
    """What is to be ranked.

    Attributes:
        query: What the documents may be relevant to.
        documents: The passages of each of `N` documents, at least one document and one passage of each.
        prior: `[N]` what is known of the documents beforehand, in standard deviations (see `game.with_prior`); `None`
            for nothing.
    """

    query: str
    documents: tuple[tuple[Passage, ...], ...]
    prior: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentViews:
    """The views of `N` documents, and the passage of each document that they are of, `[N]`."""

    views: Views
    passages: tuple[Passage, ...]


def scored(engine: Engine, wording: RelevanceWording, batch: Sequence[Shortlist]) -> list[DocumentViews]:
    """The views of every query's documents; one call of the engine for the whole batch.

    Raises:
        ContextWindowError: If a passage with the query is longer than the model can read.
    """
    requests = [(shortlist, request) for shortlist in batch for request in _requests(wording, shortlist)]
    try:
        result = engine.score([request for _, request in requests])
    except ContextWindowError as error:
        query = requests[error.place][0].query
        what = f"`query` {query[:60]!r} with a passage of `documents`; shorten it or lower `passage_tokens`"
        raise error.about(what) from error
    except NonFiniteScoreError as error:
        found = list(dict.fromkeys(requests[place][0].query for place in error.places))
        places = tuple(place for place, shortlist in enumerate(batch) if shortlist.query in found)
        raise error.about(", ".join(f"`query` {query[:60]!r}" for query in found[:3]), places) from error
    scores = iter(result.scores)
    shares = result.usage.split(len(batch))
    return [_views(wording, shortlist, scores, share) for shortlist, share in zip(batch, shares, strict=True)]


def _requests(wording: RelevanceWording, shortlist: Shortlist) -> Iterator[ScoreRequest]:
    """The query alone, then for each passage the query and the verdict."""
    query = wording.continuation(shortlist.query)
    yield ScoreRequest(prompt=wording.irrelevant_prompt(), continuations=(query,))
    for passages in shortlist.documents:
        for passage in passages:
            yield ScoreRequest(prompt=wording.relevant_prompt(passage.text), continuations=(query,))
            prompt = wording.verdict_prompt(passage.text, shortlist.query)
            yield ScoreRequest(prompt=prompt, continuations=wording.verdicts)


def _views(
    wording: RelevanceWording, shortlist: Shortlist, scores: Iterator[ContinuationScores], usage: Usage
) -> DocumentViews:
    alone = next(scores)
    best = [_best(passages, scores) for passages in shortlist.documents]
    relevant = np.array([query.logprobs[0] for _, query, _ in best])
    tokens = np.array([query.tokens[0] for _, query, _ in best])
    sums = np.stack([np.full_like(relevant, alone.logprobs[0]), relevant])
    lengths = np.stack([np.full_like(tokens, alone.tokens[0]), tokens])
    words = np.stack([verdict.logprobs for _, _, verdict in best], axis=1)
    views = Views(
        generator_logprobs=sums,
        generator_tokens=tokens,
        generator=sums / lengths if wording.length == "mean" else sums,
        verdict_logprobs=words,
        discriminator=normalised(words),
        usage=usage,
    )
    return DocumentViews(views=views, passages=tuple(passage for passage, _, _ in best))


def _best(
    passages: Sequence[Passage], scores: Iterator[ContinuationScores]
) -> tuple[Passage, ContinuationScores, ContinuationScores]:
    """The passage that the judge finds most relevant, the first of them on a tie, with its query and its verdict."""
    found = [(passage, next(scores), next(scores)) for passage in passages]
    return max(found, key=lambda one: _logodds(one[2]))


def _logodds(verdict: ContinuationScores) -> float:
    incorrect, correct = verdict.logprobs[Correctness.INCORRECT], verdict.logprobs[Correctness.CORRECT]
    return 0.0 if incorrect == correct else float(correct - incorrect)
