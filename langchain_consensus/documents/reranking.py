"""The pipeline of `consensus`, for documents: shortlists go in, their rankings come out.

    shortlist -> views -> game (-> prior) -> solution -> ranking

The candidates of the game are the documents of one query; its two conditions are irrelevant and relevant.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus import ranking as step_4
from langchain_consensus.candidates import Candidate, Candidates, Member
from langchain_consensus.diagnosis import warnings_of_documents
from langchain_consensus.documents import relevance as step_2
from langchain_consensus.documents.wording import RelevanceWording, relevance_wording_named
from langchain_consensus.game import ConsensusGame, PiKL, solve, with_prior
from langchain_consensus.observation import Step, watched
from langchain_consensus.prompts import Question
from langchain_consensus.ranking import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.documents.passages import Passage
    from langchain_consensus.documents.relevance import DocumentViews, Shortlist
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.game import Solver
    from langchain_consensus.observation import Observer
    from langchain_consensus.ranking import Ranking
    from langchain_consensus.views import Views

__all__ = ["RankedShortlist", "Reranking"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedShortlist:
    """A query's documents, ranked.

    Attributes:
        ranking: The ranking; a candidate's `position` is the document's index, its `text` the passage's.
        passages: For each document, by index, the passage that stood for it.
        prior: For each document, by index, what was known of it beforehand, or `None`.
    """

    ranking: Ranking
    passages: tuple[Passage, ...]
    prior: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reranking:
    """The game over the documents of a query.

    Attributes:
        engine: The language model in both its roles.
        wording: How the views are asked: a `RelevanceWording`, a preset's name, or `auto`: `relevance` for a model with
            a chat template, `relevance_text` for one without.
        rule: By which score the documents are ranked.
        solver: How the game is solved.
        prior_weight: How much the shortlists' priors count, in terms of each view.
        observer: Is told of every step, when it begins and when it ends; see `observation`.
    """

    engine: Engine
    wording: RelevanceWording | str = "auto"
    rule: Rule = Rule.ER_DISCRIMINATOR
    solver: Solver = field(default_factory=PiKL)
    prior_weight: float = 1.0
    observer: Observer | None = None

    def rank(self, batch: Sequence[Shortlist]) -> list[RankedShortlist]:
        """Ranks the documents of every query; one call of the engine and one of the solver for the whole batch."""
        if not batch:
            return []
        wording, sizes = self.used_wording(), tuple(len(one.documents) for one in batch)
        with watched(self.observer, Step(name="scoring", questions=len(batch), candidates=sizes)) as done:
            found = step_2.scored(self.engine, wording, batch)
            done(usages=[one.views.usage for one in found])
        with watched(self.observer, Step(name="solving", questions=len(batch), candidates=sizes)):
            solution = solve(self.game([one.views for one in found], batch), self.solver)
            rankings = [
                step_4.ranked(
                    _candidates(shortlist, one),
                    one.views,
                    solution[i],
                    rule=self.rule,
                    wording=wording,
                    model=self.engine.name,
                )
                for i, (shortlist, one) in enumerate(zip(batch, found, strict=True))
            ]
        return [
            RankedShortlist(
                ranking=replace(ranking, warnings=warnings_of_documents(one.views, wording)),
                passages=one.passages,
                prior=shortlist.prior,
            )
            for shortlist, one, ranking in zip(batch, found, rankings, strict=True)
        ]

    def game(self, views: Sequence[Views], batch: Sequence[Shortlist]) -> ConsensusGame:
        """The games of the views, their anchors moved by the shortlists' priors."""
        game = ConsensusGame.from_log_scores(
            generator=[one.generator for one in views], discriminator=[one.discriminator for one in views]
        )
        priors = [np.zeros(len(one.documents)) if one.prior is None else np.array(one.prior) for one in batch]
        return with_prior(game, priors, weight=self.prior_weight) if any(prior.any() for prior in priors) else game

    def used_wording(self) -> RelevanceWording:
        """The wording that is used, with `auto` and names resolved."""
        if isinstance(self.wording, RelevanceWording):
            return self.wording
        if self.wording == "auto":
            return relevance_wording_named("relevance" if self.engine.is_chat else "relevance_text")
        return relevance_wording_named(self.wording)


def _candidates(shortlist: Shortlist, found: DocumentViews) -> Candidates:
    """The documents as candidates; two with the same text are two."""
    items = tuple(
        Candidate(key=str(index), members=(Member(text=passage.text, draws=1),), position=index)
        for index, passage in enumerate(found.passages)
    )
    return Candidates(question=Question(text=shortlist.query), items=items, sampled=False)
