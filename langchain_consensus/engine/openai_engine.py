"""`OpenAICompatibleEngine`: an `Engine` on a server, or several, that speak OpenAI's completions API.

Nothing is sent until the first call, which probes the servers. Calls from many threads run side by side; the number of
requests under way is bounded for all of them together.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langchain_consensus.engine.limits import checked_limits
from langchain_consensus.engine.loading import LoadOptions
from langchain_consensus.engine.openai_arguments import check_seconds, server_addresses
from langchain_consensus.engine.openai_loop import LoopThread
from langchain_consensus.engine.openai_tokenizer import facts_of_served, require_openai, tokenization_of
from langchain_consensus.engine.sampler import check_counts
from langchain_consensus.engine.written_calls import WrittenCalls
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.engine.base import SampleResult, SamplingSettings, ScoreRequest, ScoreResult, Usage
    from langchain_consensus.engine.facts import ModelFacts
    from langchain_consensus.engine.limits import Limits
    from langchain_consensus.engine.openai_model import DrawPlan, ServedModel
    from langchain_consensus.engine.openai_probe import ProbeReport
    from langchain_consensus.engine.openai_protocol import Drawn
    from langchain_consensus.engine.openai_servers import Servers
    from langchain_consensus.engine.tokenization import Tokenization
    from langchain_consensus.prompts import Prompt

__all__ = ["OpenAICompatibleEngine"]

_DIALECTS = ("auto", "vllm", "sglang", "echo")


class OpenAICompatibleEngine:
    """A model that vLLM, SGLang or another server with prompt log-probabilities serves.

    Prompts are rendered and tokenised here, by the tokenizer of the model that is served, and sent as token ids; scores
    are those that `TransformersEngine` computes from the same weights, up to rounding.

    Example:
        ```python
        engine = OpenAICompatibleEngine("http://localhost:8000/v1", tokenizer="Qwen/Qwen2.5-1.5B-Instruct")
        ```
    """

    def __init__(
        self,
        base_url: str | Sequence[str],
        *,
        tokenizer: Any = None,
        model: str | None = None,
        dialect: str = "auto",
        api_key: str | None = None,
        max_concurrency: int = 32,
        max_attempts: int = 8,
        request_timeout: float = 120.0,
        deadline: float | None = None,
        trust_remote_code: bool = False,
        cache_dir: str | Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Remembers whom to ask; the first call asks.

        Args:
            base_url: The server's address, or those of several equal servers that share the work. `/v1` is added to an
                address without a path.
            tokenizer: Of the model that is served: a folder, a hub id, an embedded model's name, or a transformers
                tokenizer; `None` takes `model`.
            model: The model's name on the server; `None` takes the only one that it serves.
            dialect: How the server is asked: `vllm` (`prompt_logprobs`), `sglang` (its own `/generate`), `echo` (`echo`
                with `logprobs`), or `auto`, which finds out.
            api_key: The server's key. Keys in the environment are not used.
            max_concurrency: Requests under way at once, over all servers and calls.
            max_attempts: How often one request is sent at most.
            request_timeout: Seconds that one attempt may take.
            deadline: Seconds that a call of `score` or `sample` may take; `None` sets no limit.
            trust_remote_code: Runs Python from the tokenizer's repository; leave it `False` unless you have read it.
            cache_dir: Where converted models are kept, for an embedded model's tokenizer; `None` is the user's cache.
            limits: How large a call may be; `None` sets no limit but the model's own.

        Raises:
            InvalidInputError: If an argument breaks a rule.
        """
        urls = server_addresses(base_url)
        if dialect not in _DIALECTS:
            msg = f"`dialect` is {dialect!r}; it must be one of {_DIALECTS}."
            raise InvalidInputError(msg)
        if tokenizer is None and model is None:
            msg = "`tokenizer` and `model` are both `None`; pass the folder or hub id of the served model's tokenizer."
            raise InvalidInputError(msg)
        check_counts(max_concurrency=max_concurrency, max_attempts=max_attempts)
        check_seconds(request_timeout=request_timeout, deadline=deadline)
        self._limits = checked_limits(limits)
        self._options: dict[str, Any] = {
            "urls": urls,
            "model": model,
            "dialect": dialect,
            "api_key": api_key,
            "max_concurrency": max_concurrency,
            "max_attempts": max_attempts,
            "request_timeout": float(request_timeout),
            "deadline": deadline,
        }
        self._tokenizer = model if tokenizer is None else tokenizer
        self._load_options = LoadOptions(
            trust_remote_code=trust_remote_code, cache_dir=None if cache_dir is None else Path(cache_dir)
        )
        self._tokens: Tokenization | None = None
        self._written = WrittenCalls()
        self._model: ServedModel | None = None
        self._servers: Servers | None = None
        self._lock = threading.RLock()
        self._loop = LoopThread()
        weakref.finalize(self, LoopThread.stop, self._loop)

    @property
    def name(self) -> str:
        """The model's name on the server; asks the server where it was not given."""
        return str(self._options["model"] or self._served().report.model)

    @property
    def is_chat(self) -> bool:
        """Whether the tokenizer has a chat template."""
        with self._lock:
            return self._tokenization().is_chat

    @property
    def facts(self) -> ModelFacts:
        """What is known of the model; nothing is asked or loaded for it.

        Whether it shows tools comes from its tokenizer, of a hub id once it is loaded; the rest from the probe, which
        `check` makes.
        """
        report = None if self._servers is None else self._servers.first_report
        known = facts_of_served(self._tokenizer if self._tokens is None else self._tokens.tokenizer)
        if report is None:
            return known
        return replace(known, context=report.max_tokens, follows_grammars=report.follows_grammars)

    def token_ids(self, text: str) -> list[int]:
        """The ids of `text` alone, no special tokens added."""
        with self._lock:
            return self._tokenization().plain_ids(text)

    def written_call(self, name: str, arguments: str) -> str:
        """What the model's chat template writes where the assistant calls the tool `name` with a JSON object.

        Raises:
            InvalidInputError: If the model has no chat template, or one that knows no tools; or if the server leaves
                out of its samples what marks a call.
        """
        return self._written.text(name, arguments, self._write_call)

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """Exact log-probabilities of every continuation; equal strings are sent once.

        Raises:
            ServerCapabilityError: If a server cannot be trusted with this; the message says what to do.
            EngineError: If a request failed for good. What the others answered is kept for a repetition.
        """
        model = self._served()
        with self._lock:
            plan = model.plan_scores(requests)
        self._limits.check_scoring(plan.groups)
        return self._loop.run(model.score(plan))

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` samples of each prompt; errors are those of `score`."""
        model = self._served()
        with self._lock:
            plan = model.plan_draws(prompts, settings)
        self._limits.check_sampling(plan.ids, settings)
        drawn, usage = self._loop.run(model.draw(plan))
        return self._read(model, plan, drawn, usage)

    async def ascore(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """`score` for callers that await; cancelling it cancels its requests."""
        model = await asyncio.to_thread(self._served)
        with self._lock:
            plan = model.plan_scores(requests)
        self._limits.check_scoring(plan.groups)
        return await asyncio.wrap_future(self._loop.submit(model.score(plan)))

    async def asample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`sample` for callers that await; cancelling it cancels its requests."""
        model = await asyncio.to_thread(self._served)
        with self._lock:
            plan = model.plan_draws(prompts, settings)
        self._limits.check_sampling(plan.ids, settings)
        drawn, usage = await asyncio.wrap_future(self._loop.submit(model.draw(plan)))
        return await asyncio.to_thread(self._read, model, plan, drawn, usage)

    @property
    def limits(self) -> Limits:
        """How large a call may be."""
        return self._limits

    @property
    def base_urls(self) -> tuple[str, ...]:
        """The servers' addresses."""
        return self._options["urls"]  # type: ignore[no-any-return]

    def check(self) -> None:
        """Probes the servers now instead of at the first call; the errors are those of `score`."""
        self._served()

    def probe(self) -> list[ProbeReport]:
        """What each server can do, found out by asking; a server that cannot be used is no error here.

        Raises:
            EngineError: If a server cannot be reached.
        """
        return self._loop.run(self._started().reports())

    def close(self) -> None:
        """Ends all connections and calls under way; a later call starts anew."""
        with self._lock:
            self._servers, self._model = None, None
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _read(self, model: ServedModel, plan: DrawPlan, drawn: Sequence[Sequence[Drawn]], usage: Usage) -> SampleResult:
        with self._lock:
            result = model.samples(plan, drawn, usage)
        plan.forms.check(sample for group in result.samples for sample in group)
        return result

    def _write_call(self, name: str, arguments: str) -> str:
        model = self._served()
        with self._lock:
            return model.written_call(name, arguments)

    def _served(self) -> ServedModel:
        with self._lock:
            if self._model is None:
                self._model = self._loop.run(self._started().served())
            return self._model

    def _started(self) -> Servers:
        with self._lock:
            if self._servers is None:
                require_openai()
                from langchain_consensus.engine.openai_servers import ServerOptions, Servers

                self._servers = Servers(ServerOptions(**self._options), self._tokenization())
                self._loop.before_end(self._servers.close)
            return self._servers

    def _tokenization(self) -> Tokenization:
        if self._tokens is None:
            require_openai()
            self._tokens = tokenization_of(self._tokenizer, self._load_options)
        return self._tokens
