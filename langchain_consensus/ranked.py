"""`RankedAnswers`: what `ranked()` of a model gives, and `Together`: a batch whose items run one by one, ranked as one.

Both know models by `Ranks` alone, so the text model and the chat model share them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from langchain_core.runnables import RunnableSerializable, run_in_executor
from pydantic import ConfigDict, Field

from langchain_consensus.engine import Usage
from langchain_consensus.ranking import Ranking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.runnables import RunnableConfig

    from langchain_consensus.prompts import Question

__all__ = ["RankedAnswers", "Ranks", "Together"]


class Ranks(Protocol):
    """A model that draws candidates and ranks them."""

    def rank_inputs(self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any]) -> list[Ranking]:
        """The rankings for many inputs, with the options of a call; one batch on the device."""
        ...


class RankedAnswers(RunnableSerializable[Any, Ranking]):
    """`ranked()` of a model: a prompt in, the `Ranking` of its candidates out; a batch runs as one."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    model: Any = Field(exclude=True, repr=False)
    """The model, as in `Ranks`."""

    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Ranking:
        """The ranking for one prompt; keyword arguments override fields of the model for this call."""
        return self._call_with_config(lambda one: self._rank([one], kwargs)[0], input, config, run_type="llm")

    async def ainvoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Ranking:
        """As `invoke`, in a worker thread."""

        async def rank(one: LanguageModelInput) -> Ranking:
            return (await run_in_executor(config, self._rank, [one], kwargs))[0]

        return await self._acall_with_config(rank, input, config, run_type="llm")

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Ranking]:
        """The rankings for many prompts, in one batch on the device."""
        return self._batch_with_config(
            lambda many: self._each(many, kwargs), inputs, config, return_exceptions=return_exceptions
        )

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Ranking]:
        """As `batch`, in a worker thread."""

        async def rank(many: list[LanguageModelInput]) -> list[Ranking | Exception]:
            return await run_in_executor(None, self._each, many, kwargs)

        return await self._abatch_with_config(rank, inputs, config, return_exceptions=return_exceptions)

    def _rank(self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any]) -> list[Ranking]:
        model: Ranks = self.model
        return model.rank_inputs(inputs, options)

    def _each(self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any]) -> list[Ranking | Exception]:
        """One batch; if it fails, each input alone, so that an input that fails takes no other with it."""
        try:
            return list(self._rank(inputs, options))
        except Exception as error:  # noqa: BLE001
            if len(inputs) == 1:
                return [error]
        return [result for one in inputs for result in self._each([one], options)]


class Together:
    """A batch of questions whose items are asked for one by one: the first that is asked for ranks them all.

    So every input of a chat model's batch is a run of its own, with its own configuration, callbacks and cache look-up,
    and the device still sees one batch.
    """

    def __init__(self, questions: Iterable[Question], rank: Callable[[Sequence[Question]], list[Ranking]]) -> None:
        """Remembers what to rank; `questions` is not read before the first is asked for."""
        self._questions, self._rank = questions, rank
        self._found: dict[Question, Ranking] | None = None

    def ranking(self, question: Question) -> Ranking:
        """The ranking of `question`; if the batch failed, or does not hold it, it is ranked alone.

        A question that the batch holds twice is ranked once, and reports its tokens once.
        """
        if self._found is None:
            self._found = self._rank_all()
        if question not in self._found:
            return self._rank([question])[0]
        found = self._found[question]
        self._found[question] = replace(found, usage=Usage())
        return found

    def _rank_all(self) -> dict[Question, Ranking]:
        questions = list(dict.fromkeys(self._questions))
        if not questions:
            return {}
        try:
            return dict(zip(questions, self._rank(questions), strict=True))
        except Exception:
            if len(questions) == 1:
                raise
            # One of them fails; each is ranked alone in its own run, which then shows the error.
            return {}
