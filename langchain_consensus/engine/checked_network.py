"""A loaded model in; a network whose packed scores are known to be exact out, or nothing where they would not be."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

import torch

from langchain_consensus.engine.attention import MaskedAttention
from langchain_consensus.engine.check_memory import CheckResult
from langchain_consensus.engine.choose_attention import fastest, worth_measuring
from langchain_consensus.engine.fingerprint import code_digest, device_name, model_digest
from langchain_consensus.engine.network import Network, UnsupportedArchitectureError
from langchain_consensus.engine.self_check import packing_error, tolerance

if TYPE_CHECKING:
    from langchain_consensus.engine.attention import AttentionStrategy
    from langchain_consensus.engine.check_memory import CheckMemory

__all__ = ["AttentionName", "checked_network"]

AttentionName = Literal["auto", "sdpa", "flex"]
"""How packs attend; `auto` measures on CUDA and takes SDPA elsewhere."""
_logger = logging.getLogger(__name__)


def checked_network(
    model: Any, *, token_budget: int, attention: AttentionName = "auto", memory: CheckMemory | None = None
) -> Network | None:
    """The model for packed strings, or `None`, with a warning, where the self-check says that it would not be exact.

    Args:
        model: A transformers causal language model in evaluation mode.
        token_budget: Nodes of a full forward, by which strategies of attention are compared.
        attention: Which strategy.
        memory: Where results of earlier checks are; `None` checks anew.
    """
    try:
        with torch.inference_mode():
            network = Network(model)
            found = _checked(network, token_budget, attention, memory)
    except UnsupportedArchitectureError as unsupported:
        reason = str(unsupported)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError, AssertionError) as failure:
        reason = f"{type(failure).__name__}: {failure}"
    else:
        if found.error <= tolerance(network.dtype):
            return network
        reason = f"packed scores differ from single ones by {found.error:.2g} nats"
    _logger.warning(
        "%s cannot run packed strings exactly (%s); it is run in plain padded batches, several times slower.",
        type(model).__name__,
        reason,
    )
    return None


def _checked(network: Network, token_budget: int, attention: AttentionName, memory: CheckMemory | None) -> CheckResult:
    """Sets the network's attention and says how far packed scores are from single ones; asks the memory first."""
    of = () if memory is None else _what(network, token_budget, attention)
    known = memory.recall(*of) if memory is not None else None
    if known is not None:
        network.attention = _strategy(known.attention)
        return known
    network.attention = _strategy("flex" if attention == "flex" else "sdpa")
    error = packing_error(network)
    exact = error <= tolerance(network.dtype)
    if exact and attention == "auto" and worth_measuring(network, token_budget=token_budget):
        strategies = [network.attention, _strategy("flex")]
        network.attention = fastest(network, strategies, token_budget=token_budget)
    found = CheckResult(error=error, attention=network.attention.name)
    if exact and memory is not None:
        memory.remember(found, *of)
    return found


def _what(network: Network, token_budget: int, attention: AttentionName) -> tuple[str, ...]:
    """Everything that a result depends on."""
    place = f"{device_name(network.device)} {network.dtype}"
    return model_digest(network.model), code_digest(), place, f"{attention} {token_budget}"


def _strategy(name: str) -> AttentionStrategy:
    if name == "flex":
        from langchain_consensus.engine.flex_attention import FlexAttention

        return FlexAttention()
    return MaskedAttention()
