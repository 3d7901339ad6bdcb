"""START HERE: the whole pipeline on one screen. Questions go in, rankings come out.

    question -> candidates -> views -> game -> solution -> ranking

Each arrow is one module, and each step has one that does it as the options ask: `candidates` and `drawing`, `views` and
`viewing`, `calibration.anchors` (what the game starts from, then `game`), `ranking`. The LangChain surfaces call `ask`
or `rank` and translate. On request a lone candidate is compared with `rivals`; of a model that can only be sampled the
ranking says how far its lead may be off (`uncertainty`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus import drawing as step_1
from langchain_consensus import ranking as step_4
from langchain_consensus import viewing as step_2
from langchain_consensus.calibration import anchors as step_3
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.observation import Step, watched
from langchain_consensus.options import PipelineOptions
from langchain_consensus.rivals import with_rivals
from langchain_consensus.uncertainty import with_lead_errors

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
        self._check_limits(batch)
        batch = with_rivals(self, batch)
        views = step_2.viewed(self, batch)
        wording, sizes = self.used_wording(), tuple(len(one.items) for one in batch)
        with watched(self.observer, Step(name="solving", questions=len(batch), candidates=sizes)):
            solved = step_3.solved(batch, views, solver=self.solver, anchors=self.anchors, profile=self.calibration)
            rankings = [
                step_4.ranked(
                    one,
                    view,
                    game.solution,
                    rule=self.rule,
                    wording=wording,
                    model=self.engine.name,
                    calibrated=game.calibrated,
                    profile=self.calibration,
                )
                for one, view, game in zip(batch, views, solved, strict=True)
            ]
            decided = [step_4.decided(ranking, rivals=self.rivals) for ranking in rankings]
            return with_lead_errors(decided, batch, views, self.solver)

    def _check_limits(self, batch: Sequence[Candidates]) -> None:
        current_call().check()
        most = max(sum(item.draws for item in one.items) for one in batch)
        for engine in (self.engine, *(judge.engine for judge in self.judges)):
            limits_of(engine).check_candidates(most)
