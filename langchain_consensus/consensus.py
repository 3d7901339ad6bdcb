"""START HERE: the whole pipeline on one screen. Questions go in, rankings come out.

    question -> candidates -> views -> game -> solution -> ranking

Each step has one module that does it as the options ask: `drawing` (by `draws`), `viewing` (by `views`),
`calibration.anchors` (what the game starts from, then `game`) and `ordering` (by `ranking`). The LangChain surfaces
call `ask` or `rank` and translate. On request a lone candidate is compared with `rivals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus import drawing as step_1
from langchain_consensus import ordering as step_4
from langchain_consensus import viewing as step_2
from langchain_consensus.calibration import anchors as step_3
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.observation import Step, watched
from langchain_consensus.options import PipelineOptions
from langchain_consensus.rivals import with_rivals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking import Ranking

__all__ = ["Consensus"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Consensus(PipelineOptions):
    """Equilibrium-Ranking over one engine; its options are the fields of `PipelineOptions`."""

    def ask(self, questions: Sequence[Question]) -> list[Ranking]:
        """Draws candidates for every question and ranks them.

        Raises:
            LimitExceededError: If the engine's limits do not allow it; nothing was computed.
            DeadlineExceededError: If the time of a `deadline` around the call is over.
        """
        if self.rounds is not None:
            return step_1.ranked_in_rounds(self, questions, self.rounds, rank=self.rank)
        return self.rank(self.draw(questions))

    def draw(self, questions: Sequence[Question]) -> list[Candidates]:
        """Candidates for every question; one call of the engine for the whole batch."""
        return step_1.drawn_at_once(self, questions)

    def rank(self, batch: Sequence[Candidates]) -> list[Ranking]:
        """Ranks candidates, drawn or given; one call of the engine and one of the solver for the whole batch."""
        if not batch:
            return []
        self._check_call(batch)
        batch = with_rivals(self, batch)
        views = step_2.viewed(self, batch)
        sizes = tuple(len(one.items) for one in batch)
        with watched(self.observer, Step(name="solving", questions=len(batch), candidates=sizes)):
            games = step_3.solved(batch, views, solver=self.solver, anchors=self.anchors, profile=self.calibration)
            return step_4.ordered(self, batch, views, games)

    def _check_call(self, batch: Sequence[Candidates]) -> None:
        current_call().check()
        most = max(sum(item.draws for item in one.items) for one in batch)
        for engine in (self.engine, *(judge.engine for judge in self.judges)):
            limits_of(engine).check_candidates(most)
