"""Scores that are no numbers: found, and told apart from those that only shared a forward with one.

Half precision overflows on some inputs; what follows is NaN. In a packed forward a masked key has the weight zero, and
zero times NaN is NaN, so that one bad string can spoil sound ones. Minus infinity is a number here: a probability of 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from langchain_consensus.errors import NonFiniteScoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch

    from langchain_consensus.engine.forest import TokenString
    from langchain_consensus.engine.sampling import Fork

__all__ = ["are_sound", "forks_are_sound", "nonfinite", "unsound_places"]


def are_sound(values: Iterable[float]) -> bool:
    """Whether all are log-probabilities: numbers below infinity."""
    return all(value < math.inf for value in values)


def forks_are_sound(forks: Sequence[Fork]) -> bool:
    """Whether all tokens of samples have log-probabilities."""
    return all(are_sound(fork.logprobs) for fork in forks)


def unsound_places(groups: Sequence[Sequence[TokenString]], total: Mapping[TokenString, float]) -> tuple[int, ...]:
    """The indices of the groups that hold a string whose score is no number."""
    return tuple(place for place, group in enumerate(groups) if not are_sound(total[string] for string in group))


def nonfinite(places: tuple[int, ...], dtype: torch.dtype) -> NonFiniteScoreError:
    """The error that says so.

    Args:
        places: Indices of the prompts or requests in the call.
        dtype: What the model computes in.
    """
    msg = (
        f"The model returned NaN log-probabilities in {dtype} (`{places[0]}` is the first such prompt of the call, of "
        f"{len(places)}); load it with dtype='float32', or 'bfloat16', which overflows later than 'float16'."
    )
    return NonFiniteScoreError(msg, places)
