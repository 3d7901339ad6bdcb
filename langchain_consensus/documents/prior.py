"""What a retriever thinks of its documents: their order or its scores go in, standardised numbers come out.

Scores of different retrievers have no common scale (BM25, cosines, log-odds), so each query's are brought to mean 0 and
standard deviation 1 over its documents. The order counts as -log(1 + position), the discount of reciprocal ranks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from langchain_core.documents import Document

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RANK", "standardised", "standardised_scores"]

RANK = "rank"
"""The prior that is the order of the documents; any other name is a metadata field."""


def standardised(documents: Sequence[str | Document], prior: str) -> list[float]:
    """`[N]` the retriever's view of the documents, mean 0 and standard deviation 1; zeros where all are alike.

    Raises:
        InvalidInputError: A document has no finite number in the metadata field.
    """
    if prior == RANK:
        scores = [-math.log1p(position) for position in range(len(documents))]
    else:
        scores = [_score(document, prior, index) for index, document in enumerate(documents)]
    return standardised_scores(scores)


def standardised_scores(scores: Sequence[float]) -> list[float]:
    """Finite numbers brought to mean 0 and standard deviation 1; zeros where all are alike."""
    values = np.array(scores)
    spread = float(values.std())
    return [0.0] * len(scores) if spread == 0 else [float(value) for value in (values - values.mean()) / spread]


def _score(document: str | Document, key: str, index: int) -> float:
    score = document.metadata.get(key) if isinstance(document, Document) else None
    if isinstance(score, int | float | np.number) and not isinstance(score, bool) and math.isfinite(score):
        return float(score)
    msg = (
        f"`prior` is {key!r}, and `metadata[{key!r}]` of `documents[{index}]` is {score!r}; it must be the retriever's "
        f"score, a finite number. Let the retriever write it, or use `prior={RANK!r}`."
    )
    raise InvalidInputError(msg)
