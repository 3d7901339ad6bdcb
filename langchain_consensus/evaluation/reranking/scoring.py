"""Searches in, a file of raw log-probabilities out: the only step that needs a model. It goes on where it stopped."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from langchain_consensus.documents.passages import split
from langchain_consensus.documents.relevance import Shortlist, scored
from langchain_consensus.game import Correctness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from langchain_consensus.documents.wording import RelevanceWording
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.evaluation.reranking.searches import Search

__all__ = ["score_searches"]


def score_searches(
    engine: Engine,
    wording: RelevanceWording,
    searches: Sequence[Search],
    output: Path,
    *,
    most_tokens: int,
    progress: Callable[[str], object],
) -> None:
    """Adds the missing searches to `output`, one line each; every document is cut to its first passage.

    Args:
        engine: The model.
        wording: How the views are asked.
        searches: What is to be scored.
        output: A JSONL file; searches whose id is in it are left out.
        most_tokens: How long the passage may be.
        progress: Told a line after each search.
    """
    done = set()
    if output.exists():
        done = {json.loads(line)["id"] for line in output.read_text(encoding="utf-8").splitlines()}
    for search in searches:
        if search.id in done:
            continue
        started = time.perf_counter()
        record = _scored(engine, wording, search, most_tokens) | {"seconds": time.perf_counter() - started}
        with output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        progress(f"{search.id}: {record['computed_tokens']} tokens in {record['seconds']:.1f} s")


def _scored(engine: Engine, wording: RelevanceWording, search: Search, most_tokens: int) -> dict[str, object]:
    def count(text: str) -> int:
        return len(engine.token_ids(text))

    first = tuple((split(one.text, most_tokens=most_tokens, count=count)[0],) for one in search.found)
    (found,) = scored(engine, wording, [Shortlist(query=search.query, documents=first)])
    views = found.views
    return {
        "id": search.id,
        "model": engine.name,
        "wording": wording.name,
        "most_tokens": most_tokens,
        "relevant": sorted(search.relevant),
        "documents": [
            {
                "id": one.id,
                "bm25": one.score,
                "characters": found.passages[place].end,
                "generator": {v.name.lower(): float(views.generator_logprobs[v, place]) for v in Correctness}
                | {"tokens": int(views.generator_tokens[place])},
                "discriminator": {v.name.lower(): float(views.verdict_logprobs[v, place]) for v in Correctness},
            }
            for place, one in enumerate(search.found)
        ],
        "computed_tokens": views.usage.computed_tokens,
    }
