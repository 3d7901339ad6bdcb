"""`BatchedRunnable`: a LangChain runnable whose batch is one piece of work; everything else of it follows from that."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.runnables import RunnableSerializable, run_in_executor
from pydantic import ConfigDict

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.runnables import RunnableConfig

__all__ = ["BatchedRunnable"]

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")


class BatchedRunnable(RunnableSerializable[InputT, OutputT]):
    """Give it `_many`; one input is a batch of one, and the async calls run in a worker thread."""

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    @abstractmethod
    def _many(self, inputs: Sequence[InputT]) -> list[OutputT]:
        """The outputs of `inputs`, in their order."""

    def invoke(self, input: InputT, config: RunnableConfig | None = None, **kwargs: Any) -> OutputT:
        """The output for one input."""
        _no_options(kwargs)
        return self._call_with_config(lambda one: self._many([one])[0], input, config)

    async def ainvoke(self, input: InputT, config: RunnableConfig | None = None, **kwargs: Any) -> OutputT:
        """As `invoke`, in a worker thread."""
        _no_options(kwargs)

        async def call(one: InputT) -> OutputT:
            return (await run_in_executor(config, self._many, [one]))[0]

        return await self._acall_with_config(call, input, config)

    def batch(
        self,
        inputs: list[InputT],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[OutputT]:
        """The outputs for many inputs, as one batch."""
        _no_options(kwargs)
        return self._batch_with_config(self._each, list(inputs), config, return_exceptions=return_exceptions)

    async def abatch(
        self,
        inputs: list[InputT],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[OutputT]:
        """As `batch`, in a worker thread."""
        _no_options(kwargs)

        async def call(many: list[InputT]) -> list[OutputT | Exception]:
            return await run_in_executor(None, self._each, many)

        return await self._abatch_with_config(call, list(inputs), config, return_exceptions=return_exceptions)

    def _each(self, inputs: Sequence[InputT]) -> list[OutputT | Exception]:
        """One batch; if it fails, each input alone, so that an input that fails takes no other with it."""
        try:
            return list(self._many(inputs))
        except Exception as error:  # noqa: BLE001
            if len(inputs) == 1:
                return [error]
        return [result for one in inputs for result in self._each([one])]


def _no_options(kwargs: Mapping[str, Any]) -> None:
    if kwargs:
        msg = f"`{sorted(kwargs)[0]}` is no option of a call; make one with other fields instead."
        raise InvalidInputError(msg)
