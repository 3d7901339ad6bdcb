"""Step 2 as the options ask for it: the model's views, computed or estimated, with other judges' verdicts beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.engine.sampler import is_sampling, needs_scores
from langchain_consensus.judging import judged
from langchain_consensus.observation import Step, watched
from langchain_consensus.sampled_views import estimated
from langchain_consensus.views import scored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.options import PipelineOptions
    from langchain_consensus.views import Views

__all__ = ["viewed"]


def viewed(options: PipelineOptions, batch: Sequence[Candidates]) -> list[Views]:
    """The views of every question's candidates; one call of the engine for the whole batch, and one of each judge's.

    Raises:
        InvalidInputError: If the model can only be sampled and an option needs exact scores.
        ContextWindowError: If a prompt with a candidate, or with a verdict, is longer than a model can read.
        NonFiniteScoreError: If a model gives NaN for some; its `places` are those of the questions in the batch.
    """
    sizes = tuple(len(one.items) for one in batch)
    with watched(options.observer, Step(name="scoring", questions=len(batch), candidates=sizes)) as done:
        views = _own(options, batch)
        done(usages=[view.usage for view in views])
    engine = options.engine
    if not options.judges or is_sampling(engine):
        return views
    return judged(batch, views, options.judges, engine=engine, wording=options.wording, observer=options.observer)


def _own(options: PipelineOptions, batch: Sequence[Candidates]) -> list[Views]:
    engine, wording = options.engine, options.used_wording()
    if not is_sampling(engine):
        return scored(engine, wording, batch)
    if options.anchors != "paper":
        raise needs_scores(option="anchors", model=engine.name)
    if options.calibration is not None:
        raise needs_scores(option="calibration", model=engine.name)
    return estimated(engine, wording, batch, options.sampling, answer_key=options.answer_key)
