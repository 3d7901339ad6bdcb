"""The options of the middleware, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from langchain_consensus.calibration.anchors import anchors_named
from langchain_consensus.calibration.profile import Profile, read_profile
from langchain_consensus.candidates import normalised_text
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine import SamplingSettings
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.middleware.checks import check_fit, check_values
from langchain_consensus.prompts import Wording, wording_named
from langchain_consensus.ranking import Rule, rule_named
from langchain_consensus.settings import solver_named
from langchain_consensus.verification import Verifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.language_models import BaseChatModel

    from langchain_consensus.calibration.anchors import AnchorChoice
    from langchain_consensus.candidates import AnswerKey
    from langchain_consensus.engine import Engine
    from langchain_consensus.game import Solver
    from langchain_consensus.judges import Judge

__all__ = ["OptionFields", "Options", "options_of"]

Mode = Literal["verify", "select", "tools"]
OnFailure = Literal["refuse", "keep", "error"]
ContrastBy = Literal["verdict", "game"]

FEEDBACK = (
    "Your answer was checked and not accepted: {reason}. Look at the question and at the results of the tools again, "
    "use a tool where something is missing, and give a corrected answer."
)
REFUSAL = "I could not find an answer that I can stand behind."


class OptionFields(TypedDict, total=False):
    """The fields of `Options` but `judge`, as keyword arguments."""

    mode: Mode
    verify_tools: Mapping[str, float]
    wording: Wording | str
    tool_wording: Wording | str
    min_verdict_mass: float
    name: str
    min_confidence: float
    max_retries: int
    fallback_model: BaseChatModel | None
    on_failure: OnFailure
    refusal: str
    feedback: str
    keep_drafts: bool
    contrast_candidates: int
    contrast_by: ContrastBy
    rivals: int
    num_candidates: int
    draw_settings: Mapping[str, Any]
    rank_tool_calls: bool
    rule: Rule | str
    solver: Solver | str
    anchors: AnchorChoice
    calibration: Profile | Path | str | None
    judges: Sequence[Judge]
    answer_key: AnswerKey | None


def options_of(judge: Engine, options: OptionFields) -> Options:
    """The options, checked.

    Raises:
        InvalidInputError: If there is no such option, or one breaks its rule.
    """
    unknown = sorted(set(options) - {option.name for option in fields(Options)})
    if unknown:
        msg = f"`{unknown[0]}` is no option of `ConsensusMiddleware`; they are {sorted(OptionFields.__annotations__)}."
        raise InvalidInputError(msg)
    return Options(judge=judge, **options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What `ConsensusMiddleware` is told.

    Attributes:
        judge: The model that judges.
        mode: `verify`, `select` or `tools`.
        verify_tools: In every mode: for a tool's name, the least probability, 0 to 1, with which a call of it may run.
        wording: How the judge is asked about answers; `auto` is `agent_answer`, or `qa` without a chat template.
        tool_wording: How it is asked about tool calls; `auto` is `tool_use`, or `qa` without a chat template.
        min_verdict_mass: Least probability on the two verdict words together for which a verdict counts.
        name: Tells several middlewares apart.
        min_confidence: `verify`: least probability with which an answer is accepted. It is the judge's raw verdict, not
            calibrated: choose it on examples.
        max_retries: `verify`: how often in a run an answer goes back to the model.
        fallback_model: `verify`: the chat model that answers when the retries are used up; its answer is judged too.
        on_failure: `verify`: what becomes of an answer that is not accepted when nothing is left to try: `refuse` puts
            `refusal` in its place, `keep` keeps it, marked as not accepted, `error` raises `LowConfidenceError`.
        refusal: `verify`: what is said instead.
        feedback: `verify`: what the model is told; `{reason}` becomes the reason.
        keep_drafts: `verify`: whether rejected answers and the feedback on them stay in the conversation when the run
            ends. They are in the evidence either way.
        contrast_candidates: `verify`: how many answers the judge draws to compare the answer with; 0 judges by the raw
            verdict.
        contrast_by: `verify`: how: `verdict` reads the answer's verdict relative to theirs, `game` lets all of them
            play, and takes the equilibrium discriminator's policy.
        rivals: `verify`: how many incorrect answers the judge draws to compare the answer with, in place of
            `contrast_candidates`; the confidence is then at most that of the answer against the best of them.
        num_candidates: `select`: how many replies are drawn.
        draw_settings: `select`: options of the model's calls for every reply after the first, such as
            `{"temperature": 0.8}` for a model that is otherwise greedy and would say the same again.
        rank_tool_calls: `select`: whether tool calls are candidates too.
        rule: `select`: by which score the candidates are ranked.
        solver: `select`: how the game is solved: a solver or its name, as for `ChatEquilibriumRanking`.
        anchors: `select`: what the game starts from, `paper` or `informed`.
        calibration: `select`: a profile, what labelled questions taught, or a path to it; in place of `anchors`.
        judges: `verify`, `select`: who judges final answers beside `judge`, and what each weighs; see `Judge`.
            Calls of tools are judged by `judge` alone.
        answer_key: `select`: answers with the same key are one candidate; by default those that differ in case,
            quotes, final punctuation and spacing alone.
    """

    judge: Engine
    mode: Mode = "verify"
    min_confidence: float = 0.5
    max_retries: int = 1
    fallback_model: BaseChatModel | None = None
    on_failure: OnFailure = "refuse"
    refusal: str = REFUSAL
    feedback: str = FEEDBACK
    keep_drafts: bool = False
    contrast_candidates: int = 0
    contrast_by: ContrastBy = "verdict"
    rivals: int = 0
    num_candidates: int = 4
    draw_settings: Mapping[str, Any] = field(default_factory=dict)
    rank_tool_calls: bool = False
    rule: Rule | str = Rule.ER_DISCRIMINATOR
    solver: Solver | str = "pikl"
    anchors: AnchorChoice = "paper"
    calibration: Profile | Path | str | None = None
    judges: Sequence[Judge] = ()
    answer_key: AnswerKey | None = None
    verify_tools: Mapping[str, float] = field(default_factory=dict)
    min_verdict_mass: float = 0.5
    wording: Wording | str = "auto"
    tool_wording: Wording | str = "auto"
    name: str = "ConsensusMiddleware"

    def __post_init__(self) -> None:
        check_values(self)
        check_fit(self)
        for mapping in ("verify_tools", "draw_settings"):
            object.__setattr__(self, mapping, MappingProxyType(dict(getattr(self, mapping))))
        object.__setattr__(self, "judges", tuple(self.judges))
        if isinstance(self.calibration, str | Path):
            object.__setattr__(self, "calibration", read_profile(self.calibration))
        if isinstance(self.calibration, Profile):
            self.calibration.warn_of_model(self.judge.name)
        # A name that is none raises here, and not in the middle of a run.
        _ = self.consensus, self.verifier_of_calls

    @property
    def consensus(self) -> Consensus:
        """The pipeline that selects."""
        return Consensus(
            engine=self.judge,
            wording=self._named(self.wording, "agent_answer"),
            rule=rule_named(self.rule),
            solver=solver_named(self.solver) if isinstance(self.solver, str) else self.solver,
            anchors=anchors_named(self.anchors),
            calibration=self.calibration if isinstance(self.calibration, Profile) else None,
            judges=tuple(self.judges),
            answer_key=self.answer_key or normalised_text,
        )

    @property
    def verifier_of_answers(self) -> Verifier:
        """The judge as it is asked about final answers."""
        drawn = SamplingSettings(n=self.contrast_candidates) if self.contrast_candidates else None
        wording, mass = self._named(self.wording, "agent_answer"), self.min_verdict_mass
        return Verifier(
            engine=self.judge,
            wording=wording,
            min_verdict_mass=mass,
            contrast=drawn,
            contrast_by=self.contrast_by,
            beside=tuple(self.judges),
            rivals=self.rivals,
        )

    @property
    def verifier_of_calls(self) -> Verifier:
        """The judge as it is asked about tool calls."""
        wording = self._named(self.tool_wording, "tool_use")
        return Verifier(engine=self.judge, wording=wording, min_verdict_mass=self.min_verdict_mass)

    def _named(self, wording: Wording | str, auto: str) -> Wording:
        if isinstance(wording, Wording):
            return wording
        return wording_named((auto if self.judge.is_chat else "qa") if wording == "auto" else wording)
