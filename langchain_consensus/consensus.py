"""START HERE: the whole pipeline on one screen. Questions go in, rankings come out.

    question -> candidates -> views -> game -> solution -> ranking

Each arrow is one module: `candidates`, `views`, `game`, `ranking`. The LangChain surfaces call `ask` or `rank` and
translate. Of a model that can only be sampled the views are estimated (`sampled_views`), and the ranking says how far
its lead may be off (`uncertainty`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_consensus import candidates as step_1
from langchain_consensus import ranking as step_4
from langchain_consensus import sampled_views as step_2_sampled
from langchain_consensus import uncertainty as step_5
from langchain_consensus import views as step_2
from langchain_consensus.engine.base import Engine, SamplingSettings
from langchain_consensus.engine.sampler import SamplingEngine, is_sampling
from langchain_consensus.game import ConsensusGame, PiKL, solve
from langchain_consensus.observation import Step, watched
from langchain_consensus.prompts import Question, Wording, wording_named
from langchain_consensus.ranking import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import AnswerKey, Candidates
    from langchain_consensus.game import Solver
    from langchain_consensus.observation import Observer
    from langchain_consensus.ranking import Ranking
    from langchain_consensus.views import Views

__all__ = ["Consensus"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Consensus:
    """Equilibrium-Ranking over one engine.

    Attributes:
        engine: The language model in both its roles; a `SamplingEngine` if it can only be sampled.
        wording: How the views are asked: a `Wording`, a preset's name, or `auto`: `chat_qa` for a model with a chat
            template, `qa` for one without.
        rule: By which score the candidates are ranked.
        solver: How the game is solved.
        sampling: How candidates are drawn.
        answer_key: When two answers are one candidate; see `candidates`.
        observer: Is told of every step, when it begins and when it ends; see `observation`.
    """

    engine: Engine | SamplingEngine
    wording: Wording | str = "auto"
    rule: Rule = Rule.ER_DISCRIMINATOR
    solver: Solver = field(default_factory=PiKL)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    answer_key: AnswerKey | None = None
    observer: Observer | None = None

    def ask(self, questions: Sequence[Question]) -> list[Ranking]:
        """Draws candidates for every question and ranks them."""
        return self.rank(self.draw(questions))

    def draw(self, questions: Sequence[Question]) -> list[Candidates]:
        """Candidates for every question; one call of the engine for the whole batch."""
        wording = self.used_wording()
        with watched(self.observer, Step(name="sampling", questions=len(questions))) as done:
            drawn = step_1.sampled(self.engine, wording, questions, self.sampling, answer_key=self.answer_key)
            done(candidates=_sizes(drawn), usages=[one.usage for one in drawn])
            return drawn

    def rank(self, batch: Sequence[Candidates]) -> list[Ranking]:
        """Ranks candidates, drawn or given; one call of the engine and one of the solver for the whole batch."""
        if not batch:
            return []
        wording, sizes = self.used_wording(), _sizes(batch)
        with watched(self.observer, Step(name="scoring", questions=len(batch), candidates=sizes)) as done:
            views = self._views(wording, batch)
            done(usages=[view.usage for view in views])
        with watched(self.observer, Step(name="solving", questions=len(batch), candidates=sizes)):
            game = ConsensusGame.from_log_scores(
                generator=[view.generator for view in views], discriminator=[view.discriminator for view in views]
            )
            solution = solve(game, self.solver)
            rankings = [
                step_4.ranked(one, view, solution[i], rule=self.rule, wording=wording, model=self.engine.name)
                for i, (one, view) in enumerate(zip(batch, views, strict=True))
            ]
            return step_5.with_lead_errors(rankings, batch, views, self.solver)

    def _views(self, wording: Wording, batch: Sequence[Candidates]) -> list[Views]:
        if is_sampling(self.engine):
            return step_2_sampled.estimated(self.engine, wording, batch, self.sampling, answer_key=self.answer_key)
        return step_2.scored(self.engine, wording, batch)

    def used_wording(self) -> Wording:
        """The wording that is used, with `auto` and names resolved."""
        if isinstance(self.wording, Wording):
            return self.wording
        if self.wording == "auto":
            return wording_named("chat_qa" if self.engine.is_chat else "qa")
        return wording_named(self.wording)


def _sizes(batch: Sequence[Candidates]) -> tuple[int, ...]:
    return tuple(len(one.items) for one in batch)
