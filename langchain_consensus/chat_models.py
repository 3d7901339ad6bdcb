"""`ChatEquilibriumRanking`: a LangChain chat model whose reply is the equilibrium choice among its own candidates."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, model_validator

from langchain_consensus import __version__
from langchain_consensus.chat.call import ChatCall
from langchain_consensus.chat.messages import to_chunks
from langchain_consensus.chat.options import ChatOptions, with_own_names
from langchain_consensus.chat.profiles import profile_of
from langchain_consensus.chat.shaped import ShapedChatModel
from langchain_consensus.conversations import check_prompt
from langchain_consensus.engine.worker import in_worker
from langchain_consensus.ranked import RankedAnswers
from langchain_consensus.saving import written
from langchain_consensus.settings import SamplingFields
from langchain_consensus.tracing import StepRuns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput, ModelProfile
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.prompt_values import PromptValue

    from langchain_consensus.observation import Observer
    from langchain_consensus.ranking import Ranking

__all__ = ["ChatEquilibriumRanking"]

_OF_SERVERS = ("api_key", "max_retries", "timeout")
"""Standard options of chat models that mean nothing to a model in this process; they are taken with a warning."""


class ChatEquilibriumRanking(SamplingFields, ShapedChatModel):
    """A chat model that draws several replies, lets its two views of them agree, and gives the one they agree on.

    Setup:
        `pip install "langchain-consensus[local]"`

    Key init args:
        `num_candidates`, `max_new_tokens` (or `max_tokens`), `temperature`, `top_p`, `top_k`, `min_p`, `stop` and
        `seed` say how replies are drawn; `wording`, `rule`, `solver` and `answer_key` how they are ranked. `streaming`
        sends the chosen reply to handlers word by word even under `invoke`. `api_key`, `max_retries` and `timeout`,
        which other chat models have, do nothing here and give a warning; any other name is refused.

    Instantiate:
        ```python
        from langchain_consensus import ChatEquilibriumRanking

        chat = ChatEquilibriumRanking.from_model_id("Qwen/Qwen2.5-1.5B-Instruct", num_candidates=8)
        ```

    Invoke:
        ```python
        chat.invoke([("system", "Be brief."), ("human", "What is the capital of Australia?")])
        ```

    Stream:
        ```python
        for chunk in chat.stream("What is the capital of Australia?"):
            ...
        ```

        The candidates are ranked first; what is streamed is the winner and nothing else.

    Async:
        ```python
        await chat.ainvoke("What is the capital of Australia?")
        ```

        The model runs in a worker thread; the event loop is never blocked.

    Tool calling:
        ```python
        chat.bind_tools([get_weather]).invoke("What is the weather in Canberra?").tool_calls
        ```

        Tools are shown through the model's own chat template, and calls are read as that template writes them. Calls
        are candidates like any reply: the same name and arguments are one candidate. With `tool_choice` a call can be
        forced: it is then decoded under the tools' schemas.

    Structured output:
        ```python
        chat.with_structured_output(City).invoke("What is the capital of Australia?")
        ```

        Candidates are decoded under the schema, and equal values are one candidate.

    Token usage:
        `usage_metadata` counts all tokens that were read, for scoring too, and those of all candidates, so it is more
        than the message shows.

    Response metadata:
        `response_metadata["consensus"]` is `ConsensusResult.model_dump(mode="json")`: every candidate with both views.
        `chat.ranked()` gives the `Ranking` itself, and `ConsensusOutputParser` reads either.

    Any field but `engine` can be overridden per call (`chat.invoke(messages, num_candidates=4)`). A batch is one batch
    on the device, and each of its inputs still a run of its own; `max_concurrency` slices it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    streaming: bool | None = None
    """Whether `invoke` sends the chosen reply to handlers in chunks too; `None` leaves it to them."""

    @model_validator(mode="before")
    @classmethod
    def _read_standard_options(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        options = with_own_names(values)
        for name in _OF_SERVERS:
            if options.pop(name, None) is not None:
                warnings.warn(f"`{name}` has no meaning for a model in this process; it is ignored.", stacklevel=4)
        return options

    @model_validator(mode="after")
    def _set_consensus_version(self) -> Self:
        self._add_version("langchain-consensus", __version__)
        return self

    def ranked(self, **overrides: Any) -> RankedAnswers:
        """A Runnable of the same model that returns the whole `Ranking` instead of a message.

        Args:
            **overrides: Fields of this class to change for it.
        """
        return RankedAnswers(model=self.overridden(with_own_names(overrides)))

    def rank_inputs(
        self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any], observer: Observer | None = None
    ) -> list[Ranking]:
        """The rankings of anything that `invoke` takes, with the options of a call; what `ranked()` runs."""
        call = self._call(options, observer)
        return call.rank([call.question(self._convert_input(one).to_messages()) for one in inputs])

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """The settings, ids and numbers, never weights, for `dumps` and `loads`; see `saving`.

        (`is_lc_serializable` says no: to LangChain's tests yes means one of the classes on its own list.)
        """
        return written(self)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self._reply(messages, {"stop": stop, **kwargs}, StepRuns([run_manager]))
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        sync = None if run_manager is None else run_manager.get_sync()
        return await in_worker(self.engine, partial(self._generate, messages, stop, sync, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        """Ranks first, then gives the winner word by word; evidence and usage ride on the last chunk."""
        for chunk in to_chunks(self._reply(messages, {"stop": stop, **kwargs}, StepRuns([run_manager]))):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """As `_stream`."""
        observer = StepRuns([run_manager])
        for chunk in to_chunks(await in_worker(self.engine, self._reply, messages, {"stop": stop, **kwargs}, observer)):
            yield ChatGenerationChunk(message=chunk)

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        check_prompt(model_input)
        return super()._convert_input(model_input)

    def _reply(self, messages: Sequence[BaseMessage], options: Mapping[str, Any], observer: Observer) -> AIMessage:
        call = self._call(options, observer)
        question = call.question(messages)
        together = self._together
        return call.message(together.ranking(question, observer) if together else call.rank([question])[0])

    def _call(self, options: Mapping[str, Any], observer: Observer | None = None) -> ChatCall:
        asked = ChatOptions.of(options)
        fields = dict(asked.fields)
        stop = fields.pop("stop", None)
        consensus = self.overridden(fields)._consensus(stop)  # noqa: SLF001
        return ChatCall(consensus=replace(consensus, observer=observer), options=asked, fits=self._fits)

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The cache's key; overrides count by what they change, as functions and wordings have no text of their own."""
        asked = ChatOptions.of(kwargs)
        model = self.overridden(asked.fields)
        model.check_cacheable()
        fits = {"fits": self._fits.name} if self._fits else {}
        return super(ChatEquilibriumRanking, model)._get_llm_string(stop=stop, **asked.in_cache_key(), **fits)

    def _resolve_model_profile(self) -> ModelProfile:
        return profile_of(self.engine, max_new_tokens=self.max_new_tokens)

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of `text` by the model's own tokenizer."""
        return list(self.engine.token_ids(text))

    @property
    def _llm_type(self) -> str:
        return "chat-equilibrium-ranking"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self._describe_sampling()

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop or list(self.stop) or None, **kwargs)
        params["ls_provider"] = "langchain-consensus"
        params["ls_model_name"] = kwargs.get("model", self.engine.name)
        params["ls_temperature"] = kwargs.get("temperature", self.temperature)
        params["ls_max_tokens"] = kwargs.get("max_tokens", kwargs.get("max_new_tokens", self.max_new_tokens))
        return params
