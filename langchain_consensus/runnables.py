"""`ConsensusRanker`: a question with candidates in, a `ConsensusResult` out; nothing is sampled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableSerializable, run_in_executor
from pydantic import ConfigDict

from langchain_consensus.candidates import given
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Question
from langchain_consensus.results import ConsensusResult
from langchain_consensus.settings import RankingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.runnables import RunnableConfig

    from langchain_consensus.candidates import Candidates

__all__ = ["ConsensusRanker"]

_KEYS = {"question", "candidates", "context"}


class ConsensusRanker(RankingSettings, RunnableSerializable[Mapping[str, Any], ConsensusResult[Any]]):
    """Ranks candidates that you have already, from any source.

    Invoke:
        ```python
        ranker = ConsensusRanker.from_model_id("Qwen/Qwen2.5-1.5B-Instruct")
        ranker.invoke({"question": "What is the capital of Australia?", "candidates": ["Sydney", "Canberra"]})
        ```

    The input is a mapping with `question` (a text or a `Question`), `candidates` (texts) and, if there is one,
    `context`. A batch is one batch on the device.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    def invoke(
        self,
        input: Mapping[str, Any],
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> ConsensusResult[Any]:
        """The ranking of one question's candidates."""
        _no_more(kwargs)
        return self._call_with_config(lambda one: self._rank([one])[0], input, config)

    async def ainvoke(
        self,
        input: Mapping[str, Any],
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> ConsensusResult[Any]:
        """As `invoke`, in a worker thread."""
        _no_more(kwargs)

        async def rank(one: Mapping[str, Any]) -> ConsensusResult[Any]:
            return (await run_in_executor(config, self._rank, [one]))[0]

        return await self._acall_with_config(rank, input, config)

    def batch(
        self,
        inputs: Sequence[Mapping[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[ConsensusResult[Any]]:
        """The rankings of many questions, in one batch on the device."""
        _no_more(kwargs)
        return self._batch_with_config(self._each, list(inputs), config, return_exceptions=return_exceptions)

    async def abatch(
        self,
        inputs: Sequence[Mapping[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[ConsensusResult[Any]]:
        """As `batch`, in a worker thread."""
        _no_more(kwargs)

        async def rank(many: list[Mapping[str, Any]]) -> list[ConsensusResult[Any] | Exception]:
            return await run_in_executor(None, self._each, many)

        return await self._abatch_with_config(rank, list(inputs), config, return_exceptions=return_exceptions)

    def _rank(self, inputs: Sequence[Mapping[str, Any]]) -> list[ConsensusResult[Any]]:
        rankings = self._ranker().rank([self._candidates(one) for one in inputs])
        return [ConsensusResult.of(ranking) for ranking in rankings]

    def _each(self, inputs: Sequence[Mapping[str, Any]]) -> list[ConsensusResult[Any] | Exception]:
        """One batch; if it fails, each input alone, so that an input that fails takes no other with it."""
        try:
            return list(self._rank(inputs))
        except Exception as error:  # noqa: BLE001
            if len(inputs) == 1:
                return [error]
        return [result for one in inputs for result in self._each([one])]

    def _candidates(self, one: Any) -> Candidates:
        if not isinstance(one, Mapping):
            msg = f"The input is {type(one).__name__}; it must be a mapping with `question` and `candidates`."
            raise InvalidInputError(msg)
        if not {"question", "candidates"} <= set(one) <= _KEYS:
            msg = f"The input has the keys {list(one)}; it needs `question` and `candidates`, and may have `context`."
            raise InvalidInputError(msg)
        question, context, answers = one["question"], one.get("context"), one["candidates"]
        if isinstance(answers, str) or not isinstance(answers, Iterable):
            msg = f"`candidates` is {answers!r}; it must be a list of at least one answer."
            raise InvalidInputError(msg)
        answers = list(answers)
        if not isinstance(question, Question):
            question = Question(text=question, context=context, choices=tuple(str(text).strip() for text in answers))
        elif context is not None:
            msg = "`context` is given beside a `Question`; put it into the question."
            raise InvalidInputError(msg)
        return given(question, answers, answer_key=self.answer_key)


def _no_more(kwargs: Mapping[str, Any]) -> None:
    if kwargs:
        msg = f"`{sorted(kwargs)[0]}` is no option of a call; make a ranker with other fields instead."
        raise InvalidInputError(msg)
