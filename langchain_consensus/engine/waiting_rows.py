"""Hidden states of many forwards, until there are enough of them for one large product with the vocabulary.

A forward of 512 tokens needs the projection at some 60 to 120 of them. A product of so few rows spends much of its time
reading the weights, 671 MB for 262,144 tokens of width 640; the states themselves are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.engine.head import Head

__all__ = ["WaitingRows"]

_ENOUGH = 1536
"""Rows at which a product is as fast as it gets."""


class WaitingRows:
    """Collects rows and what is asked of them, and writes the log-probabilities where they belong."""

    def __init__(self, head: Head, logprobs: NDArray[np.float64], *, row_budget: int) -> None:
        """Starts with none.

        Args:
            head: Projects the rows.
            logprobs: Written to, in place.
            row_budget: Rows of logits held at a time.
        """
        self._head = head
        self._logprobs = logprobs
        self._row_budget = row_budget
        self._forget()

    def add(
        self, hidden: torch.Tensor, *, rows: NDArray[np.int64], targets: NDArray[np.int64], places: NDArray[np.int64]
    ) -> None:
        """Takes over what is asked of one forward; only the states in question are kept.

        Args:
            hidden: `[L, hidden]` the forward's last hidden states.
            rows: `[P]` ascending, repeats allowed.
            targets: `[P]` the tokens whose log-probability after each row is wanted.
            places: `[P]` where these belong.
        """
        distinct, local = np.unique(rows, return_inverse=True)
        self._hidden.append(hidden[torch.from_numpy(distinct).to(hidden.device)])
        self._rows.append(self._count + local)
        self._targets.append(targets)
        self._places.append(places)
        self._count += len(distinct)
        if self._count >= _ENOUGH:
            self.project()

    def project(self) -> None:
        """Computes and writes what waits."""
        if self._count:
            rows, targets = np.concatenate(self._rows), np.concatenate(self._targets)
            found = self._head.logprobs(torch.cat(self._hidden), rows, targets, row_budget=self._row_budget)
            self._logprobs[np.concatenate(self._places)] = found
        self._forget()

    def _forget(self) -> None:
        self._hidden: list[torch.Tensor] = []
        self._rows: list[NDArray[np.int64]] = []
        self._targets: list[NDArray[np.int64]] = []
        self._places: list[NDArray[np.int64]] = []
        self._count = 0
