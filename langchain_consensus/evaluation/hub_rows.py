"""The rows of the hub's data sets, in their own schemas, as plain objects of `Row`. One function a schema.

Where the right answer is always first in the source, the choices are put into a fixed pseudo-random order, so that a
tie does not count as knowledge.
"""

from __future__ import annotations

import hashlib
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Reader = Callable[[Mapping[str, Any], str], dict[str, Any]]

__all__ = ["READERS"]

_MARKS = re.compile(r"\[.*?\]")


def _labelled(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    """ARC, OpenBookQA and CommonsenseQA: `choices` with `text` and `label`, `answerKey` a label."""
    return {
        "id": row.get("id") or number,
        "question": row.get("question") or row["question_stem"],
        "choices": list(row["choices"]["text"]),
        "answer_index": list(row["choices"]["label"]).index(row["answerKey"]),
        "subject": row.get("question_concept"),
    }


def _mmlu(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    return {
        "id": number,
        "question": row["question"].strip(),
        "choices": [str(choice) for choice in row["choices"]],
        "answer_index": row["answer"],
        "subject": row["subject"],
    }


def _race(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    # An article has several questions, and they share its `example_id`.
    return {
        "id": number,
        "question": row["question"],
        "context": row["article"],
        "choices": list(row["options"]),
        "answer_index": "ABCD".index(row["answer"]),
    }


def _hhh(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    targets = row["targets"]
    right = targets["choices"][list(targets["labels"]).index(1)]
    return {"id": number, "question": row["input"], **_mixed(number, targets["choices"], right)}


def _truthfulqa_choices(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    targets = row["mc1_targets"]
    right = targets["choices"][list(targets["labels"]).index(1)]
    return {"id": number, "question": row["question"], **_mixed(number, targets["choices"], right)}


def _truthfulqa_open(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    return {
        "id": number,
        "question": row["question"],
        "answers": [text for text in row["correct_answers"] if text],
        "incorrect_answers": [text for text in row["incorrect_answers"] if text],
        "subject": row["category"],
    }


def _gsm8k(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    rationale, _, answer = row["answer"].rpartition("####")
    return {
        "id": number,
        "question": row["question"],
        "answers": [answer.strip().replace(",", "")],
        "rationale": rationale.strip(),
    }


def _boolq(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    return {
        "id": number,
        "question": row["question"],
        "context": row["passage"],
        "choices": ["no", "yes"],
        "answer_index": int(row["answer"]),
    }


def _hellaswag(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    begun = f"{row['ctx_a']} {row['ctx_b'].capitalize()}" if row["ctx_b"] else row["ctx_a"]
    return {
        "id": number,
        "question": f"{row['activity_label']}: {_unmarked(begun)}",
        "choices": [_unmarked(ending) for ending in row["endings"]],
        "answer_index": int(row["label"]),
        "subject": row["activity_label"],
    }


def _nq_open(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    return {"id": number, "question": row["question"], "answers": list(dict.fromkeys(row["answer"]))}


def _triviaqa(row: Mapping[str, Any], number: str) -> dict[str, Any]:
    answer = row["answer"]
    names = [answer["value"], *answer["aliases"]]
    return {
        "id": row.get("question_id") or number,
        "question": row["question"],
        "answers": [name for name in dict.fromkeys(names) if name],
    }


READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "labelled": _labelled,
        "mmlu": _mmlu,
        "race": _race,
        "hhh": _hhh,
        "truthfulqa_choices": _truthfulqa_choices,
        "truthfulqa_open": _truthfulqa_open,
        "gsm8k": _gsm8k,
        "boolq": _boolq,
        "hellaswag": _hellaswag,
        "nq_open": _nq_open,
        "triviaqa": _triviaqa,
    }
)
"""The readers by the names that `HubSource.reader` uses; each takes a row and the id for rows that have none."""


def _mixed(number: str, choices: Sequence[str], right: str) -> dict[str, Any]:
    """The choices in an order that depends on the item's id and their text alone."""
    order = sorted(choices, key=lambda choice: hashlib.sha256(f"{number}\0{choice}".encode()).digest())
    return {"choices": order, "answer_index": order.index(right)}


def _unmarked(text: str) -> str:
    """The text without bracket marks such as [header], as is usual for HellaSwag."""
    return " ".join(_MARKS.sub("", text.replace(" [title]", ". ")).split())
