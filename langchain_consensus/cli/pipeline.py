"""What the options say, as a `Consensus`; and batches in which one failure takes nothing else with it."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from langchain_consensus.calibration.anchors import anchors_named
from langchain_consensus.calibration.profile import read_profile
from langchain_consensus.cli import engines
from langchain_consensus.cli.judges import judge_written
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.errors import ConsensusError, InvalidInputError
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import rule_named
from langchain_consensus.settings import solver_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from langchain_consensus.engine.base import Engine
    from langchain_consensus.ranking import Ranking

__all__ = ["RunSettings", "check_text", "each_ranked", "shortened"]

T = TypeVar("T")

_RECEIVED = reprlib.Repr()
_RECEIVED.maxstring = _RECEIVED.maxother = 60
_RECEIVED.maxlevel = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """The options that commands with a ranking share, as they were given; see `options`."""

    model: engines.ModelSettings
    wording: str
    rule: str
    solver: str
    min_confidence: float | None
    anchors: str = "paper"
    profile: Path | None = None
    max_risk: float | None = None
    judges: tuple[str, ...] = ()
    rivals: int = 0

    def __post_init__(self) -> None:
        if self.max_risk is None:
            return
        if self.min_confidence is not None or self.profile is None:
            msg = (
                f"`max_risk` is {self.max_risk:g}; it needs --profile, and sets the threshold: leave --min-confidence."
            )
            raise InvalidInputError(msg)
        object.__setattr__(self, "min_confidence", read_profile(self.profile).threshold(self.max_risk).value)

    def consensus(self, sampling: SamplingSettings | None = None) -> Consensus:
        """The pipeline that the options describe; every name is checked and nothing is loaded."""
        if self.wording != "auto":
            wording_named(self.wording)
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            msg = f"`min_confidence` is {self.min_confidence!r}; it must be from 0 to 1."
            raise InvalidInputError(msg)
        check_text("model", self.model.name)
        engine = engines.make_engine(self.model)
        return Consensus(
            engine=engine,
            judges=tuple(judge_written(one, make=self._engine_of_judge) for one in self.judges),
            anchors=anchors_named(self.anchors),
            calibration=None if self.profile is None else read_profile(self.profile, model=engine.name),
            wording=self.wording,
            rule=rule_named(self.rule),
            solver=solver_named(self.solver),
            sampling=sampling or SamplingSettings(),
            rivals=self.rivals,
        )

    def _engine_of_judge(self, model: str) -> Engine | None:
        """The engine of a judge, always in this process; `None` for the model that generates, if that is here too."""
        if model == self.model.name and not self.model.server.base_urls:
            return None
        return engines.make_engine(replace(self.model, name=model, server=engines.ServerSettings()))


def each_ranked(rank: Callable[[Sequence[T]], list[Ranking]], batch: Sequence[T]) -> list[Ranking | ConsensusError]:
    """One ranking or error for each of the batch: all in one call, or one by one where that call fails."""
    try:
        return list(rank(batch))
    except ConsensusError as error:
        if len(batch) == 1:
            return [error]
    return [outcome for one in batch for outcome in each_ranked(rank, [one])]


def check_text(name: str, text: object) -> str:
    """The text, if it is one that a tokenizer can read.

    Raises:
        InvalidInputError: If it is no text, has no visible character or holds half a surrogate pair.
    """
    if not isinstance(text, str) or not text.strip():
        msg = f"`{name}` is {shortened(text)}; it must be a text with at least one visible character."
        raise InvalidInputError(msg)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        msg = f"`{name}` is {shortened(text)}; it holds half a surrogate pair, which is no Unicode text. Take it out."
        raise InvalidInputError(msg)
    return text


def shortened(value: object) -> str:
    """What was received, cut where it is long or deep."""
    return _RECEIVED.repr(value)
