"""The options that the surfaces have in common, as pydantic fields, and the `Consensus` that they describe.

What every option means is said here once. This module knows no LangChain class.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from os import PathLike
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from langchain_consensus.calibration.anchors import AnchorChoice, anchors_named
from langchain_consensus.calibration.profile import Profile, read_profile
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine import SamplingSettings, TransformersEngine
from langchain_consensus.engine.sampler import check_plain_draws, is_sampling
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.identity import identity, name_of
from langchain_consensus.judges import Judge, check_judges, judges_of
from langchain_consensus.meanings import Meanings
from langchain_consensus.prompts import Wording, wording_named
from langchain_consensus.ranking import Rule, rule_named
from langchain_consensus.rivals import check_rivals
from langchain_consensus.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.engine import Engine
    from langchain_consensus.engine.sampler import SamplingEngine
    from langchain_consensus.game import Solver

__all__ = ["SOLVERS", "GameSettings", "RankingSettings", "SamplingFields", "solver_named"]

SOLVERS: Mapping[str, type[Solver]] = MappingProxyType(
    {"pikl": PiKL, "log_time_flow": LogTimeFlow, "equilibrium": Equilibrium}
)
"""The solvers by the names that settings and the command line take, each with the paper's numbers."""


_OF_AN_ENGINE = (
    *("model_id", "dtype", "device_map", "revision", "token_budget", "row_budget", "prefix_cache_bytes"),
    *("attention", "limits", "max_waiting"),
)
"""What a written-down engine may say; above all not `trust_remote_code`."""


def solver_named(name: str, **numbers: float) -> Solver:
    """The solver called `name`, with the paper's numbers except for `numbers`.

    Raises:
        InvalidInputError: If there is none, or it has no such number; the message lists those there are.
    """
    if name not in SOLVERS:
        msg = f"`solver` is {name!r}; it must be one of {sorted(SOLVERS)}, or a solver of `langchain_consensus.game`."
        raise InvalidInputError(msg)
    known = list(inspect.signature(SOLVERS[name]).parameters)
    unknown = sorted(set(numbers) - set(known))
    if unknown:
        msg = f"`solver` has the number {unknown[0]!r}; those of {name!r} are {known}."
        raise InvalidInputError(msg)
    return SOLVERS[name](**numbers)


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
        if isinstance(engine, Mapping):
            unknown = sorted(set(engine) - set(_OF_AN_ENGINE))
            if unknown or "model_id" not in engine:
                msg = f"`engine` has the keys {sorted(engine)}; it needs 'model_id' and may have {_OF_AN_ENGINE[1:]}."
                raise InvalidInputError(msg)
            return TransformersEngine(**engine)
        if is_sampling(engine):  # type: ignore[arg-type]
            if cls._takes_samples:
                return engine
            msg = (
                f"`engine` is a {type(engine).__name__}, which can only be sampled; {cls.__name__} needs "
                "log-probabilities of given texts: use `TransformersEngine` or `OpenAICompatibleEngine`."
            )
            raise InvalidInputError(msg)
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
        if isinstance(solver, Mapping) and "name" in solver:
            return solver_named(**solver)
        if isinstance(solver, type) or not (is_dataclass(solver) and callable(getattr(solver, "solve_block", None))):
            names = sorted(SOLVERS)
            msg = f"`solver` is {solver!r}; it must be one of {names}, or a solver of `langchain_consensus.game`."
            raise InvalidInputError(msg)
        return solver


