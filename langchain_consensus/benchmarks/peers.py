"""What the engine is compared with, on the same token ids: padded batches, lm-evaluation-harness, `model.generate`."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.forest import TokenString

__all__ = ["BATCH_SIZES", "SAMPLING_PEERS", "SCORING_PEERS", "Generate", "Harness", "Padded"]

BATCH_SIZES = (1, 4, 16, 32)


@dataclass(kw_only=True)
class Padded:
    """Right-padded batches of similar length in plain transformers, every string in full.

    As fast as plain transformers is: no mask, since causal attention sees no padding on the right; no cache; logits
    become log-probabilities only where a score needs them.
    """

    subject: Subject
    strings: Sequence[TokenString]
    batch_size: int

    def prepare(self) -> None:
        """Nothing."""

    def run(self) -> list[float]:
        """The score of every string."""
        import torch

        lengths = [len(s.prefix) + len(s.continuation) for s in self.strings]
        order = sorted(range(len(lengths)), key=lambda k: -lengths[k])
        results = [0.0] * len(order)
        with torch.inference_mode():
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                for k, score in zip(batch, self._batch([self.strings[k] for k in batch]), strict=True):
                    results[k] = score
        return results

    def scores(self, result: list[float]) -> list[float]:
        """They are the result."""
        return result

    def bytes_needed(self) -> int:
        """Memory of one batch: its logits."""
        return int(1.25 * self.batch_size * _logit_bytes(self.subject, self.strings))

    def _batch(self, strings: Sequence[TokenString]) -> list[float]:
        import torch

        # The last token of a string is only predicted.
        full = [(*s.prefix, *s.continuation)[:-1] for s in strings]
        ids = torch.zeros(len(full), max(map(len, full)), dtype=torch.int64)
        for row, tokens in enumerate(full):
            ids[row, : len(tokens)] = torch.tensor(tokens)
        logits = self.subject.model(input_ids=ids.to(self.subject.model.device), use_cache=False).logits
        found = []
        for row, string in enumerate(strings):
            rows = logits[row, len(string.prefix) - 1 : len(full[row])].float()
            targets = torch.tensor(string.continuation, device=rows.device)[:, None]
            found.append(float(torch.log_softmax(rows, dim=-1).gather(1, targets).double().sum()))
        return found


@dataclass(kw_only=True)
class Harness:
    """lm-evaluation-harness's `HFLM` on the same model object, given token ids; it sorts by length itself."""

    subject: Subject
    strings: Sequence[TokenString]
    batch_size: int

    @cached_property
    def _language_model(self) -> Any:
        for name in ("lm_eval", "lm-eval"):
            logging.getLogger(name).setLevel(logging.ERROR)
        from lm_eval.models.huggingface import HFLM

        return HFLM(pretrained=self.subject.model, tokenizer=self.subject.tokenizer, batch_size=self.batch_size)

    def prepare(self) -> None:
        """Makes the `HFLM`."""
        longest = max(len(s.prefix) + len(s.continuation) for s in self.strings)
        assert longest <= self._language_model.max_length, "lm-evaluation-harness would cut the longest string"

    def run(self) -> list[tuple[float, bool]]:
        """Its own `(log-probability, is greedy)` of every string."""
        requests = [(("", ""), list(s.prefix), list(s.continuation)) for s in self.strings]
        found: list[tuple[float, bool]] = self._language_model._loglikelihood_tokens(  # noqa: SLF001
            requests, disable_tqdm=True
        )
        return found

    def scores(self, result: list[tuple[float, bool]]) -> list[float]:
        """The log-probabilities."""
        return [score for score, _ in result]

    def bytes_needed(self) -> int:
        """Memory of one batch: its logits, and as much again for its log-probabilities."""
        return int(2.25 * self.batch_size * _logit_bytes(self.subject, self.strings))


@dataclass(kw_only=True)
class Generate:
    """`model.generate(num_return_sequences=n)` over batches of prompts, padded on the left, without an end token."""

    subject: Subject
    prompts: Sequence[Sequence[int]]
    settings: SamplingSettings
    batch_size: int

    def prepare(self) -> None:
        """Nothing."""

    def run(self) -> int:
        """How many tokens were drawn."""
        import torch

        order = sorted(self.prompts, key=len)
        drawn = 0
        with self.subject.endless(), torch.random.fork_rng():
            torch.manual_seed(self.settings.seed)
            for start in range(0, len(order), self.batch_size):
                drawn += self._batch(order[start : start + self.batch_size])
        wanted = len(self.prompts) * self.settings.n * self.settings.max_new_tokens
        assert drawn == wanted, f"{drawn} tokens drawn, {wanted} wanted"
        return drawn

    def scores(self, result: int) -> list[float]:
        """Nothing: what is drawn is its own."""
        del result
        return []

    def bytes_needed(self) -> int:
        """Memory of one batch: keys, values and the widest activations of its rows, roughly."""
        config = self.subject.model.config.get_text_config()
        longest = max(map(len, self.prompts)) + self.settings.max_new_tokens
        wide = 2 * config.num_hidden_layers * config.hidden_size + 8 * config.hidden_size
        return int(4 * self.batch_size * self.settings.n * longest * wide)

    def _batch(self, prompts: Sequence[Sequence[int]]) -> int:
        import torch

        width = max(map(len, prompts))
        ids = torch.zeros(len(prompts), width, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        device = self.subject.model.device
        output = self.subject.model.generate(
            ids.to(device),
            attention_mask=mask.to(device),
            do_sample=True,
            num_return_sequences=self.settings.n,
            max_new_tokens=self.settings.max_new_tokens,
            temperature=self.settings.temperature,
            top_p=self.settings.top_p,
            top_k=self.settings.top_k,
            pad_token_id=0,
        )
        return int(output[:, width:].numel())


SCORING_PEERS: dict[str, type[Padded | Harness]] = {"padded": Padded, "lm-eval": Harness}
SAMPLING_PEERS: dict[str, type[Generate]] = {"generate": Generate}


def _logit_bytes(subject: Subject, strings: Sequence[TokenString]) -> int:
    longest = max(len(s.prefix) + len(s.continuation) for s in strings)
    vocabulary = subject.model.get_output_embeddings().weight.shape[0]
    return int(longest * vocabulary * 4)
