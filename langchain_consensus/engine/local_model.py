"""A loaded model and its tokenizer, tied together: prompts and texts in, samples and scores out.

Wires `tokenization`, `forest`, `plan`, `scoring` and `sampling` to one model. Not thread-safe; `TransformersEngine`
holds the lock.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from langchain_consensus.engine.base import ContinuationScores, SampleResult, ScoreResult, Usage
from langchain_consensus.engine.checked_network import checked_network
from langchain_consensus.engine.forest import Forest
from langchain_consensus.engine.fork_texts import sample_of, stopper
from langchain_consensus.engine.masking import GrammarCompiler
from langchain_consensus.engine.memory import MemoryGuard
from langchain_consensus.engine.node_keys import NodeKeys
from langchain_consensus.engine.plain import draw_plain, score_plain
from langchain_consensus.engine.plan import make_plan
from langchain_consensus.engine.prefix_cache import PrefixCache, new_beginnings
from langchain_consensus.engine.sampling import draw, prefill
from langchain_consensus.engine.scoring import score_strings
from langchain_consensus.engine.sound import forks_are_sound, nonfinite, unsound_places
from langchain_consensus.engine.tokenization import Tokenization
from langchain_consensus.engine.window import ContextWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import Sample, SamplingSettings, ScoreRequest
    from langchain_consensus.engine.check_memory import CheckMemory
    from langchain_consensus.engine.checked_network import AttentionName
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.grammar import JsonForm
    from langchain_consensus.engine.masking import TokenGrammar
    from langchain_consensus.engine.memory import Budgets
    from langchain_consensus.engine.sampling import Fork
    from langchain_consensus.prompts import Prompt

__all__ = ["LocalModel"]


class LocalModel:
    """Samples from and scores with one loaded transformers model."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        budgets: Budgets,
        attention: AttentionName = "auto",
        checks: CheckMemory | None = None,
    ) -> None:
        """Wraps a model in evaluation mode and its tokenizer.

        Args:
            model: A transformers causal language model.
            tokenizer: Its tokenizer.
            budgets: What bounds memory.
            attention: How packs attend.
            checks: What earlier self-checks have found; `None` checks anew.
        """
        self.model = model
        self.prefixes = PrefixCache(max_bytes=budgets.prefix_bytes)
        self.memory = MemoryGuard(budgets, release=self.prefixes.clear)
        ends = getattr(model.generation_config, "eos_token_id", None)
        self.tokens = Tokenization(
            tokenizer, end_ids=ends if isinstance(ends, list) else [ends] if ends is not None else []
        )
        self.network = checked_network(model, token_budget=budgets.tokens, attention=attention, memory=checks)
        self._compiler: GrammarCompiler | None = None
        self.window = ContextWindow.of(model.config, tokenizer)

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """Exact log-probabilities of every continuation of every request."""
        groups = [self.tokens.strings(request) for request in requests]
        for place, group in enumerate(groups):
            for string in group:
                self.window.check_scoring(place, len(string.prefix), len(string.continuation))
        strings = list(dict.fromkeys(string for group in groups for string in group))
        if not strings:
            return ScoreResult(scores=())
        logprobs, usage = self.memory.run(partial(self._score, strings))
        total = {string: float(values.sum()) for string, values in zip(strings, logprobs, strict=True)}
        usage += self._score_alone(groups, total)
        scores = tuple(
            ContinuationScores(
                logprobs=np.array([total[string] for string in group]),
                tokens=np.array([len(string.continuation) for string in group]),
            )
            for group in groups
        )
        asked = sum(len(s.prefix) + len(s.continuation) for group in groups for s in group)
        return ScoreResult(scores=scores, usage=replace(usage, input_tokens=asked))

    def _score_alone(self, groups: Sequence[list[TokenString]], total: dict[TokenString, float]) -> Usage:
        """Scores what is no number again, each request by itself, since another may have spoilt it; what that cost.

        Raises:
            NonFiniteScoreError: If some are no numbers even so.
        """
        usage, unsound = Usage(), unsound_places(groups, total)
        for place in unsound:
            self.prefixes.clear()  # it may hold keys that were computed together with the bad ones
            strings = list(dict.fromkeys(groups[place]))
            logprobs, cost = self.memory.run(partial(self._score, strings))
            total |= {string: float(values.sum()) for string, values in zip(strings, logprobs, strict=True)}
            usage += cost
        if unsound:
            self.prefixes.clear()
        if found := unsound_places(groups, total):
            raise nonfinite(found, self.model.dtype)
        return usage

    def _score(self, strings: list[TokenString], budgets: Budgets) -> tuple[list[NDArray[np.float64]], Usage]:
        with torch.inference_mode():
            if self.network is None:
                batch = max(budgets.rows // 8, 1)
                read = sum(len(s.prefix) + len(s.continuation) for s in strings)
                usage = Usage(computed_tokens=read, head_rows=read, forwards=-(-len(strings) // batch))
                return score_plain(self.model, strings, batch_size=batch), usage
            forest = Forest.build(strings)
            known = self.prefixes.known(forest)
            restored = {root: prefix.length for root, prefix in known.items()}
            plan = make_plan(forest, token_budget=budgets.tokens, restored=restored)
            new = new_beginnings(forest, known)
            keys = NodeKeys(np.concatenate([np.empty(0, dtype=np.int64), *new.values()]), known)
            logprobs = score_strings(
                self.network, forest, plan, strings, row_budget=budgets.rows, known=known, on_keys=keys
            )
            self.prefixes.keep(forest, {root: keys.layers(nodes) for root, nodes in new.items()})
            usage = Usage(computed_tokens=plan.computed_tokens, head_rows=plan.head_rows, forwards=len(plan.steps))
            return logprobs, usage

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` samples of each prompt; the same prompt and seed give the same samples in any batch."""
        ids = [self.tokens.prompt_ids(prompt) for prompt in prompts]
        for place, prompt in enumerate(ids):
            self.window.check_sampling(place, len(prompt), settings.max_new_tokens)
        results: list[tuple[Sample, ...]] = [()] * len(prompts)
        usage = Usage(input_tokens=sum(map(len, ids)))
        spoilt: list[int] = []
        waiting = sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i))
        while waiting:
            group, drawn, cost = self.memory.run(partial(self._draw_some, ids, waiting, settings))
            usage += cost
            for number, forks in zip(group, drawn, strict=True):
                if not forks_are_sound(forks):
                    spoilt.append(number)
                    continue
                results[number] = tuple(sample_of(self.tokens, prompts[number], fork, settings.stop) for fork in forks)
            waiting = waiting[len(group) :]
        if spoilt:
            results, cost = self._sample_alone(prompts, settings, sorted(spoilt), results)
            usage += cost
        return SampleResult(samples=tuple(results), usage=usage)

    def _sample_alone(
        self,
        prompts: Sequence[Prompt],
        settings: SamplingSettings,
        spoilt: Sequence[int],
        results: Sequence[tuple[Sample, ...]],
    ) -> tuple[list[tuple[Sample, ...]], Usage]:
        """The results with those of the spoilt prompts drawn again, each by itself, and what that cost.

        Raises:
            NonFiniteScoreError: If some have no numbers even so.
        """
        found, usage, bad = list(results), Usage(), []
        for number in spoilt:
            self.prefixes.clear()
            ids = self.tokens.prompt_ids(prompts[number])
            _, [forks], cost = self.memory.run(partial(self._draw_some, [ids], [0], settings))
            usage += cost
            if forks_are_sound(forks):
                found[number] = tuple(sample_of(self.tokens, prompts[number], fork, settings.stop) for fork in forks)
            else:
                bad.append(number)
        self.prefixes.clear()
        if bad:
            raise nonfinite(tuple(bad), self.model.dtype)
        return found, usage

    def _draw_some(
        self, ids: list[list[int]], waiting: list[int], settings: SamplingSettings, budgets: Budgets
    ) -> tuple[list[int], list[list[Fork]], Usage]:
        """Draws from the first prompts that are waiting, longest first, as many as the position budget holds."""
        each = len(ids[waiting[0]]) + settings.n * settings.max_new_tokens
        count = max(budgets.positions // each, 1) if self.network is not None else 1
        group = waiting[:count]
        drawn, cost = self._draw([ids[i] for i in group], settings, budgets)
        return group, drawn, cost

    def _draw(
        self, ids: list[list[int]], settings: SamplingSettings, budgets: Budgets
    ) -> tuple[list[list[Fork]], Usage]:
        seeds = [[settings.seed, zlib.crc32(np.array(prompt, dtype="<u4").tobytes())] for prompt in ids]
        end_ids = self.tokens.end_ids
        grammar = self._grammar(settings.grammar)
        with torch.inference_mode():
            if self.network is None:
                forks = [
                    draw_plain(
                        self.model,
                        self.tokens.tokenizer,
                        prompt,
                        settings,
                        index=i,
                        seed=sum(seeds[i]) + settings.first,
                        end_ids=end_ids,
                        grammar=grammar,
                    )
                    for i, prompt in enumerate(ids)
                ]
                computed, passes, rows = sum(map(len, ids)), settings.max_new_tokens, len(ids)
            else:
                room = settings.n * settings.max_new_tokens
                start = prefill(self.network, ids, room=room, token_budget=budgets.tokens, prefixes=self.prefixes)
                forks, computed, passes = draw(
                    self.network,
                    start,
                    settings,
                    end_ids=end_ids,
                    seeds=seeds,
                    finished=stopper(self.tokens, settings.stop),
                    grammar=grammar,
                )
                rows = start.plan.head_rows + computed
                computed, passes = computed + start.plan.computed_tokens, passes + len(start.plan.steps)
        sampled = sum(len(fork.ids) for group in forks for fork in group)
        return forks, Usage(computed_tokens=computed, sampled_tokens=sampled, head_rows=rows, forwards=passes)

    def _grammar(self, forms: Sequence[JsonForm]) -> TokenGrammar | None:
        """The grammar of `forms` over this model's tokens, or `None` where any text will do."""
        if not forms:
            return None
        if self._compiler is None:
            width = self.model.get_output_embeddings().weight.shape[0]
            self._compiler = GrammarCompiler(self.tokens.tokenizer, end_ids=self.tokens.end_ids, width=width)
        return self._compiler.start(forms)
