"""`Judge`: who judges beside the model itself, as users say it: another model, another wording, and what it weighs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from langchain_consensus.engine.sampler import is_sampling
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Wording, wording_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_consensus.engine.base import Engine
    from langchain_consensus.engine.sampler import SamplingEngine

__all__ = ["Judge", "check_judges", "judges_of", "wording_for"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """One judge of a game that has several.

    The model that generates is the first judge without being named. A `Judge` without an engine and without a wording
    is that model: naming it is how its weight is set, and 0 leaves its verdicts out of the game.

    Attributes:
        engine: The model that judges; `None` is the one that generates.
        wording: How it is asked: a `Wording`, a preset's name, or `auto`; `None` is the wording of the views. Only the
            judge's part of it is used.
        weight: What it weighs beside the others, at least 0; the weights are divided by their sum. `informed` takes how
            informative its verdicts are, from 0 to 1, by what the batch shows of them; see docs/design/judges.md.
    """

    engine: Engine | None = None
    wording: Wording | str | None = None
    weight: float | Literal["informed"] = "informed"

    def __post_init__(self) -> None:
        engine = self.engine
        if engine is not None and is_sampling(engine):
            msg = (
                f"`engine` of a judge is a {type(engine).__name__}, which can only be sampled, and the error of its "
                "verdicts would not be in the ranking's; use `TransformersEngine` or `OpenAICompatibleEngine`."
            )
            raise InvalidInputError(msg)
        if engine is not None and not callable(getattr(engine, "score", None)):
            msg = f"`engine` of a judge is {engine!r}; it must be an `Engine`, or `None` for the model itself."
            raise InvalidInputError(msg)
        wording: object = self.wording
        if isinstance(wording, str):
            wording_named("qa" if wording == "auto" else wording)
        elif not isinstance(wording, Wording | None):
            msg = f"`wording` of a judge is {self.wording!r}; it must be a `Wording`, a preset's name or `None`."
            raise InvalidInputError(msg)
        weight = self.weight
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if weight != "informed" and not (is_number and math.isfinite(weight) and weight >= 0):
            msg = f"`weight` of a judge is {weight!r}; it must be a finite number of at least 0, or 'informed'."
            raise InvalidInputError(msg)

    @property
    def is_own(self) -> bool:
        """Whether it is the model that generates, asked as the views are."""
        return self.engine is None and self.wording is None

    def describe(self) -> dict[str, Any]:
        """It in plain values, for traces, cache keys and errors; its engine by its recipe, or else by its name."""
        wording = self.wording
        try:
            engine = None if self.engine is None else getattr(self.engine, "recipe", None) or self.engine.name
        except InvalidInputError:
            engine = None if self.engine is None else self.engine.name
        return {
            **({} if engine is None else {"engine": engine}),
            **(
                {}
                if wording is None
                else {"wording": wording if isinstance(wording, str) else wording.model_dump(mode="json")}
            ),
            "weight": self.weight,
        }


def check_judges(judges: Sequence[Judge], *, engine: Engine | SamplingEngine, has_profile: bool) -> None:
    """Checks that several judges fit what they are asked beside.

    Raises:
        InvalidInputError: If they do not.
    """
    if not judges:
        return
    if is_sampling(engine):
        msg = f"`judges` is set, and {engine.name!r} can only be sampled; leave it out, or use an engine that scores."
        raise InvalidInputError(msg)
    if has_profile:
        msg = (
            "`judges` is set beside `calibration`, and a profile is fitted to the verdicts of one judge; leave one of "
            "them out."
        )
        raise InvalidInputError(msg)
    if sum(judge.is_own for judge in judges) > 1:
        msg = "`judges` has more than one without `engine` and `wording`; there is one model itself, name it once."
        raise InvalidInputError(msg)
    weights = [judge.weight for judge in judges]
    if any(judge.is_own for judge in judges) and not any(weights):
        msg = "`judges` weigh 0 all of them; give one a weight above 0, or 'informed'."
        raise InvalidInputError(msg)


def judges_of(given: object, *, engine_of: Callable[[object], Any]) -> tuple[Judge, ...]:
    """The judges that a setting says.

    Args:
        given: A sequence of judges, or of mappings with their fields; `None` is none.
        engine_of: Makes an engine of what `engine` holds in a mapping.

    Raises:
        InvalidInputError: If it says anything else.
    """
    if given is None:
        return ()
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        msg = f"`judges` is {given!r}; it must be a sequence of `Judge`s, or of mappings with their fields."
        raise InvalidInputError(msg)
    return tuple(_judge(one, engine_of) for one in given)


def _judge(given: object, engine_of: Callable[[object], Any]) -> Judge:
    if isinstance(given, Judge):
        return given
    if not isinstance(given, Mapping) or not set(given) <= {"engine", "wording", "weight"}:
        msg = f"`judges` has {given!r}; it must be a `Judge`, or a mapping with 'engine', 'wording' and 'weight'."
        raise InvalidInputError(msg)
    fields = {key: value for key, value in given.items() if value is not None}
    if "engine" in fields:
        fields["engine"] = engine_of(fields["engine"])
    if isinstance(fields.get("wording"), Mapping):
        fields["wording"] = Wording(**fields["wording"])
    return Judge(**fields)


def wording_for(wording: Wording | str, engine: Engine | SamplingEngine) -> Wording:
    """The wording for an engine, with `auto` and names resolved."""
    if isinstance(wording, Wording):
        return wording
    if wording == "auto":
        return wording_named("chat_qa" if engine.is_chat else "qa")
    return wording_named(wording)
