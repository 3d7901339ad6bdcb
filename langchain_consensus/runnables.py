"""`ConsensusRanker`: a question with candidates in, a `ConsensusResult` out; nothing is sampled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_consensus.batched import BatchedRunnable, no_options
from langchain_consensus.candidates import given
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Question
from langchain_consensus.results import ConsensusResult
from langchain_consensus.saving import written
from langchain_consensus.settings import RankingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.observation import Observer

__all__ = ["ConsensusRanker"]

_KEYS = {"question", "candidates", "context"}


class ConsensusRanker(RankingSettings, BatchedRunnable[Mapping[str, Any], ConsensusResult[Any]]):
    """Ranks candidates that you have already, from any source.

    Invoke:
        ```python
        ranker = ConsensusRanker.from_model_id("Qwen/Qwen2.5-1.5B-Instruct")
        ranker.invoke({"question": "What is the capital of Australia?", "candidates": ["Sydney", "Canberra"]})
        ```

    The input is a mapping with `question` (a text or a `Question`), `candidates` (texts) and, if there is one,
    `context`. A batch is one batch on the device.
    """

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes, where the engine was made from a model id; see `saving`."""
        return True

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """The settings, ids and numbers; never weights."""
        return written(self)

    def _many(
        self, inputs: Sequence[Mapping[str, Any]], options: Mapping[str, Any], observer: Observer
    ) -> list[ConsensusResult[Any]]:
        no_options(options)
        ranker = replace(self._ranker(), observer=observer)
        return [ConsensusResult.of(one) for one in ranker.rank([self._candidates(one) for one in inputs])]

    @property
    def _engine(self) -> Any:
        return self.engine

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
