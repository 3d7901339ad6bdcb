"""`ConsensusOutputParser`: whatever carries a ranking in, a typed `ConsensusResult` out, or a refusal."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import BaseGenerationOutputParser, BaseOutputParser
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.runnables import run_in_executor
from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from langchain_consensus.calibration.profile import Profile, read_profile
from langchain_consensus.errors import InvalidInputError, LowConfidenceError
from langchain_consensus.evidence import EVIDENCE, result_from_generations, result_from_json
from langchain_consensus.ranking import Ranking
from langchain_consensus.results import ConsensusResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.runnables import RunnableConfig

__all__ = ["ConsensusOutputParser"]

_Input = Any
"""A `Ranking`, a message, a list of generations, an `LLMResult`, a `ConsensusResult` or a bare string."""


class ConsensusOutputParser(BaseGenerationOutputParser[ConsensusResult[Any]]):
    """Parses the answer, keeps the evidence, and holds answers to a threshold.

    Instantiate:
        ```python
        chain = prompt | llm.ranked() | ConsensusOutputParser(min_confidence=0.6, below="abstain")
        ```

    Behind `llm.ranked()` it sees every candidate. Behind a chat model it reads the message's
    `response_metadata["consensus"]`. LangChain hands a parser behind a text model (`prompt | llm`) one bare string:
    then the result has the answer and `confidence=None`, and with `min_confidence` set that is an error.

    With an `inner` parser the candidates are parsed best first, and the first that parses is the answer.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    min_confidence: float | None = Field(default=None, ge=0, le=1)
    """The least confidence, from 0 to 1, at which an answer passes; an answer at the threshold does."""
    calibration: Profile | None = Field(default=None, repr=False)
    """The profile that the model ranks with, or a path to it; for `max_risk`."""
    max_risk: float | None = Field(default=None, gt=0, lt=1)
    """In place of `min_confidence`: the largest share of wrong answers among those that pass, with `certainty`.

    The profile sets the least confidence; it holds for questions like those that it was calibrated on.
    """
    certainty: float = Field(default=0.9, gt=0, lt=1)
    """How sure the promise of `max_risk` is."""
    below: Literal["raise", "abstain", "fallback"] = "raise"
    """What happens below it: a `LowConfidenceError`, a result without an answer, or one with the `fallback`.

    An answer whose judge could not say anything, as `ConsensusMiddleware` may carry it, is below every threshold.
    """
    fallback: Any = None
    """The answer of a result below the threshold, where `below` is `fallback`."""
    inner: Any = None
    """An output parser for the answer's text, for example a `PydanticOutputParser`."""
    _threshold: float | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_fallback_and_inner(self) -> Self:
        if self.fallback is not None and self.below != "fallback":
            msg = f"`fallback` is given and `below` is {self.below!r}; set below='fallback', or leave the fallback out."
            raise InvalidInputError(msg)
        if self.inner is not None and not isinstance(self.inner, BaseOutputParser):
            msg = f"`inner` is {self.inner!r}; it must be an output parser, such as a `PydanticOutputParser`."
            raise InvalidInputError(msg)
        return self

    @field_validator("calibration", mode="before")
    @classmethod
    def _read_calibration(cls, calibration: object) -> object:
        return read_profile(calibration) if isinstance(calibration, str | PathLike) else calibration

    @model_validator(mode="after")
    def _check_risk(self) -> Self:
        if self.max_risk is not None:
            if self.calibration is None or self.min_confidence is not None:
                msg = (
                    f"`max_risk` is {self.max_risk:g}; it needs `calibration`, the profile that the model ranks with, "
                    "and sets the threshold itself: leave `min_confidence` out."
                )
                raise InvalidInputError(msg)
            self._threshold = self.calibration.threshold(self.max_risk, certainty=self.certainty).value
        else:
            self._threshold = self.min_confidence
        return self

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes, with its `inner` parser as far as that is."""
        return True

    @property
    def InputType(self) -> Any:  # noqa: N802
        """Anything that carries a ranking, or a bare string."""
        return Any

    @property
    def OutputType(self) -> type[ConsensusResult[Any]]:  # noqa: N802
        """`ConsensusResult`."""
        return ConsensusResult[Any]

    def invoke(self, input: _Input, config: RunnableConfig | None = None, **kwargs: Any) -> ConsensusResult[Any]:
        """The result of `input`.

        Raises:
            LowConfidenceError: If the confidence is below `min_confidence` and `below` is `raise`.
            OutputParserException: If `inner` parses no candidate.
            InvalidInputError: If `min_confidence` is set and `input` carries no evidence.
        """
        del kwargs
        return self._call_with_config(self.parse_any, input, config, run_type="parser")

    async def ainvoke(
        self,
        input: _Input,
        config: RunnableConfig | None = None,
        **kwargs: Any | None,
    ) -> ConsensusResult[Any]:
        """As `invoke`."""
        del kwargs

        async def parse(one: _Input) -> ConsensusResult[Any]:
            return await run_in_executor(config, self.parse_any, one)

        return await self._acall_with_config(parse, input, config, run_type="parser")

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> ConsensusResult[Any]:
        """The result of the candidates of one prompt."""
        del partial
        return self.parse_any(result)

    def parse_any(self, source: _Input) -> ConsensusResult[Any]:
        """The result of anything that carries a ranking, or of a bare string."""
        result = _read(source)
        if self.min_confidence is not None and result.confidence is None and not result.candidates:
            msg = (
                "`min_confidence` is set and the input carries no confidence: a parser behind `prompt | llm` sees one "
                "bare string. Use `prompt | llm.ranked() | ConsensusOutputParser(...)`."
            )
            raise InvalidInputError(msg)
        if self.max_risk is not None and self.calibration and not _is_by(self.calibration, result):
            msg = (
                "`max_risk` is set and the input's confidence is not by the profile in `calibration`, or its answer by "
                f"another rule than {self.calibration.rule!r}: the promise would be empty. Give the model the same "
                "`calibration`."
            )
            raise InvalidInputError(msg)
        if self.inner is not None:
            result = self._parsed(result, self.inner)
        if self._threshold is None or (result.confidence is not None and result.confidence >= self._threshold):
            return result
        if self.below == "raise":
            has = (
                "no confidence, since its judge could not say anything"
                if result.confidence is None
                else f"confidence {result.confidence:.3f}"
            )
            msg = (
                f"The best answer, {result.text[:80]!r}, has {has}; "
                f"{self._asked()}. Ask again with more candidates, or set below='abstain'."
            )
            raise LowConfidenceError(msg)
        return result.model_copy(update={"answer": self.fallback, "abstained": True})

    def _asked(self) -> str:
        if self.max_risk is None:
            return f"`min_confidence` is {self._threshold}"
        return f"`max_risk` is {self.max_risk:g}, which takes {self._threshold:.3f}"

    def _parsed(self, result: ConsensusResult[Any], inner: BaseOutputParser[Any]) -> ConsensusResult[Any]:
        """The best candidate that `inner` can parse; candidates that it cannot are passed over, and that is said."""
        failures: list[Exception] = []
        texts = [candidate.text for candidate in result.answers] or [result.text]
        for place, text in enumerate(texts):
            try:
                answer = inner.parse(text)
            except OutputParserException as error:
                failures.append(error)
                continue
            except RecursionError as error:  # JSON that a model nested too deeply to be read
                failures.append(error)
                continue
            return result.with_choice(place, answer, passed_over="do not parse")
        msg = f"None of the {len(texts)} candidates parses; the best, {texts[0][:80]!r}: {failures[0]}"
        raise OutputParserException(msg, llm_output=texts[0])


def _read(source: _Input) -> ConsensusResult[Any]:
    if isinstance(source, ConsensusResult):
        return source
    if isinstance(source, Ranking):
        return ConsensusResult.of(source)
    if isinstance(source, str):
        return _bare(source)
    if isinstance(source, BaseMessage):
        evidence = source.response_metadata.get(EVIDENCE)
        return result_from_json(evidence) if isinstance(evidence, dict) else _bare(source.text)
    if isinstance(source, LLMResult):
        if len(source.generations) != 1:
            msg = f"The `LLMResult` holds {len(source.generations)} prompts; parse one at a time, or use `batch`."
            raise InvalidInputError(msg)
        return _read_generations(source.generations[0])
    if isinstance(source, list) and source and all(isinstance(item, Generation) for item in source):
        return _read_generations(source)
    msg = (
        f"The input is {type(source).__name__}; it must be a `Ranking`, a message, a list of generations, an "
        "`LLMResult` or a string."
    )
    raise InvalidInputError(msg)


def _read_generations(generations: Sequence[Any]) -> ConsensusResult[Any]:
    if not generations:
        msg = "The list of generations is empty; there is no answer to parse."
        raise InvalidInputError(msg)
    first = generations[0]
    if isinstance(first, ChatGeneration) and EVIDENCE in first.message.response_metadata:
        return _read(first.message)
    return result_from_generations(generations) or _bare(first.text)


def _bare(text: str) -> ConsensusResult[Any]:
    return ConsensusResult[Any](answer=text, text=text)


def _is_by(profile: Profile, result: ConsensusResult[Any]) -> bool:
    return result.profile == profile.digest and result.rule is not None and result.rule.value == profile.rule
