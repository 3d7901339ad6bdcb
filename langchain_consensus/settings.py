"""The options that the surfaces have in common, as pydantic fields, and the `Consensus` that they describe.

What every option means is said here once. This module knows no LangChain class.
"""

from __future__ import annotations

from dataclasses import asdict, is_dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from langchain_consensus.consensus import Consensus
from langchain_consensus.engine import SamplingSettings, TransformersEngine
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.prompts import Wording, wording_named
from langchain_consensus.ranking import Rule, rule_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_consensus.engine import Engine
    from langchain_consensus.game import Solver

__all__ = ["SOLVERS", "GameSettings", "RankingSettings", "SamplingFields", "solver_named"]

SOLVERS: Mapping[str, type[Solver]] = MappingProxyType(
    {"pikl": PiKL, "log_time_flow": LogTimeFlow, "equilibrium": Equilibrium}
)
"""The solvers by the names that settings and the command line take, each with the paper's numbers."""


def solver_named(name: str) -> Solver:
    """The solver called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists them.
    """
    if name not in SOLVERS:
        msg = f"`solver` is {name!r}; it must be one of {sorted(SOLVERS)}, or a solver of `langchain_consensus.game`."
        raise InvalidInputError(msg)
    return SOLVERS[name]()


class GameSettings(BaseModel):
    """What every surface has: an engine, and how the game over the views is solved and ordered."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    engine: Any = Field(exclude=True, repr=False)
    """The model, an `Engine`. It is shared, never copied, and not part of what is serialised."""
    rule: Rule = Rule.ER_DISCRIMINATOR
    """By which score the candidates are ordered."""
    solver: Any = Field(default_factory=PiKL)
    """A solver of `langchain_consensus.game`, or its name: `pikl`, `log_time_flow` or `equilibrium`."""

    @classmethod
    def from_model_id(cls, model_id: str, *, engine_options: Mapping[str, Any] | None = None, **settings: Any) -> Self:
        """One of this class on a local model, loaded at the first call.

        Args:
            model_id: An embedded model's name, a folder, a `.gguf` file or a hub id.
            engine_options: Keyword arguments of `TransformersEngine`, such as `dtype` or `device_map`.
            **settings: The fields of this class.
        """
        return cls(engine=TransformersEngine(model_id, **(engine_options or {})), **settings)

    @classmethod
    def from_engine(cls, engine: Engine, **settings: Any) -> Self:
        """One of this class on an engine that others may share; `settings` are the fields of this class."""
        return cls(engine=engine, **settings)

    @field_validator("engine")
    @classmethod
    def _check_engine(cls, engine: object) -> object:
        if not (callable(getattr(engine, "sample", None)) and callable(getattr(engine, "score", None))):
            msg = f"`engine` is {engine!r}; it must have the methods of `Engine`, such as a `TransformersEngine`."
            raise InvalidInputError(msg)
        return engine

    @field_validator("rule", mode="before")
    @classmethod
    def _check_rule(cls, rule: str) -> Rule:
        return rule_named(rule)

    @field_validator("solver", mode="before")
    @classmethod
    def _check_solver(cls, solver: object) -> object:
        if isinstance(solver, str):
            return solver_named(solver)
        if isinstance(solver, type) or not (is_dataclass(solver) and callable(getattr(solver, "solve_block", None))):
            names = sorted(SOLVERS)
            msg = f"`solver` is {solver!r}; it must be one of {names}, or a solver of `langchain_consensus.game`."
            raise InvalidInputError(msg)
        return solver


class RankingSettings(GameSettings):
    """What ranking answers needs: an engine, and how the views are asked, joined and ordered."""

    wording: str | Wording = "auto"
    """A preset's name, a `Wording`, or `auto`: `chat_qa` for a model with a chat template, `qa` for one without."""
    answer_key: Any = Field(default=None, exclude=True, repr=False)
    """A function from an answer's text to its key: answers with one key are one candidate."""

    @field_validator("wording")
    @classmethod
    def _check_wording(cls, wording: str | Wording) -> str | Wording:
        if isinstance(wording, str) and wording != "auto":
            wording_named(wording)
        return wording

    @field_validator("answer_key")
    @classmethod
    def _check_answer_key(cls, answer_key: object) -> object:
        if answer_key is not None and not callable(answer_key):
            msg = f"`answer_key` is {answer_key!r}; it must be a function from an answer's text to its key, or `None`."
            raise InvalidInputError(msg)
        return answer_key

    def _describe(self) -> dict[str, Any]:
        """The settings as JSON-like values: traces show them, and LangChain's cache keys are made of them."""
        wording = self.wording if isinstance(self.wording, str) else self.wording.model_dump(mode="json")
        return {
            "model_name": self.engine.name,
            "wording": wording,
            "rule": self.rule.value,
            "solver": {"name": type(self.solver).__name__, **asdict(self.solver)},
            "answer_key": _name(self.answer_key),
        }

    def _ranker(self) -> Consensus:
        engine: Engine = self.engine
        return Consensus(
            engine=engine, wording=self.wording, rule=self.rule, solver=self.solver, answer_key=self.answer_key
        )


