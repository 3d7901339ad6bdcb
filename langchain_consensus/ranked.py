"""What ranks inputs as a Runnable: `RankingRunnable`, with one device batch for many inputs, and `RankedAnswers`.

`RankedAnswers` is what `ranked()` of a model gives. `Together` is a batch whose items run one by one, ranked as one.
They know models by `Ranks` alone, so the text model and the chat model share them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from langchain_core.runnables import RunnableSerializable
from langchain_core.runnables.config import get_config_list
from pydantic import ConfigDict, Field

from langchain_consensus.engine import Usage
from langchain_consensus.engine.worker import in_worker
from langchain_consensus.ranking import Ranking
from langchain_consensus.tracing import StepRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForChainRun, BaseRunManager, CallbackManagerForChainRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.runnables import RunnableConfig

    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Question

    _Configs = RunnableConfig | list[RunnableConfig] | None
    _Runs = Sequence[BaseRunManager]

__all__ = ["RankedAnswers", "RankingRunnable", "Ranks", "Together"]

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")


class RankingRunnable(RunnableSerializable[InputT, OutputT]):
    """A Runnable whose batch is one batch on the device; a subclass says how inputs are ranked.

    Inputs of a batch are runs of their own, each with the steps of the pipeline as its children; `max_concurrency`
    slices a batch; an input that fails takes no other with it. Async calls never block the event loop.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    @abstractmethod
    def _results(self, inputs: Sequence[InputT], options: Mapping[str, Any], observer: Observer) -> list[OutputT]:
        """What `inputs` give, with the keyword arguments of a call, in one batch."""

    @property
    @abstractmethod
    def _engine(self) -> Any:
        """The engine that ranks."""

    def invoke(self, input: InputT, config: RunnableConfig | None = None, **kwargs: Any) -> OutputT:
        """What one input gives; keyword arguments are options of the call."""

        def rank(one: InputT, run_manager: CallbackManagerForChainRun) -> OutputT:
            return self._results([one], kwargs, StepRuns([run_manager]))[0]

        return self._call_with_config(rank, input, config)

    async def ainvoke(self, input: InputT, config: RunnableConfig | None = None, **kwargs: Any) -> OutputT:
        """As `invoke`, in a worker thread."""

        async def rank(one: InputT, run_manager: AsyncCallbackManagerForChainRun) -> OutputT:
            return (await in_worker(self._engine, self._results, [one], kwargs, StepRuns([run_manager])))[0]

        return await self._acall_with_config(rank, input, config)

    def batch(
        self,
        inputs: Sequence[InputT],
        config: _Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[OutputT]:
        """What many inputs give, in one batch on the device, or in slices of `max_concurrency`."""

        def rank(many: list[InputT], run_manager: list[CallbackManagerForChainRun]) -> list[OutputT | Exception]:
            return self._each(many, kwargs, run_manager)

        results: list[OutputT] = []
        for some, configs in _slices(inputs, config):
            results += self._batch_with_config(rank, some, configs, return_exceptions=return_exceptions)
        return results

    async def abatch(
        self,
        inputs: Sequence[InputT],
        config: _Configs = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[OutputT]:
        """As `batch`, in a worker thread."""

        async def rank(
            many: list[InputT], run_manager: list[AsyncCallbackManagerForChainRun]
        ) -> list[OutputT | Exception]:
            return await in_worker(self._engine, self._each, many, kwargs, run_manager)

        results: list[OutputT] = []
        for some, configs in _slices(inputs, config):
            results += await self._abatch_with_config(rank, some, configs, return_exceptions=return_exceptions)
        return results

    def _each(self, inputs: Sequence[InputT], options: Mapping[str, Any], runs: _Runs) -> list[OutputT | Exception]:
        """One batch; if it fails, each input alone, so that an input that fails takes no other with it."""
        try:
            return list(self._results(inputs, options, StepRuns(runs)))
        except Exception as error:  # noqa: BLE001
            if len(inputs) == 1:
                return [error]
        return [result for one, run in zip(inputs, runs, strict=True) for result in self._each([one], options, [run])]


def _slices(inputs: Sequence[InputT], config: _Configs) -> Iterator[tuple[list[InputT], list[RunnableConfig]]]:
    """The inputs with their configurations, as many at a time as `max_concurrency` of the first allows."""
    if not inputs:
        return
    configs = get_config_list(config, len(inputs))
    size = configs[0].get("max_concurrency") or len(inputs)
    for start in range(0, len(inputs), size):
        yield list(inputs[start : start + size]), configs[start : start + size]


class Ranks(Protocol):
    """A model that draws candidates and ranks them."""

    @property
    def engine(self) -> Any:
        """What it runs on."""
        ...

    def rank_inputs(
        self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any], observer: Observer | None = None
    ) -> list[Ranking]:
        """The rankings for many inputs, with the options of a call; one batch on the device."""
        ...


class RankedAnswers(RankingRunnable[Any, Ranking]):
    """`ranked()` of a model: a prompt in, the `Ranking` of its candidates out; a batch runs as one.

    Keyword arguments of a call override fields of the model.
    """

    model: Any = Field(repr=False)
    """The model, as in `Ranks`."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes, as far as its model is."""
        return True

    def _results(
        self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any], observer: Observer
    ) -> list[Ranking]:
        model: Ranks = self.model
        return model.rank_inputs(inputs, options, observer)

    @property
    def _engine(self) -> Any:
        return self.model.engine


class Together:
    """A batch of questions whose items are asked for one by one: the first that is asked for ranks them all.

    So every input of a chat model's batch is a run of its own, with its own configuration, callbacks and cache look-up,
    and the device still sees one batch.
    """

    def __init__(
        self, questions: Iterable[Question], rank: Callable[[Sequence[Question], Observer | None], list[Ranking]]
    ) -> None:
        """Remembers what to rank; `questions` is not read before the first is asked for."""
        self._questions, self._rank = questions, rank
        self._found: dict[Question, Ranking] | None = None

    def ranking(self, question: Question, observer: Observer | None = None) -> Ranking:
        """The ranking of `question`; if the batch failed, or does not hold it, it is ranked alone.

        A question that the batch holds twice is ranked once, and reports its tokens once.
        """
        if self._found is None:
            self._found = self._rank_all(observer)
        if question not in self._found:
            return self._rank([question], observer)[0]
        found = self._found[question]
        self._found[question] = replace(found, usage=Usage())
        return found

    def _rank_all(self, observer: Observer | None) -> dict[Question, Ranking]:
        questions = list(dict.fromkeys(self._questions))
        if not questions:
            return {}
        try:
            return dict(zip(questions, self._rank(questions, observer), strict=True))
        except Exception:
            if len(questions) == 1:
                raise
            # One of them fails; each is ranked alone in its own run, which then shows the error.
            return {}
