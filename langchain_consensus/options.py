"""What the pipeline can be asked to do: the engine, the wording, and the options of every step, in one record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from langchain_consensus.engine.base import Engine, SamplingSettings
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import PiKL
from langchain_consensus.judges import check_judges, wording_for
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import Rule

if TYPE_CHECKING:
    from langchain_consensus.calibration.anchors import AnchorChoice
    from langchain_consensus.calibration.profile import Profile
    from langchain_consensus.candidates import AnswerKey
    from langchain_consensus.engine.sampler import SamplingEngine
    from langchain_consensus.game import Solver
    from langchain_consensus.judges import Judge
    from langchain_consensus.meanings import Meanings
    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Wording
    from langchain_consensus.rounds import Rounds

__all__ = ["PipelineOptions"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineOptions:
    """The options of `Consensus`, checked together.

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

    Raises:
        InvalidInputError: If judges or rivals are no such, or go with no other option that is set.
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
        self._check_rivals()

    def used_wording(self) -> Wording:
        """The wording that is used, with `auto` and names resolved."""
        return wording_for(self.wording, self.engine)

    def _check_rivals(self) -> None:
        count: object = self.rivals
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            msg = f"`rivals` is {count!r}; it must be a whole number of at least 0."
            raise InvalidInputError(msg)
        if not count:
            return
        named = isinstance(self.wording, str) and self.wording != "auto"
        wording = wording_named(str(self.wording)) if named else self.wording
        for is_so, what, why in (
            (self.rule is Rule.MAJORITY, "`rule` is 'majority'", "rivals have no draws to count"),
            (self.anchors != "paper", f"`anchors` is {self.anchors!r}", "their weights would follow from the rivals"),
            (self.calibration is not None, "`calibration` is set", "a profile knows answers without rivals only"),
            (getattr(wording, "answer_as", "") == "letter", "`wording` answers by letter", "no answer can be drawn so"),
        ):
            if is_so:
                msg = f"`rivals` is {count} and {what}: {why}. Change it, or set `rivals` to 0."
                raise InvalidInputError(msg)
