"""What every surface has: an engine, and how the game is solved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from langchain_consensus.engine import TransformersEngine
from langchain_consensus.game import PiKL
from langchain_consensus.ranking import Rule, rule_named
from langchain_consensus.settings.engines import checked_engine
from langchain_consensus.settings.solvers import checked_solver

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_consensus.engine import Engine
    from langchain_consensus.engine.sampler import SamplingEngine

__all__ = ["GameSettings"]


class GameSettings(BaseModel):
    """What every surface has: an engine, and how the game over the views is solved and ordered."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    _takes_samples: ClassVar[bool] = False
    """Whether an engine that can only be sampled will do."""

    engine: Any = Field(exclude=True, repr=False)
    """The model, an `Engine`, or the arguments of a `TransformersEngine` as a mapping. It is shared, never copied."""
    rule: Rule = Rule.ER_DISCRIMINATOR
    """By which score the candidates are ordered."""
    solver: Any = Field(default_factory=PiKL)
    """A solver of `langchain_consensus.game`, or its name: `pikl`, `log_time_flow` or `equilibrium`.

    As a mapping: the name as `name`, and those of its numbers that are not the paper's.
    """

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
    def from_engine(cls, engine: Engine | SamplingEngine, **settings: Any) -> Self:
        """One of this class on an engine that others may share; `settings` are the fields of this class."""
        return cls(engine=engine, **settings)

    @field_validator("engine", mode="before")
    @classmethod
    def _check_engine(cls, engine: object) -> object:
        return checked_engine(engine, owner=cls.__name__, takes_samples=cls._takes_samples)

    @field_validator("rule", mode="before")
    @classmethod
    def _check_rule(cls, rule: str) -> Rule:
        return rule_named(rule)

    @field_validator("solver", mode="before")
    @classmethod
    def _check_solver(cls, solver: object) -> object:
        return checked_solver(solver)
