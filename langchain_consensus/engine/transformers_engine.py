"""`TransformersEngine`: an `Engine` on this machine's GPU or CPU.

Nothing is loaded, downloaded or converted until the first call. Calls may come from any number of threads and event
loops: one thread an engine works for all of them, and what comes at the same time shares its passes (`gathering`).
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langchain_consensus.engine.base import SampleResult
from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL
from langchain_consensus.engine.gathering import Gatherer, Gathering
from langchain_consensus.engine.held_model import HeldModel, evaluating
from langchain_consensus.engine.limits import checked_limits
from langchain_consensus.engine.loading import LoadOptions
from langchain_consensus.engine.recipe import check_arguments, recipe_of
from langchain_consensus.engine.sharing import DrawJob, drawn_together, scored_together
from langchain_consensus.engine.worker import Worker
from langchain_consensus.engine.written_calls import WrittenCalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.engine.base import SamplingSettings, ScoreRequest, ScoreResult
    from langchain_consensus.engine.checked_network import AttentionName
    from langchain_consensus.engine.facts import ModelFacts
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.limits import Limits
    from langchain_consensus.engine.local_model import LocalModel
    from langchain_consensus.engine.prefix_cache import PrefixCacheStatus
    from langchain_consensus.engine.sharing import Drawn
    from langchain_consensus.engine.watch import Watch
    from langchain_consensus.errors import EngineError
    from langchain_consensus.prompts import Prompt

__all__ = ["TransformersEngine"]


class TransformersEngine:
    """A transformers causal language model, by name or as objects that the caller owns.

    Example:
        ```python
        engine = TransformersEngine("Qwen/Qwen2.5-1.5B-Instruct")
        engine = TransformersEngine.from_model(model, tokenizer)
        ```
    """

    def __init__(
        self,
        model_id: str = DEFAULT_EMBEDDED_MODEL,
        *,
        dtype: str = "auto",
        device_map: str | dict[str, Any] | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        cache_dir: str | Path | None = None,
        token_budget: int = 512,
        row_budget: int = 64,
        prefix_cache_bytes: int = 128 * 2**20,
        attention: AttentionName = "auto",
        limits: Limits | Mapping[str, int | None] | None = None,
        max_waiting: int = 1024,
    ) -> None:
        """Remembers what to load; the first call loads it.

        Args:
            model_id: The name of an embedded model, a folder, a `.gguf` file or a hub id.
            dtype: A torch dtype's name; `auto` is bfloat16 on CUDA and float32 elsewhere.
            device_map: As transformers takes it; `None` is the first CUDA device, or the CPU.
            revision: A branch, tag or commit on the hub.
            trust_remote_code: Runs Python from the model's repository; leave it `False` unless you have read that code.
            cache_dir: Where converted GGUF files are kept; `None` is the user's cache folder.
            token_budget: Tokens of one forward, at least 16; it bounds the memory of activations.
            row_budget: Rows of the vocabulary projection held at a time, at least 1.
            prefix_cache_bytes: Memory for the keys and values of long beginnings (a system prompt, a few-shot header)
                that are kept from call to call; 0 keeps none.
            attention: How packed strings attend: `sdpa`, `flex` (FlexAttention, compiled on first use), or `auto`,
                which measures both on CUDA when the model is loaded and takes `sdpa` elsewhere.
            limits: How large a call may be, as a `Limits` or as a mapping with its fields; `None` sets no limit but the
                model's own.
            max_waiting: Calls that may wait for the engine, at least 1; the next is refused with an `EngineBusyError`.
        """
        check_arguments(
            model_id=model_id,
            attention=attention,
            token_budget=token_budget,
            row_budget=row_budget,
            prefix_cache_bytes=prefix_cache_bytes,
            max_waiting=max_waiting,
        )
        self._held = HeldModel(
            name=model_id,
            options=LoadOptions(
                dtype=dtype,
                device_map=device_map,
                revision=revision,
                trust_remote_code=trust_remote_code,
                cache_dir=None if cache_dir is None else Path(cache_dir),
            ),
            token_budget=token_budget,
            row_budget=row_budget,
            prefix_cache_bytes=prefix_cache_bytes,
            attention=attention,
            limits=checked_limits(limits),
        )
        self._max_waiting = max_waiting
        self._written = WrittenCalls()
        self.worker = Worker(max_waiting=max_waiting)
        """The threads in which async callers use this engine."""
        worker = self.worker
        how = Gathering(max_waiting=max_waiting)
        self._gatherer = Gatherer(how, coming=lambda: worker.coming, aside=worker.aside, turns=worker.turns)

    @classmethod
    def from_model(
        cls,
        model: Any,
        tokenizer: Any,
        *,
        name: str | None = None,
        token_budget: int = 512,
        row_budget: int = 64,
        prefix_cache_bytes: int = 128 * 2**20,
        attention: AttentionName = "auto",
        limits: Limits | Mapping[str, int | None] | None = None,
        max_waiting: int = 1024,
    ) -> Self:
        """An engine on a model and tokenizer that the caller owns; neither is changed.

        Args:
            model: A transformers causal language model. It is put into evaluation mode for the time of a call.
            tokenizer: Its tokenizer.
            name: What results call it; by default the model's own `name_or_path`.
            token_budget: As in the constructor.
            row_budget: As in the constructor.
            prefix_cache_bytes: As in the constructor.
            attention: As in the constructor.
            limits: As in the constructor.
            max_waiting: As in the constructor.
        """
        known = name or getattr(model, "name_or_path", "") or type(model).__name__
        engine = cls(
            known,
            token_budget=token_budget,
            row_budget=row_budget,
            prefix_cache_bytes=prefix_cache_bytes,
            attention=attention,
            limits=limits,
            max_waiting=max_waiting,
        )
        engine._held.owned = (model, tokenizer)
        return engine

    @property
    def name(self) -> str:
        """The model's id."""
        return self._held.name

    @property
    def recipe(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON, those with their default left out: ids and numbers, no weights.

        Where converted files are cached is a matter of the machine, and no part of it.

        Raises:
            InvalidInputError: If the engine cannot be made again from it: the caller owns its model, or has allowed
                code from the model's repository to run, which whoever loads must decide anew.
        """
        defaults = TransformersEngine.__init__.__kwdefaults__ or {}
        return recipe_of(self._held, max_waiting=self._max_waiting, defaults=defaults)

    @property
    def is_chat(self) -> bool:
        """Whether the model has a chat template; for a model that is not embedded this loads it."""
        known = self._held.embedded
        return self._model().tokens.is_chat if known is None else known.is_chat

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model without loading it: much of an embedded model or a folder, nothing of a hub id."""
        return self._held.facts

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` samples of each prompt, from one prefill each; errors as in `score`."""
        model = self._model()
        job = DrawJob(ids=model.texts.prompt_ids(prompts, settings), settings=settings)
        key = ("sample", replace(settings, seed=0))
        tokens = sum(len(ids) + settings.n * settings.max_new_tokens for ids in job.ids)
        found = self._gatherer.ask(key, job, self._draw_together, tokens=tokens)
        return SampleResult(samples=model.texts.samples(prompts, found.forks, settings), usage=found.usage)

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """Exact log-probabilities of every continuation; every distinct prefix token of the call is computed once.

        Raises:
            InvalidInputError: If a request breaks a rule, is longer than the model can read or than `limits` allow.
            EngineBusyError: If `max_waiting` calls wait already.
            EngineClosedError: If the engine was closed.
            DeadlineExceededError: If the time of a `deadline` around the call is over.
            CallCancelledError: If the call was cancelled.
            EngineError: If the model failed; other calls are not concerned.
        """
        strings = self._model().texts.strings(requests)
        tokens = sum(len(one.prefix) + len(one.continuation) for group in strings for one in group)
        return self._gatherer.ask("score", strings, self._score_together, tokens=tokens)

    def token_ids(self, text: str) -> list[int]:
        """The ids of `text` alone, no special tokens added."""
        return self._model().texts.plain_ids(text)

    def written_call(self, name: str, arguments: str) -> str:
        """What the model's chat template writes where the assistant calls the tool `name` with a JSON object.

        Raises:
            InvalidInputError: If the model has no chat template, or one that knows no tools.
        """
        return self._written.text(name, arguments, lambda *call: self._model().texts.written_call(*call))

    @property
    def limits(self) -> Limits:
        """How large a call may be."""
        return self._held.limits

    @property
    def prefix_cache(self) -> PrefixCacheStatus:
        """What the prefix cache holds and what it has saved so far; loads the model if it is not loaded."""
        return self._model().prefixes.status

    def close(self, timeout: float | None = None) -> None:
        """Takes no more calls, ends those it has, and lets go of its threads and of the model.

        A sync call that is between its drawing and its scoring ends with an `EngineClosedError`.

        Args:
            timeout: Seconds after which calls that are still under way are stopped; `None` waits for all of them.
        """
        until = None if timeout is None else time.monotonic() + timeout
        self.worker.close(timeout)
        self._gatherer.close(None if until is None else max(until - time.monotonic(), 0.0))
        self.worker.close()
        self._held.let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _score_together(
        self, jobs: Sequence[list[list[TokenString]]], watch: Watch
    ) -> Sequence[ScoreResult | EngineError]:
        model = self._model()
        with evaluating(model.model):
            return scored_together(model, jobs, watch)

    def _draw_together(self, jobs: Sequence[DrawJob], watch: Watch) -> Sequence[Drawn | EngineError]:
        model = self._model()
        with evaluating(model.model):
            return drawn_together(model, jobs, watch)

    def _model(self) -> LocalModel:
        return self._held.model()
