"""Step 1 as the options ask for it: drawn at once or in rounds, and those that mean the same merged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from langchain_consensus.draws import drawn, gathered, sampled
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.engine.sampler import is_sampling, needs_scores
from langchain_consensus.meanings import merged_by_meaning
from langchain_consensus.observation import Step, watched
from langchain_consensus.rounds import Rounds, asked_in_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.engine.base import Sample, SampleResult, Usage
    from langchain_consensus.options import PipelineOptions
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking import Ranking

    Rank = Callable[[Sequence[Candidates]], list[Ranking]]

__all__ = ["drawn_at_once", "merged", "ranked_in_rounds"]


def drawn_at_once(options: PipelineOptions, questions: Sequence[Question]) -> list[Candidates]:
    """Candidates for every question; one call of the engine for the whole batch.

    Raises:
        LimitExceededError: If `sampling.n` and `rivals` are more candidates than the engine's limit.
        DeadlineExceededError: If the time of a `deadline` around the call is over.
    """
    current_call().check()
    limits_of(options.engine).check_candidates(options.sampling.n + options.rivals)
    wording = options.used_wording()
    with watched(options.observer, Step(name="sampling", questions=len(questions))) as done:
        found = sampled(options.engine, wording, questions, options.sampling, answer_key=options.answer_key)
        found = merged(options, found)
        done(candidates=[len(one.items) for one in found], usages=[one.usage for one in found])
        return found


def ranked_in_rounds(
    options: PipelineOptions, questions: Sequence[Question], rounds: Rounds, rank: Rank
) -> list[Ranking]:
    """The rankings of questions that are drawn for in rounds, each for as long as it needs.

    Whether a question needs more draws is seen from its ranking, so all steps run here, in turns.

    Raises:
        LimitExceededError: If the draws of all rounds and `rivals` are more candidates than the engine's limit.
    """
    limits_of(options.engine).check_candidates(sum(rounds.sizes) + options.rivals)
    return asked_in_rounds(
        _Rounds(options, rank),
        questions,
        rounds,
        rule=options.rule,
        temperature=options.sampling.temperature,
        counts_draws=options.anchors != "paper" or options.calibration is not None,
    )


def merged(options: PipelineOptions, batch: list[Candidates]) -> list[Candidates]:
    """The candidates, those that mean the same as one where `meanings` asks for it."""
    if options.meanings is None:
        return batch
    if is_sampling(options.engine):
        raise needs_scores(option="meanings", model=options.engine.name)
    return merged_by_meaning(options.engine, batch, options.meanings)


@dataclass(frozen=True, slots=True)
class _Rounds:
    """The pipeline as `rounds` needs it."""

    options: PipelineOptions
    rank: Rank

    def draw_some(self, questions: Sequence[Question], *, first: int, n: int) -> SampleResult:
        options = self.options
        current_call().check()
        with watched(options.observer, Step(name="sampling", questions=len(questions))) as done:
            settings = replace(options.sampling, first=first, n=n)
            result = drawn(options.engine, options.used_wording(), questions, settings)
            done(usages=result.usage.split(len(questions)))
            return result

    def gather(self, question: Question, samples: Sequence[Sample], usage: Usage) -> Candidates:
        options = self.options
        has_form = bool(options.sampling.grammar)
        one = gathered(question, samples, usage, answer_key=options.answer_key, has_form=has_form)
        return merged(options, [one])[0]
