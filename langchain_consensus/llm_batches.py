"""A LangChain LLM in whose batches a prompt that fails takes no other with it; LangChain's own fail as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import BaseLLM
from langchain_core.runnables.config import get_config_list

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.runnables import RunnableConfig

__all__ = ["BatchedLLM"]


class BatchedLLM(BaseLLM):
    """`BaseLLM` with other batches: one call of the model, and one a prompt only where that has failed."""

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """As in `BaseLLM`; with `return_exceptions` a prompt that fails takes no other with it."""
        if not return_exceptions or _is_sliced(config):
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        try:
            return super().batch(inputs, config, **kwargs)
        except Exception as error:  # noqa: BLE001
            if len(inputs) == 1:
                return cast("list[str]", [error])
        alone = zip(inputs, get_config_list(config, len(inputs)), strict=True)
        return [self.batch([one], own, return_exceptions=True, **kwargs)[0] for one, own in alone]

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[str]:
        """As `batch`."""
        if not return_exceptions or _is_sliced(config):
            return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        try:
            return await super().abatch(inputs, config, **kwargs)
        except Exception as error:  # noqa: BLE001
            if len(inputs) == 1:
                return cast("list[str]", [error])
        alone = zip(inputs, get_config_list(config, len(inputs)), strict=True)
        return [(await self.abatch([one], own, return_exceptions=True, **kwargs))[0] for one, own in alone]


def _is_sliced(config: RunnableConfig | list[RunnableConfig] | None) -> bool:
    """Whether LangChain will cut a batch into slices, each of which is a batch of its own."""
    first = config[0] if isinstance(config, list) and config else config
    return isinstance(first, dict) and first.get("max_concurrency") is not None
