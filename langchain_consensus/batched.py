"""`BatchedRunnable`: a LangChain runnable whose batch is one piece of work; everything else of it follows from that."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables import RunnableSerializable
from langchain_core.runnables.config import get_config_list
from pydantic import ConfigDict

from langchain_consensus.engine.worker import in_worker
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.tracing import StepRuns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForChainRun, BaseRunManager, CallbackManagerForChainRun
    from langchain_core.runnables import RunnableConfig

    from langchain_consensus.observation import Observer

    _Configs = RunnableConfig | list[RunnableConfig] | None
    _Runs = Sequence[BaseRunManager]

__all__ = ["BatchedRunnable", "no_options"]

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")


class BatchedRunnable(RunnableSerializable[InputT, OutputT]):
    """A Runnable whose batch is one batch on the device; a subclass says how that is done, in `_many`.

    Inputs of a batch are runs of their own, each with the steps of the pipeline as its children; `max_concurrency`
    slices a batch; an input that fails takes no other with it. Async calls never block the event loop.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    @abstractmethod
    def _many(self, inputs: Sequence[InputT], options: Mapping[str, Any], observer: Observer) -> list[OutputT]:
        """What `inputs` give, with the keyword arguments of a call, in one batch."""

    @property
    @abstractmethod
    def _engine(self) -> Any:
        """The engine that ranks."""

    def invoke(self, input: InputT, config: RunnableConfig | None = None, **kwargs: Any) -> OutputT:
        """What one input gives; keyword arguments are options of the call."""

        def rank(one: InputT, run_manager: CallbackManagerForChainRun) -> OutputT:
            return self._many([one], kwargs, StepRuns([run_manager]))[0]

        return self._call_with_config(rank, input, config)

    async def ainvoke(self, input: InputT, config: RunnableConfig | None = None, **kwargs: Any) -> OutputT:
        """As `invoke`, in a worker thread."""

        async def rank(one: InputT, run_manager: AsyncCallbackManagerForChainRun) -> OutputT:
            return (await in_worker(self._engine, self._many, [one], kwargs, StepRuns([run_manager])))[0]

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
            return list(self._many(inputs, options, StepRuns(runs)))
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


def no_options(options: Mapping[str, Any]) -> None:
    """Checks that a call has none.

    Raises:
        InvalidInputError: If it has; the message names the first.
    """
    if options:
        msg = f"`{sorted(options)[0]}` is no option of a call; make one with other fields instead."
        raise InvalidInputError(msg)
