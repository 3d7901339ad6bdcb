"""What ranking answers needs, as pydantic fields, and the `Consensus` that they describe."""

from __future__ import annotations

from dataclasses import asdict
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from langchain_consensus.calibration.anchors import AnchorChoice, anchors_named
from langchain_consensus.calibration.profile import Profile, read_profile
from langchain_consensus.consensus import Consensus
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.identity import identity, name_of
from langchain_consensus.judges import Judge, judges_of
from langchain_consensus.prompts import Wording, wording_named
from langchain_consensus.settings.game import GameSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_consensus.engine import Engine
    from langchain_consensus.engine.sampler import SamplingEngine

__all__ = ["RankingSettings"]


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
    def _check_together(self) -> Self:
        self._ranker()  # the pipeline checks its options together
        if self.calibration is not None:
            self.calibration.warn_of_model(self.engine.name)
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