class RankingSettings(GameSettings):
    """What ranking answers needs: an engine, and how the views are asked, joined and ordered."""

    _takes_samples: ClassVar[bool] = True

    wording: str | Wording = "auto"
    """A preset's name, a `Wording`, or `auto`: `chat_qa` for a model with a chat template, `qa` for one without."""
    anchors: AnchorChoice = "paper"
    """What the game starts from: the paper's anchors, or `informed` ones, whose weights the batch shows."""
    calibration: Profile | None = Field(default=None, repr=False)
    """A profile of labelled questions, or a path to one: in place of `anchors`, and the confidence is calibrated.

    It is not called `profile`, as LangChain's chat models have another field of that name.
    """
    judges: Any = Field(default=(), exclude=True)
    """Who judges beside the model, as `Judge`s or mappings with their fields: `[{"wording": "agent_answer"}]`.

    An `engine` in a mapping is as `engine` above. With `calibration`, or a model that can only be sampled, refused.
    """
    answer_key: Any = Field(default=None, exclude=True, repr=False)
    """A function from an answer's text to its key: answers with one key are one candidate."""
    rivals: int = 0
    """Where there is one distinct answer: incorrect answers that are drawn to compare it with; see `rivals`."""

    @classmethod
    def from_chat_model(
        cls, chat_model: Any, *, engine_options: Mapping[str, Any] | None = None, **settings: Any
    ) -> Self:
        """One of this class on any LangChain chat model, whose views are then estimated by sampling.

        Args:
            chat_model: The chat model, a `BaseChatModel`; it is drawn from at temperature 1.
            engine_options: Keyword arguments of `ChatModelEngine`, such as `draws`.
            **settings: The fields of this class.
        """
        from langchain_consensus.chat_model_engine import ChatModelEngine

        return cls(engine=ChatModelEngine(chat_model, **(engine_options or {})), **settings)

    @field_validator("wording")
    @classmethod
    def _check_wording(cls, wording: str | Wording) -> str | Wording:
        if isinstance(wording, str) and wording != "auto":
            wording_named(wording)
        return wording

    @field_validator("anchors", mode="before")
    @classmethod
    def _check_anchors(cls, anchors: str) -> AnchorChoice:
        return anchors_named(anchors)

    @field_validator("calibration", mode="before")
    @classmethod
    def _read_profile(cls, calibration: object) -> object:
        return read_profile(calibration) if isinstance(calibration, str | PathLike) else calibration

    @field_validator("judges", mode="before")
    @classmethod
    def _judges_of_plain_values(cls, judges: object) -> tuple[Judge, ...]:
        return judges_of(judges, engine_of=cls._check_engine)

    @model_validator(mode="after")
    def _check_profile_s_model(self) -> Self:
        check_judges(self.judges, engine=self.engine, has_profile=self.calibration is not None)
        if self.calibration is not None:
            self.calibration.warn_of_model(self.engine.name)
        return self

    @model_validator(mode="after")
    def _check_rivals(self) -> Self:
        check_rivals(self)
        return self

    @field_validator("answer_key")
    @classmethod
    def _check_answer_key(cls, answer_key: object) -> object:
        if answer_key is not None and not callable(answer_key):
            msg = f"`answer_key` is {answer_key!r}; it must be a function from an answer's text to its key, or `None`."
            raise InvalidInputError(msg)
        return answer_key

    def check_cacheable(self) -> None:
        """Checks that a cache can tell these settings from others.

        Raises:
            InvalidInputError: If `answer_key` cannot be told from other functions.
        """
        if self.answer_key is not None and identity(self.answer_key) is None:
            msg = (
                f"LangChain's cache is on and `answer_key` is {name_of(self.answer_key)}, which rests on objects that "
                "a cache's key cannot describe; use a function of constants and other functions, or set cache=False."
            )
            raise InvalidInputError(msg)

    def plain_wording(self) -> Any:
        """The wording as plain JSON: a preset's name, or all its fields."""
        return self.wording if isinstance(self.wording, str) else self.wording.model_dump(mode="json")

    def _describe(self) -> dict[str, Any]:
        """The settings as JSON-like values: traces show them, and LangChain's cache keys are made of them."""
        key = self.answer_key
        try:
            engine = getattr(self.engine, "recipe", None)
        except InvalidInputError:
            engine = None  # its name has to do
        return {
            "model_name": self.engine.name,
            **({"engine": engine} if engine else {}),
            "wording": self.plain_wording(),
            "rule": self.rule.value,
            "solver": {"name": type(self.solver).__name__, **asdict(self.solver)},
            "answer_key": None if key is None else identity(key) or name_of(key),
            **({"anchors": self.anchors} if self.anchors != "paper" else {}),
            **({"calibration": self.calibration.digest} if self.calibration is not None else {}),
            **({"judges": [judge.describe() for judge in self.judges]} if self.judges else {}),
            **({"rivals": self.rivals} if self.rivals else {}),
        }

    def _ranker(self) -> Consensus:
        engine: Engine | SamplingEngine = self.engine
        return Consensus(
            engine=engine,
            wording=self.wording,
            rule=self.rule,
            solver=self.solver,
            anchors=self.anchors,
            calibration=self.calibration,
            judges=self.judges,
            answer_key=self.answer_key,
            rivals=self.rivals,
        )