class SamplingFields(RankingSettings):
    """What ranking and sampling need; the defaults of sampling are the paper's."""

    num_candidates: int = 8
    """Answers drawn for each prompt; equal ones become one candidate."""
    max_new_tokens: int = 256
    """Longest answer, in tokens."""
    temperature: float = 1.0
    """Divides the logits; 0 is greedy, and gives one distinct answer."""
    top_p: float = 0.9
    """Nucleus: the smallest set of tokens with at least this probability."""
    top_k: int = 50
    """Only the k most probable tokens; 0 keeps all."""
    min_p: float = 0.0
    """Drops tokens below this fraction of the most probable one."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer."""
    seed: int = 0
    """Same seed and same prompt, same candidates."""

    @field_validator("stop", mode="before")
    @classmethod
    def _no_stop_is_empty(cls, stop: Sequence[str] | None) -> tuple[str, ...]:
        return () if stop is None else (stop,) if isinstance(stop, str) else tuple(stop)

    @model_validator(mode="after")
    def _check_sampling(self) -> Self:
        self._sampling(None)
        return self

    def overridden(self, overrides: Mapping[str, Any]) -> Self:
        """The same with some fields changed and checked; the engine is shared.

        Raises:
            InvalidInputError: If a name is no field that a call may override.
        """
        options = set(SamplingFields.model_fields) - {"engine"}
        unknown = sorted(set(overrides) - options)
        if unknown:
            msg = f"`{unknown[0]}` is no option of a call; the options are {sorted(options)}."
            raise InvalidInputError(msg)
        if not overrides:
            return self
        fields = {name: getattr(self, name) for name in SamplingFields.model_fields}
        checked = SamplingFields(**fields | dict(overrides))
        return self.model_copy(update={name: getattr(checked, name) for name in overrides})

    def _consensus(self, stop: Sequence[str] | None = None) -> Consensus:
        return replace(self._ranker(), sampling=self._sampling(stop))

    def _describe_sampling(self) -> dict[str, Any]:
        names = ("num_candidates", "max_new_tokens", "temperature", "top_p", "top_k", "min_p", "seed")
        return {**self._describe(), **{name: getattr(self, name) for name in names}, "stop_strings": list(self.stop)}

    def _sampling(self, stop: Sequence[str] | None) -> SamplingSettings:
        return SamplingSettings(
            n=self.num_candidates,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            stop=self.stop if stop is None else self._no_stop_is_empty(stop),
            seed=self.seed,
        )


def _name(function: Callable[[str], str] | None) -> str | None:
    if function is None:
        return None
    # Partials and objects that can be called have no name of their own, and methods of built-in types no module.
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', 'builtins')}.{name}"
