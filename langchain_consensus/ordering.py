"""Step 4 as the options ask for it: candidates in order, what an answer with rivals is worth, the error of its lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.ranking import decided, ranked
from langchain_consensus.uncertainty import with_lead_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.calibration.anchors import Solved
    from langchain_consensus.candidates import Candidates
    from langchain_consensus.options import PipelineOptions
    from langchain_consensus.ranking import Ranking
    from langchain_consensus.views import Views

__all__ = ["ordered"]


def ordered(
    options: PipelineOptions, batch: Sequence[Candidates], views: Sequence[Views], games: Sequence[Solved]
) -> list[Ranking]:
    """The ranking of every question, from its candidates, their views and the game that was solved of them."""
    wording = options.used_wording()
    rankings = [
        ranked(
            one,
            view,
            game.solution,
            rule=options.rule,
            wording=wording,
            model=options.engine.name,
            calibrated=game.calibrated,
            profile=options.calibration,
        )
        for one, view, game in zip(batch, views, games, strict=True)
    ]
    rankings = [decided(ranking, rivals=options.rivals) for ranking in rankings]
    return with_lead_errors(rankings, batch, views, options.solver)