class SamplingFields(RankingSettings):
    """What ranking and sampling need; the defaults of sampling are the paper's.

    With an engine that can only be sampled `top_p` is 1, `top_k` 0 and `num_candidates` the engine's `draws`, and the
    distribution stays the model's own: other values of `temperature`, `top_p`, `top_k` and `min_p` are refused.
    """

    num_candidates: int = 8
    """Answers drawn for each prompt; equal ones become one candidate."""
    meanings: Meanings | None = None
    """Also makes one candidate of drawn answers that the engine says mean the same; `True` for `Meanings()`."""
    rounds: Rounds | None = None
    """Draws in rounds, and stops early for a prompt whose winner more draws could hardly change; see `Rounds`.

    Its sizes must add up to `num_candidates`. A mapping or a sequence of sizes will do: `rounds=(4, 4, 8)`.
    """
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

    @field_validator("meanings", mode="before")
    @classmethod
    def _meanings_of_plain_values(cls, meanings: object) -> object:
        if isinstance(meanings, Mapping):
            unknown = sorted(set(meanings) - {"least_probability"})
            if unknown:
                msg = f"`meanings` has {unknown[0]!r}; it may have 'least_probability'."
                raise InvalidInputError(msg)
            return Meanings(**meanings)
        return {True: Meanings(), False: None}[meanings] if isinstance(meanings, bool) else meanings

    @field_validator("rounds", mode="before")
    @classmethod
    def _rounds_of_plain_values(cls, rounds: object) -> object:
        if isinstance(rounds, Mapping):
            unknown = sorted(set(rounds) - {"sizes", "risk", "token_budget"})
            if unknown:
                msg = f"`rounds` has {unknown[0]!r}; it may have 'sizes', 'risk' and 'token_budget'."
                raise InvalidInputError(msg)
            return Rounds(**{**rounds, **({"sizes": tuple(rounds["sizes"])} if "sizes" in rounds else {})})
        return Rounds(sizes=tuple(rounds)) if isinstance(rounds, (list, tuple)) else rounds

    @model_validator(mode="before")
    @classmethod
    def _draw_from_the_model_s_own(cls, values: Any) -> Any:
        engine = values.get("engine") if isinstance(values, dict) else None
        if engine is None or not is_sampling(engine):
            return values
        return {"num_candidates": engine.draws, "top_p": 1.0, "top_k": 0, **values}

    @model_validator(mode="after")
    def _check_sampling(self) -> Self:
        if self.num_candidates < 1:
            msg = f"`num_candidates` is {self.num_candidates}; it must be a whole number of at least 1."
            raise InvalidInputError(msg)
        if self.rounds is not None and sum(self.rounds.sizes) != self.num_candidates:
            total = sum(self.rounds.sizes)
            msg = (
                f"`rounds` has the sizes {self.rounds.sizes}, {total} draws together, and `num_candidates` is "
                f"{self.num_candidates}; both must say the same."
            )
            raise InvalidInputError(msg)
        sampling = self._sampling(None)
        if is_sampling(self.engine):
            check_plain_draws(sampling)
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
        changed = self.model_copy(update={name: getattr(checked, name) for name in overrides})
        changed.__dict__.pop("_serialized", None)  # LangChain keeps there what traces show of the settings
        return changed

    def _consensus(self, stop: Sequence[str] | None = None) -> Consensus:
        return replace(self._ranker(), sampling=self._sampling(stop), meanings=self.meanings, rounds=self.rounds)

    def _describe_sampling(self) -> dict[str, Any]:
        names = ("num_candidates", "max_new_tokens", "temperature", "top_p", "top_k", "min_p", "seed")
        asked = {"meanings": self.meanings, "rounds": self.rounds}
        records = {name: asdict(record) for name, record in asked.items() if record is not None}
        numbers = {name: getattr(self, name) for name in names}
        return {**self._describe(), **numbers, **records, "stop_strings": list(self.stop)}

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
