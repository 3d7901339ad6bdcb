"""A data folder in, searches out: queries with their retriever's best documents, scores and judgements.

The folder holds `docs.jsonl` (`id`, `title`, `text`), `{split}.jsonl` (`id`, `question`, `candidates`: document ids,
best first) and `{split}_qrels.jsonl` (`query_id`, `doc_id`, `relevance`).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Bm25", "Found", "Search", "read_searches"]

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
        "this to was will with",
    )
)
"""Lucene's English stop words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A document that the retriever found: its id, its text (title first) and its BM25 score."""

    id: str
    text: str
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A query, what was found for it (best first), and which documents are relevant, found or not."""

    id: str
    query: str
    found: tuple[Found, ...]
    relevant: frozenset[str]


class Bm25:
    """BM25 as Lucene has it, over lower-case words of letters and digits, without stemming."""

    def __init__(self, texts: Mapping[str, str], *, k1: float = 1.2, b: float = 0.75) -> None:
        """Counts the words of `texts`, document texts by id."""
        self._counts = {name: Counter(_words(text)) for name, text in texts.items()}
        self._lengths = {name: counts.total() for name, counts in self._counts.items()}
        self._mean = sum(self._lengths.values()) / len(self._lengths)
        self._containing = Counter(word for counts in self._counts.values() for word in counts)
        self._k1, self._b = k1, b

    def score(self, query: str, name: str) -> float:
        """The score of the document called `name`."""
        counts = self._counts[name]
        scale = self._k1 * (1 - self._b + self._b * self._lengths[name] / self._mean)
        return sum(
            self._rarity(word) * counts[word] * (self._k1 + 1) / (counts[word] + scale)
            for word in _words(query)
            if word in counts
        )

    def _rarity(self, word: str) -> float:
        containing = self._containing[word]
        return math.log(1 + (len(self._counts) - containing + 0.5) / (containing + 0.5))


def read_searches(data: Path, *, split: str, limit: int, top: int) -> list[Search]:
    """The first `limit` searches of a split, each with its `top` best documents."""
    documents = {row["id"]: f"{row['title']}\n{row['text']}" for row in _rows(data / "docs.jsonl")}
    relevant: dict[str, set[str]] = {}
    for row in _rows(data / f"{split}_qrels.jsonl"):
        if row["relevance"] > 0:
            relevant.setdefault(row["query_id"], set()).add(row["doc_id"])
    bm25 = Bm25(documents)
    return [
        Search(
            id=row["id"],
            query=row["question"],
            found=_found(bm25, documents, row["question"], row["candidates"][:top]),
            relevant=frozenset(relevant[row["id"]]),
        )
        for row, _ in zip(_rows(data / f"{split}.jsonl"), range(limit), strict=False)
    ]


def _found(bm25: Bm25, documents: Mapping[str, str], query: str, names: Sequence[str]) -> tuple[Found, ...]:
    return tuple(Found(id=name, text=documents[name], score=bm25.score(query, name)) for name in names)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in _STOP_WORDS]
