"""A loaded model and its tokenizer, tied together: prompts and texts in, samples and scores out.

Wires `tokenization`, `forest`, `plan`, `scoring` and `sampling` to one model. Not thread-safe but for its `texts`;
`TransformersEngine` has one thread in which passes run.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from langchain_consensus.engine.base import SampleResult, ScoreResult, Usage
from langchain_consensus.engine.checked_network import checked_network
from langchain_consensus.engine.checked_texts import CheckedTexts
from langchain_consensus.engine.deadline import Call
from langchain_consensus.engine.forest import Forest
from langchain_consensus.engine.limits import Limits
from langchain_consensus.engine.masking import GrammarCompiler
from langchain_consensus.engine.memory import MemoryGuard
from langchain_consensus.engine.node_keys import NodeKeys
from langchain_consensus.engine.plain import draw_plain, score_plain
from langchain_consensus.engine.plan import make_plan
from langchain_consensus.engine.prefill import prefill
from langchain_consensus.engine.prefix_cache import PrefixCache, new_beginnings
from langchain_consensus.engine.sampling import draw
from langchain_consensus.engine.scoring import score_strings
from langchain_consensus.engine.sharing import DrawJob, drawn_together, scored_together
from langchain_consensus.engine.tokenization import Tokenization
from langchain_consensus.engine.watch import Watch
from langchain_consensus.engine.window import ContextWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings, ScoreRequest
    from langchain_consensus.engine.check_memory import CheckMemory
    from langchain_consensus.engine.checked_network import AttentionName
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.grammar import JsonForm
    from langchain_consensus.engine.masking import TokenGrammar
    from langchain_consensus.engine.memory import Budgets
    from langchain_consensus.engine.sampling import Fork
    from langchain_consensus.engine.sharing import Sharing
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
        limits: Limits | None = None,
    ) -> None:
        """Wraps a model in evaluation mode and its tokenizer.

        Args:
            model: A transformers causal language model.
            tokenizer: Its tokenizer.
            budgets: What bounds memory.
            attention: How packs attend.
            checks: What earlier self-checks have found; `None` checks anew.
            limits: How large a call may be; `None` sets no limit.
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
        self.texts = CheckedTexts(self.tokens, self.window, limits or Limits())

    def score(self, requests: Sequence[ScoreRequest]) -> ScoreResult:
        """Exact log-probabilities of every continuation of every request."""
        (found,) = scored_together(self, [self.texts.strings(requests)], Watch([Call()]))
        if isinstance(found, Exception):
            raise found
        return found

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` samples of each prompt; the same prompt and seed give the same samples in any batch."""
        job = DrawJob(ids=self.texts.prompt_ids(prompts, settings), settings=settings)
        (found,) = drawn_together(self, [job], Watch([Call()]))
        if isinstance(found, Exception):
            raise found
        return SampleResult(samples=self.texts.samples(prompts, found.forks, settings), usage=found.usage)

    def logprobs(self, strings: list[TokenString], sharing: Sharing) -> tuple[list[NDArray[np.float64]], Usage]:
        """For each string, all different, its log-probabilities; NaN where all who own it have left."""
        return self.memory.run(partial(self._score, strings, sharing=sharing))

    def draws(
        self, ids: list[list[int]], settings: SamplingSettings, sharing: Sharing
    ) -> tuple[list[list[Fork]], Usage]:
        """For each prompt its forks, drawn with its own seed; unfinished where its owner has left."""
        results: list[list[Fork]] = [[]] * len(ids)
        usage = Usage()
        waiting = sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i))
        while waiting:
            group, drawn, cost = self.memory.run(partial(self._draw_some, ids, waiting, settings, sharing=sharing))
            usage += cost
            for number, forks in zip(group, drawn, strict=True):
                results[number] = forks
            waiting = waiting[len(group) :]
        return results, usage

    def _score(
        self, strings: list[TokenString], budgets: Budgets, *, sharing: Sharing
    ) -> tuple[list[NDArray[np.float64]], Usage]:
        with torch.inference_mode():
            if self.network is None:
                batch = max(budgets.rows // 8, 1)
                read = sum(len(s.prefix) + len(s.continuation) for s in strings)
                usage = Usage(computed_tokens=read, head_rows=read, forwards=-(-len(strings) // batch))
                return score_plain(self.model, strings, batch_size=batch, before=sharing.leaving), usage
            forest = Forest.build(strings)
            known = self.prefixes.known(forest)
            restored = {root: prefix.length for root, prefix in known.items()}
            plan = make_plan(forest, token_budget=budgets.tokens, restored=restored)
            new = new_beginnings(forest, known)
            keys = NodeKeys(np.concatenate([np.empty(0, dtype=np.int64), *new.values()]), known)
            wanted = sharing.wanted(forest)
            logprobs = score_strings(
                self.network, forest, plan, strings, row_budget=budgets.rows, known=known, on_keys=keys, wanted=wanted
            )
            if not wanted.left_out:  # what was left out has no keys
                self.prefixes.keep(forest, {root: keys.layers(nodes) for root, nodes in new.items()})
            usage = Usage(computed_tokens=plan.computed_tokens, head_rows=plan.head_rows, forwards=len(plan.steps))
            return logprobs, usage

    def _draw_some(
        self,
        ids: list[list[int]],
        waiting: list[int],
        settings: SamplingSettings,
        budgets: Budgets,
        *,
        sharing: Sharing,
    ) -> tuple[list[int], list[list[Fork]], Usage]:
        """Draws from the first prompts that are waiting, longest first, as many as the position budget holds."""
        each = len(ids[waiting[0]]) + settings.n * settings.max_new_tokens
        count = max(budgets.positions // each, 1) if self.network is not None else 1
        group = waiting[:count]
        drawn, cost = self._draw([ids[i] for i in group], settings, budgets, sharing=sharing.part(group))
        return group, drawn, cost

    def _draw(
        self, ids: list[list[int]], settings: SamplingSettings, budgets: Budgets, *, sharing: Sharing
    ) -> tuple[list[list[Fork]], Usage]:
        numbers = [zlib.crc32(np.array(prompt, dtype="<u4").tobytes()) for prompt in ids]
        seeds = list(zip(sharing.seeds, numbers, strict=True))
        grammar = self._grammar(settings.grammar)
        with torch.inference_mode():
            if self.network is None:
                plain = [
                    self._draw_plain(ids[i], settings, i, sum(seeds[i]) + settings.first, grammar, sharing)
                    for i in range(len(ids))
                ]
                return [forks for forks, _ in plain], sum((cost for _, cost in plain), Usage())
            start = prefill(
                self.network,
                ids,
                room=settings.n * settings.max_new_tokens,
                token_budget=budgets.tokens,
                prefixes=self.prefixes,
                wanted_by=sharing.wanted,
            )
            forks, computed, passes = draw(
                self.network,
                start,
                settings,
                end_ids=self.tokens.end_ids,
                seeds=seeds,
                finished=self.texts.stopper(settings),
                grammar=grammar,
                leaving=sharing.leaving,
            )
        return forks, Usage(
            computed_tokens=computed + start.plan.computed_tokens,
            forwards=passes + len(start.plan.steps),
            head_rows=computed + start.plan.head_rows,
        )

    def _draw_plain(
        self,
        ids: list[int],
        settings: SamplingSettings,
        index: int,
        seed: int,
        grammar: TokenGrammar | None,
        sharing: Sharing,
    ) -> tuple[list[Fork], Usage]:
        return draw_plain(
            self.model,
            self.tokens.tokenizer,
            ids,
            settings,
            index=index,
            seed=seed,
            end_ids=self.tokens.end_ids,
            grammar=grammar,
            before=sharing.leaving,
        )

    def _grammar(self, forms: Sequence[JsonForm]) -> TokenGrammar | None:
        """The grammar of `forms` over this model's tokens, or `None` where any text will do."""
        if not forms:
            return None
        if self._compiler is None:
            width = self.model.get_output_embeddings().weight.shape[0]
            self._compiler = GrammarCompiler(self.tokens.tokenizer, end_ids=self.tokens.end_ids, width=width)
        return self._compiler.start(forms)
