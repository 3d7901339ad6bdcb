"""Which token comes next: what temperature, top-k, top-p and min-p leave, and of that one by a uniform number."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from langchain_consensus.engine.rows import largest

if TYPE_CHECKING:
    from langchain_consensus.engine.base import SamplingSettings

__all__ = ["chosen", "truncated"]


def truncated(logits: torch.Tensor, settings: SamplingSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Temperature, top-k, top-p and min-p, in transformers' order and, but for top-k, by transformers' own warpers.

    Top-k comes first and leaves k columns, so that top-p sorts those and not the vocabulary; the outcome is the same.

    Args:
        logits: `[R, vocabulary]`.
        settings: The four numbers; the temperature is above 0.

    Returns:
        `[R, K]` the logits that remain, minus infinity where dropped, and `[R, K]` the token of each.
    """
    from transformers.generation.logits_process import (
        LogitsProcessorList,
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopPLogitsWarper,
    )

    columns = min(settings.top_k, logits.shape[-1]) or logits.shape[-1]
    if columns < logits.shape[-1]:
        values, tokens = largest(logits, columns)
    else:
        values, tokens = logits.clone(), torch.arange(columns, device=logits.device).expand(logits.shape)
    warpers = LogitsProcessorList([TemperatureLogitsWarper(float(settings.temperature))])
    if settings.top_p < 1:
        warpers.append(TopPLogitsWarper(settings.top_p))
    if settings.min_p:
        warpers.append(MinPLogitsWarper(settings.min_p))
    return warpers(cast("torch.LongTensor", tokens), cast("torch.FloatTensor", values)), tokens


def chosen(
    logits: torch.Tensor, rows: torch.Tensor, uniforms: torch.Tensor, settings: SamplingSettings
) -> torch.Tensor:
    """The token at which the cumulative probability of `logits[rows]` first exceeds each uniform number."""
    values, tokens = truncated(logits, settings)
    cumulative = torch.softmax(values.double(), dim=-1).cumsum(dim=-1)[rows]
    total = cumulative[:, -1]
    # Below the total even after rounding, or the first token without any probability would be drawn.
    threshold = torch.minimum(uniforms.to(logits.device) * total, torch.nextafter(total, torch.zeros_like(total)))
    columns = torch.searchsorted(cumulative, threshold[:, None], right=True).clamp_(max=values.shape[-1] - 1)
    return tokens[rows].gather(1, columns)[:, 0]
