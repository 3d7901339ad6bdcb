"""How a component is written down by `langchain_core.load.dumps`: by ids and numbers, never weights, and read again.

Reading it loads and downloads nothing; the model is loaded at its first call, as ever. What cannot be written down (an
engine that was not made from a model id, a function) is marked as such, with the reason; `loads` then raises it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.identity import name_of
from langchain_consensus.settings import SOLVERS

if TYPE_CHECKING:
    from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented

    from langchain_consensus.settings import RankingSettings

__all__ = ["recipe", "written"]


def recipe(component: RankingSettings) -> dict[str, Any]:
    """The fields that are no plain JSON by themselves, as plain JSON that the component's constructor takes.

    Raises:
        InvalidInputError: If there is no such form: of an engine that was not made from a model id, or a function.
    """
    if component.answer_key is not None:
        msg = f"`answer_key` is the function {name_of(component.answer_key)}; give it again when you load the settings."
        raise InvalidInputError(msg)
    engine = getattr(component.engine, "recipe", None)
    for one in (component.engine, *(judge.engine for judge in component.judges if judge.engine is not None)):
        if getattr(one, "recipe", None) is None:
            kind, name = type(one).__name__, "engine" if one is component.engine else "judges"
            msg = f"`{name}` is a {kind}; only a `TransformersEngine` of a model id can be made again."
            raise InvalidInputError(msg)
    solver = next((name for name, kind in SOLVERS.items() if type(component.solver) is kind), None)
    if solver is None:
        msg = f"`solver` is a {type(component.solver).__name__}; only {sorted(SOLVERS)} can be made again."
        raise InvalidInputError(msg)
    return {
        "engine": engine,
        "wording": component.plain_wording(),
        "rule": component.rule.value,
        "solver": {"name": solver, **asdict(component.solver)},
        **({"judges": [judge.describe() for judge in component.judges]} if component.judges else {}),
        **({"calibration": component.calibration.model_dump(mode="json")} if component.calibration is not None else {}),
    }


def written(component: Any) -> SerializedConstructor | SerializedNotImplemented:
    """What `to_json` of a surface gives: its class and the arguments that make it again, defaults left out.

    Args:
        component: A `RankingSettings` that is a LangChain `Serializable` as well.
    """
    try:
        own = recipe(component)
    except InvalidInputError as reason:
        refused: SerializedNotImplemented = component.to_json_not_implemented()
        refused["repr"] = f"{type(component).__name__} cannot be written down: {reason}"
        return refused
    changed = {
        name: getattr(component, name)
        for name, field in type(component).model_fields.items()
        if not field.exclude and getattr(component, name) != field.get_default(call_default_factory=True)
    }
    for name in changed.keys() & {"meanings", "rounds"}:
        changed[name] = asdict(changed[name])
    return {"lc": 1, "type": "constructor", "id": component.lc_id(), "kwargs": {**changed, **own}}
