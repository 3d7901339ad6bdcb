"""Rankings and failures go in, the objects that the program writes come out: JSON's own types, one object a line."""

from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from langchain_consensus.ranking import Ranking
from langchain_consensus.results import ConsensusResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_consensus.cli.items import Item
    from langchain_consensus.errors import ConsensusError

__all__ = ["as_line", "item_record", "question_record", "write_line"]


def question_record(
    question: str, outcome: Ranking | ConsensusError, *, min_confidence: float | None
) -> dict[str, Any]:
    """What is written of a question from the command line: the question, then the result or the `error`."""
    if not isinstance(outcome, Ranking):
        return {"question": question, "error": str(outcome)}
    return {"question": question, **_plain(outcome, min_confidence)}


def item_record(item: Item, outcome: Ranking | ConsensusError, *, min_confidence: float | None) -> dict[str, Any]:
    """What is written of an item of a file.

    The first names are `id`, `answer`, `answer_index` (its place in the item's `choices`; `None` where the answer is
    withheld) and, where the item has one, `gold_index`; then the names of `ConsensusResult`, or `error` alone.
    """
    gold = {} if item.gold_index is None else {"gold_index": item.gold_index}
    if not isinstance(outcome, Ranking):
        return {"id": item.id, **gold, "error": str(outcome)}
    result = _plain(outcome, min_confidence)
    index = None if result["abstained"] else outcome.candidates[0].position
    return {"id": item.id, "answer": result.pop("answer"), "answer_index": index, **gold, **result}


def as_line(record: Mapping[str, Any]) -> bytes:
    """The record as one line of JSON, in UTF-8."""
    text = json.dumps(_finite(record), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def write_line(record: Mapping[str, Any]) -> None:
    """Writes the record on stdout at once."""
    sys.stdout.flush()
    sys.stdout.buffer.write(as_line(record))
    sys.stdout.buffer.flush()


def _plain(ranking: Ranking, min_confidence: float | None) -> dict[str, Any]:
    result = ConsensusResult.of(ranking)
    if min_confidence is not None and ranking.confidence < min_confidence:
        result = result.model_copy(update={"answer": None, "abstained": True})
    return result.model_dump(mode="json")


def _finite(value: Any) -> Any:
    """The value with `None` for the numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
