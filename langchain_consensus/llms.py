"""`EquilibriumRankingLLM`: a LangChain LLM whose answer is the equilibrium choice among its own candidates."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from langchain_core.globals import get_llm_cache
from langchain_core.outputs import LLMResult
from pydantic import ConfigDict, model_validator

from langchain_consensus import __version__
from langchain_consensus.conversations import ConversationPromptValue, as_question, check_prompt
from langchain_consensus.engine.worker import in_worker
from langchain_consensus.evidence import to_chunks, to_generations, token_usage
from langchain_consensus.llm_batches import BatchedLLM
from langchain_consensus.ranked import RankedAnswers
from langchain_consensus.results import ConsensusResult
from langchain_consensus.saving import written
from langchain_consensus.settings import SamplingFields
from langchain_consensus.tracing import StepRuns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.load.serializable import SerializedConstructor, SerializedNotImplemented
    from langchain_core.outputs import GenerationChunk
    from langchain_core.prompt_values import PromptValue

    from langchain_consensus.observation import Observer
    from langchain_consensus.ranking import Ranking

__all__ = ["EquilibriumRankingLLM"]

_OVERRIDABLE = frozenset(SamplingFields.model_fields) - {"engine"}


class EquilibriumRankingLLM(SamplingFields, BatchedLLM):
    """A text model that draws several answers, lets its two views of them agree, and returns the answer they agree on.

    Setup:
        `pip install "langchain-consensus[local]"`

    Instantiate:
        ```python
        from langchain_consensus import EquilibriumRankingLLM

        llm = EquilibriumRankingLLM.from_model_id("Qwen/Qwen2.5-1.5B-Instruct", num_candidates=8)
        ```

    Invoke:
        ```python
        llm.invoke("What is the capital of Australia?")
        ```

    Chaining, with the evidence:
        ```python
        chain = prompt | llm.ranked() | ConsensusOutputParser(min_confidence=0.6)
        ```

    A prompt is the question as it stands; the wording adds how it is asked. A chat prompt's last human message is the
    question and the turns before it its history, rendered through the model's own chat template. All candidates of a
    prompt come back best first from `generate`, each with its evidence in `generation_info["consensus"]`.

    Any field but `engine` can be overridden per call (`llm.invoke(prompt, num_candidates=4)`); LangChain's cache keeps
    such calls apart.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _set_consensus_version(self) -> Self:
        self._add_version("langchain-consensus", __version__)
        return self

    def ranked(self, **overrides: Any) -> RankedAnswers:
        """A Runnable of the same model that returns the whole `Ranking` instead of its best text.

        Args:
            **overrides: Fields of this class to change for it.
        """
        return RankedAnswers(model=self.overridden(overrides))

    def rank(
        self, prompts: Sequence[str], stop: Sequence[str] | None = None, *, observer: Observer | None = None
    ) -> list[Ranking]:
        """The ranking of every prompt's candidates; one batch on the device.

        Args:
            prompts: What is asked.
            stop: Strings that end an answer, instead of the model's own.
            observer: Is told of every step; see `observation`.
        """
        consensus = replace(self._consensus(stop), observer=observer)
        return consensus.ask([as_question(prompt) for prompt in prompts])

    def rank_inputs(
        self, inputs: Sequence[LanguageModelInput], options: Mapping[str, Any], observer: Observer | None = None
    ) -> list[Ranking]:
        """The rankings of anything that `invoke` takes, with the options of a call; what `ranked()` runs."""
        overrides = dict(options)
        stop = overrides.pop("stop", None)
        prompts = [self._convert_input(one).to_string() for one in inputs]
        return self.overridden(overrides).rank(prompts, stop, observer=observer)

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Yes, where the engine was made from a model id; see `saving`."""
        return True

    def to_json(self) -> SerializedConstructor | SerializedNotImplemented:
        """The settings, ids and numbers; never weights."""
        return written(self)

    # --- what LangChain calls ---

    def generate(
        self, prompts: list[str], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """As in `BaseLLM`; overrides become fields of a copy, because the cache's key is made of the fields alone."""
        llm, rest = self._split(kwargs)
        return super(EquilibriumRankingLLM, llm).generate(prompts, stop, callbacks, **rest)

    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> LLMResult:
        """As `generate`."""
        llm, rest = self._split(kwargs)
        return await super(EquilibriumRankingLLM, llm).agenerate(prompts, stop, callbacks, **rest)

    def _split(self, kwargs: dict[str, Any]) -> tuple[Self, dict[str, Any]]:
        overrides = {name: value for name, value in kwargs.items() if name in _OVERRIDABLE}
        llm = self.overridden(overrides)
        if llm.cache is not False and (llm.cache or get_llm_cache()):
            llm.check_cacheable()
        return llm, {name: kwargs[name] for name in kwargs if name not in overrides}

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        rankings = self.overridden(kwargs).rank(prompts, stop, observer=StepRuns([run_manager]))
        return LLMResult(
            generations=[to_generations(ConsensusResult.of(ranking)) for ranking in rankings],
            llm_output={"model_name": self.engine.name, "token_usage": token_usage(rankings)},
        )

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        sync = None if run_manager is None else run_manager.get_sync()
        return await in_worker(self.engine, partial(self._generate, prompts, stop, sync, **kwargs))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        """Ranks first, then gives the winner word by word; the evidence rides on the last chunk."""
        for chunk in to_chunks(self._generate([prompt], stop, run_manager, **kwargs).generations[0][0]):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        """As `_stream`."""
        for chunk in to_chunks((await self._agenerate([prompt], stop, run_manager, **kwargs)).generations[0][0]):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        check_prompt(model_input)
        value = super()._convert_input(model_input)
        messages = getattr(value, "messages", None)
        return value if messages is None else ConversationPromptValue(messages=messages)

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of `text` by the model's own tokenizer."""
        return list(self.engine.token_ids(text))

    @property
    def _llm_type(self) -> str:
        return "equilibrium-ranking"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return self._describe_sampling()

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "langchain-consensus"
        params["ls_model_name"] = self.engine.name
        params["ls_temperature"] = kwargs.get("temperature", self.temperature)
        params["ls_max_tokens"] = kwargs.get("max_new_tokens", self.max_new_tokens)
        return params
