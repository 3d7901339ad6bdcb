"""The slow, safe path for architectures that cannot be packed: padded batches and transformers' own generation.

Token ids in, log-probabilities out, as `scoring` and `sampling` do it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList

from langchain_consensus.engine.base import Usage
from langchain_consensus.engine.masking import GrammarProcessor
from langchain_consensus.engine.sampling import Fork
from langchain_consensus.engine.sound import nonfinite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.masking import TokenGrammar

__all__ = ["draw_plain", "score_plain"]


def score_plain(
    model: Any, strings: Sequence[TokenString], *, batch_size: int, before: Callable[[], object] = tuple
) -> list[NDArray[np.float64]]:
    """For each string the log-probability of every continuation token; right-padded batches of similar length.

    `before` is called before each forward.
    """
    full = [(*string.prefix, *string.continuation) for string in strings]
    order = sorted(range(len(full)), key=lambda k: -len(full[k]))
    results: list[NDArray[np.float64]] = [np.empty(0)] * len(full)
    for start in range(0, len(order), batch_size):
        before()
        batch = order[start : start + batch_size]
        longest = max(len(full[k]) for k in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, k in enumerate(batch):
            ids[row, : len(full[k])] = torch.tensor(full[k])
            mask[row, : len(full[k])] = 1
        device = model.get_input_embeddings().weight.device
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
        for row, k in enumerate(batch):
            prefix, end = len(strings[k].prefix), len(full[k])
            rows = torch.log_softmax(logits[row, prefix - 1 : end - 1].float(), dim=-1)
            picked = rows.gather(1, ids[row, prefix:end, None].to(device))[:, 0]
            results[k] = picked.double().cpu().numpy()
    return results


def _generated(model: Any, *args: Any, **options: Any) -> Any:
    try:
        return model.generate(*args, **options)
    except RuntimeError as error:
        if "probability tensor contains" not in str(error):
            raise
        raise nonfinite((0,), model.dtype) from error


def draw_plain(
    model: Any,
    tokenizer: Any,
    prompt: Sequence[int],
    settings: SamplingSettings,
    *,
    index: int,
    seed: int,
    end_ids: frozenset[int],
    grammar: TokenGrammar | None = None,
    before: Callable[[], object] = tuple,
) -> tuple[list[Fork], Usage]:
    """`settings.n` forks of one prompt by `model.generate`, and what they cost.

    `before` is called before each forward. torch's global random state is put back afterwards.
    """
    device = model.get_input_embeddings().weight.device
    ids = torch.tensor([list(prompt)], device=device)
    sampling = {
        "do_sample": True,
        "temperature": float(settings.temperature),
        "top_p": settings.top_p,
        "top_k": settings.top_k,
        "min_p": settings.min_p or None,
    }
    follows: list[Any] = [_Asking(before)]
    if grammar:
        follows.append(GrammarProcessor(grammar, prompt_length=len(prompt), end_ids=end_ids))
    before()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        output = _generated(
            model,
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=settings.max_new_tokens,
            num_return_sequences=settings.n if settings.temperature else 1,
            stop_strings=list(settings.stop) or None,
            tokenizer=tokenizer,
            eos_token_id=sorted(end_ids) or None,
            pad_token_id=min(end_ids, default=0),
            return_dict_in_generate=True,
            output_logits=True,
            logits_processor=LogitsProcessorList(follows),
            **(sampling if settings.temperature else {"do_sample": False}),
        )
    logprobs = torch.stack([torch.log_softmax(step.float(), dim=-1) for step in output.logits], dim=1)
    steps, rows = len(output.logits), len(output.sequences)
    cost = Usage(computed_tokens=rows * (len(prompt) + steps - 1), head_rows=rows * steps, forwards=steps)
    forks = _forks_of(output.sequences[:, len(prompt) :], logprobs, index=index, end_ids=end_ids)
    return (forks if settings.temperature else forks * settings.n), cost


def _forks_of(drawn_ids: torch.Tensor, logprobs: torch.Tensor, *, index: int, end_ids: frozenset[int]) -> list[Fork]:
    """A fork for each of `[rows, steps]` drawn ids, up to its end token; `logprobs` is `[rows, steps, V]`."""
    forks = []
    for row, sequence in enumerate(drawn_ids):
        drawn = sequence.tolist()
        ends = [position for position, token in enumerate(drawn) if token in end_ids]
        drawn = drawn[: ends[0] + 1] if ends else drawn
        steps = [float(logprobs[row, position, token]) for position, token in enumerate(drawn)]
        forks.append(Fork(prompt=index, ids=drawn, logprobs=steps, done=True))
    return forks


class _Asking(LogitsProcessor):
    """Leaves logits as they are and calls a function at each token: an error that it raises ends the generation."""

    def __init__(self, before: Callable[[], object]) -> None:
        self._before = before

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:  # noqa: ARG002
        self._before()
        return scores
