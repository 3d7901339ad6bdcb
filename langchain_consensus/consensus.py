"""START HERE: the whole pipeline on one screen. Questions go in, rankings come out.

    question -> candidates -> views -> game -> solution -> ranking

Each arrow is one module: `candidates`, `views`, `calibration.anchors` (what the game starts from, then `game`),
`ranking`. The LangChain surfaces call `ask` or `rank` and translate. Of a model that can only be sampled the views are
estimated (`sampled_views`), and the ranking says how far its lead may be off (`uncertainty`). On request a lone
candidate is compared with `rivals`; where others judge beside the model, `judging` adds their verdicts to the views.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from langchain_consensus import candidates as step_1
from langchain_consensus import judging as step_2_several
from langchain_consensus import ranking as step_4
from langchain_consensus import sampled_views as step_2_sampled
from langchain_consensus import uncertainty as step_5
from langchain_consensus import views as step_2
from langchain_consensus.calibration import anchors as step_3
from langchain_consensus.engine.base import Engine, SamplingSettings
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.engine.sampler import SamplingEngine, is_sampling, needs_scores
from langchain_consensus.game import PiKL
from langchain_consensus.judges import check_judges, wording_for
from langchain_consensus.meanings import merged_by_meaning
from langchain_consensus.observation import Step, watched
from langchain_consensus.ranking import Rule, decided
from langchain_consensus.rivals import check_rivals, with_rivals
from langchain_consensus.rounds import asked_in_rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.calibration.anchors import AnchorChoice
    from langchain_consensus.calibration.profile import Profile
    from langchain_consensus.candidates import AnswerKey, Candidates
    from langchain_consensus.engine.base import Sample, SampleResult, Usage
    from langchain_consensus.game import Solver
    from langchain_consensus.judges import Judge
    from langchain_consensus.meanings import Meanings
    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Question, Wording
    from langchain_consensus.ranking import Ranking
    from langchain_consensus.rounds import Rounds
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
        anchors: What the game starts from: the paper's anchors, or `informed` ones; see `calibration`.
        calibration: What labelled questions taught; it takes the place of `anchors` and calibrates the confidence.
        judges: Who judges beside the model, and what each weighs; see `Judge`. Empty: the model alone.
        answer_key: When two answers are one candidate; see `candidates`.
        meanings: Also makes one candidate of drawn answers that the engine says mean the same; `None` does not ask it.
        rounds: How `ask` spreads the draws over rounds, and when it stops; their sizes replace `sampling.n`. `None`
            draws all at once.
        rivals: How many incorrect answers are drawn to compare a lone answer with; see `rivals`.
        observer: Is told of every step, when it begins and when it ends; see `observation`.
    """

    engine: Engine | SamplingEngine
    wording: Wording | str = "auto"
    rule: Rule = Rule.ER_DISCRIMINATOR
    solver: Solver = field(default_factory=PiKL)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    anchors: AnchorChoice = "paper"
    calibration: Profile | None = None
    judges: tuple[Judge, ...] = ()
    answer_key: AnswerKey | None = None
    meanings: Meanings | None = None
    rounds: Rounds | None = None
    rivals: int = 0
    observer: Observer | None = None

    def __post_init__(self) -> None:
        check_judges(self.judges, engine=self.engine, has_profile=self.calibration is not None)
        check_rivals(self)

    def ask(self, questions: Sequence[Question]) -> list[Ranking]:
        """Draws candidates for every question and ranks them.

        Raises:
            LimitExceededError: If the engine's limits do not allow it; nothing was computed.
            DeadlineExceededError: If the time of a `deadline` around the call is over.
        """
        if self.rounds is not None:
            limits_of(self.engine).check_candidates(sum(self.rounds.sizes) + self.rivals)
            return asked_in_rounds(
                self,
                questions,
                self.rounds,
                rule=self.rule,
                temperature=self.sampling.temperature,
                counts_draws=self.anchors != "paper" or self.calibration is not None,
            )
        return self.rank(self.draw(questions))

    def draw(self, questions: Sequence[Question]) -> list[Candidates]:
        """Candidates for every question; one call of the engine for the whole batch."""
        current_call().check()
        limits_of(self.engine).check_candidates(self.sampling.n + self.rivals)
        wording = self.used_wording()
        with watched(self.observer, Step(name="sampling", questions=len(questions))) as done:
            drawn = step_1.sampled(self.engine, wording, questions, self.sampling, answer_key=self.answer_key)
            drawn = self.merged(drawn)
            done(candidates=_sizes(drawn), usages=[one.usage for one in drawn])
            return drawn

    def draw_some(self, questions: Sequence[Question], *, first: int, n: int) -> SampleResult:
        """Some of the draws of every question, for a round of them; see `rounds`."""
        current_call().check()
        with watched(self.observer, Step(name="sampling", questions=len(questions))) as done:
            result = step_1.drawn(self.engine, self.used_wording(), questions, replace(self.sampling, first=first, n=n))
            done(usages=result.usage.split(len(questions)))
            return result

    def gather(self, question: Question, samples: Sequence[Sample], usage: Usage) -> Candidates:
        """The candidates among a question's draws."""
        has_form = bool(self.sampling.grammar)
        one = step_1.gathered(question, samples, usage, answer_key=self.answer_key, has_form=has_form)
        return self.merged([one])[0]

    def rank(self, batch: Sequence[Candidates]) -> list[Ranking]:
        """Ranks candidates, drawn or given; one call of the engine and one of the solver for the whole batch."""
        if not batch:
            return []
        current_call().check()
        for engine in (self.engine, *(judge.engine for judge in self.judges)):
            limits_of(engine).check_candidates(max(sum(item.draws for item in one.items) for one in batch))
        batch = with_rivals(self, batch)
        wording, sizes = self.used_wording(), _sizes(batch)
        with watched(self.observer, Step(name="scoring", questions=len(batch), candidates=sizes)) as done:
            views = self._views(wording, batch)
            done(usages=[view.usage for view in views])
        if self.judges and not is_sampling(self.engine):
            views = step_2_several.judged(
                batch, views, self.judges, engine=self.engine, wording=self.wording, observer=self.observer
            )
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
            rankings = [decided(ranking, rivals=self.rivals) for ranking in rankings]
            return step_5.with_lead_errors(rankings, batch, views, self.solver)

    def merged(self, batch: list[Candidates]) -> list[Candidates]:
        """The candidates, those that mean the same as one where `meanings` asks for it."""
        if self.meanings is None:
            return batch
        if is_sampling(self.engine):
            raise needs_scores(option="meanings", model=self.engine.name)
        return merged_by_meaning(self.engine, batch, self.meanings)

    def _views(self, wording: Wording, batch: Sequence[Candidates]) -> list[Views]:
        if is_sampling(self.engine):
            for name, is_asked in (("anchors", self.anchors != "paper"), ("calibration", self.calibration is not None)):
                if is_asked:
                    raise needs_scores(option=name, model=self.engine.name)
            return step_2_sampled.estimated(self.engine, wording, batch, self.sampling, answer_key=self.answer_key)
        return step_2.scored(self.engine, wording, batch)

    def used_wording(self) -> Wording:
        """The wording that is used, with `auto` and names resolved."""
        return wording_for(self.wording, self.engine)


def _sizes(batch: Sequence[Candidates]) -> tuple[int, ...]:
    return tuple(len(one.items) for one in batch)
