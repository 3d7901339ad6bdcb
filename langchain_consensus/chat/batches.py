"""A chat model whose batches are one batch on the device, while each input stays a run of its own."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.runnables.config import get_config_list
from pydantic import PrivateAttr

from langchain_consensus.ranked import Together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.runnables import RunnableConfig

    from langchain_consensus.chat.call import ChatCall
    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Question

    _Run = tuple["BatchedChatModel", LanguageModelInput, RunnableConfig]

__all__ = ["BatchedChatModel"]


class BatchedChatModel(BaseChatModel):
    """What `batch` and `abatch` need of a chat model is its `_call`; the answers then come from `_together`."""

    _together: Together | None = PrivateAttr(default=None)

    @abstractmethod
    def _call(self, options: Mapping[str, Any], observer: Observer | None = None) -> ChatCall:
        """What a call with these options asks of the pipeline."""

    def batch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """As in `Runnable`, ranked in one batch on the device; inputs that fail take no other with them."""
        if self.rate_limiter is not None:
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        results: list[Any] = []
        for model, one, own in self._runs(inputs, config, kwargs):
            try:
                results.append(model.invoke(one, own, **kwargs))
            except Exception as error:
                if not return_exceptions:
                    raise
                results.append(error)
        return results

    async def abatch(
        self,
        inputs: list[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[AIMessage]:
        """As `batch`, in a worker thread."""
        if self.rate_limiter is not None:
            return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        results: list[Any] = []
        for model, one, own in self._runs(inputs, config, kwargs):
            try:
                results.append(await model.ainvoke(one, own, **kwargs))
            except Exception as error:
                if not return_exceptions:
                    raise
                results.append(error)
        return results

    def _runs(
        self,
        inputs: Sequence[LanguageModelInput],
        config: RunnableConfig | list[RunnableConfig] | None,
        options: dict[str, Any],
    ) -> Iterator[_Run]:
        """Each input with its configuration, and a copy of this model that ranks all of them when the first runs."""
        configs = get_config_list(config, len(inputs)) if inputs else []
        size = (configs[0].get("max_concurrency") if configs else None) or max(len(inputs), 1)
        for start in range(0, len(inputs), size):
            group = inputs[start : start + size]
            model = self.model_copy()
            model._together = Together(  # noqa: SLF001
                self._new_questions(group, options),
                lambda questions, observer: self._call(options, observer).rank(questions),
            )
            yield from ((model, one, own) for one, own in zip(group, configs[start:], strict=False))

    def _new_questions(self, inputs: Sequence[LanguageModelInput], options: dict[str, Any]) -> Iterator[Question]:
        """The questions that LangChain's cache does not answer already."""
        call = self._call(options)
        for one in inputs:
            try:
                messages = self._convert_input(one).to_messages()
                if not self._is_cached(messages, **options):
                    yield call.question(messages)
            except Exception:  # noqa: BLE001, S112
                continue  # its own run shows the error

    def _is_cached(self, messages: Sequence[BaseMessage], **options: Any) -> bool:
        cache = self.cache if isinstance(self.cache, BaseCache) else get_llm_cache()
        if self.cache is False or cache is None:
            return False
        without_ids = [message.model_copy(update={"id": None}) for message in messages]
        return isinstance(cache.lookup(dumps(without_ids), self._get_llm_string(**options)), list)
