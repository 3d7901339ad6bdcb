"""Stored scores in, one order of the documents for each method out. No model is needed.

All methods read the same log-probabilities; where a method gives two documents the same score, the retriever's order
decides.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.documents.prior import standardised_scores
from langchain_consensus.game import ConsensusGame, Correctness, LogTimeFlow, solve, with_prior

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["PRIORS", "Scored", "orders", "read_scored", "with_weight"]

PRIORS = ("rank", "score")
"""What the prior is made of: the retriever's order, or its scores."""
_C, _I = Correctness.CORRECT, Correctness.INCORRECT


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scored:
    """A search with its views.

    Attributes:
        documents: `[N]` ids, in the retriever's order.
        relevant: Ids of all relevant documents, found or not.
        retriever: `[N]` the retriever's scores.
        generator: `[V, N]` log P(query given passage, condition), averaged over tokens.
        discriminator: `[V, N]` log-probabilities of the verdict words.
    """

    id: str
    documents: tuple[str, ...]
    relevant: frozenset[str]
    retriever: FloatArray
    generator: FloatArray
    discriminator: FloatArray

    def prior(self, kind: str) -> FloatArray:
        """`[N]` the retriever's view, standardised; `kind` is one of `PRIORS`."""
        if kind == "rank":
            return np.array(standardised_scores([-math.log1p(place) for place in range(len(self.documents))]))
        return np.array(standardised_scores(self.retriever.tolist()))


def read_scored(path: Path) -> list[Scored]:
    """What `scoring` wrote."""
    return [_scored(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def orders(searches: Sequence[Scored], *, prior: str, weight: float) -> dict[str, list[list[str]]]:
    """For each method the documents of each search, best first.

    Args:
        searches: At least one.
        prior: One of `PRIORS`.
        weight: How much it counts; see `game.with_prior`.
    """
    plain = ConsensusGame.from_log_scores(
        generator=[one.generator for one in searches], discriminator=[one.discriminator for one in searches]
    )
    scores: dict[str, list[FloatArray]] = {
        "retriever": [-np.arange(len(one.documents), dtype=np.float64) for one in searches],
        "verdict": [one.discriminator[_C] - one.discriminator[_I] for one in searches],
        "query likelihood": [one.generator[_C] for one in searches],
    }
    games = {"game": plain, f"game, prior {prior} x {weight:g}": with_weight(plain, searches, prior, weight)}
    for name, game in games.items():
        solution = solve(game, LogTimeFlow())
        for rule, policies in (("ER-D", solution.discriminator_policy), ("ER-G", solution.generator_policy)):
            scores[f"{name}, {rule}"] = [_logodds(policies[i], rule) for i in range(len(searches))]
        anchors = game.generator_anchor[:, _C] * game.discriminator_anchor[:, _C]
        scores[f"{name}, MI*"] = list(anchors)
    return {
        name: [_order(one.documents, values) for one, values in zip(searches, found, strict=True)]
        for name, found in scores.items()
    }


def with_weight(game: ConsensusGame, searches: Sequence[Scored], prior: str, weight: float) -> ConsensusGame:
    """The games with the retriever's view as a prior."""
    return with_prior(game, [one.prior(prior) for one in searches], weight=weight)


def _logodds(policy: FloatArray, rule: str) -> FloatArray:
    """Ordered as the policy; of the discriminator's, the log-odds, which do not round to 1."""
    with np.errstate(divide="ignore"):
        logs = np.log(policy)
    return np.asarray(logs[_C] - logs[_I] if rule == "ER-D" else logs[_C])


def _order(documents: Sequence[str], values: FloatArray) -> list[str]:
    size = len(documents)
    return [documents[place] for place in np.argsort(-values[:size], kind="stable")]


def _scored(record: Mapping[str, Any]) -> Scored:
    documents = record["documents"]
    names = [v.name.lower() for v in Correctness]
    return Scored(
        id=record["id"],
        documents=tuple(one["id"] for one in documents),
        relevant=frozenset(record["relevant"]),
        retriever=np.array([one["bm25"] for one in documents]),
        generator=np.array([[one["generator"][v] / one["generator"]["tokens"] for one in documents] for v in names]),
        discriminator=np.array([[one["discriminator"][v] for one in documents] for v in names]),
    )
