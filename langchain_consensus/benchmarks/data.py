"""The public sets as they lie in a folder: JSONL files go in, checked rows and passages come out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import json_of, read_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Claim", "claims", "rows", "sentences"]

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A claim and the abstracts that a retriever found for it, best first."""

    text: str
    passages: tuple[str, ...]


def rows(data: Path, name: str) -> list[dict[str, Any]]:
    """The rows of `data / name`, in the order of the file.

    Raises:
        InvalidInputError: If the file cannot be read, or a line of it is no JSON object.
    """
    path = data / name
    try:
        lines = read_bytes(path, what="it must be a JSONL file").decode("utf-8").split("\n")
    except (InvalidInputError, UnicodeDecodeError) as error:
        msg = f"`data` has no readable {name} ({error}); give the folder with the public sets, one folder a set."
        raise InvalidInputError(msg) from error
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json_of(line)
        except ValueError as error:
            msg = f"{path}:{number}: the line is no JSON ({error}); every line must be one JSON object."
            raise InvalidInputError(msg) from error
        if not isinstance(row, dict):
            msg = f"{path}:{number}: the line is no JSON object."
            raise InvalidInputError(msg)
        found.append(row)
    return found


def claims(data: Path) -> list[Claim]:
    """The claims of scifact with the abstracts of their candidate lists, in the order of the lists."""
    texts = {str(row["id"]): f"{row['title']} {row['text']}" for row in rows(data, "scifact/docs.jsonl")}
    return [
        Claim(
            text=row["question"].rstrip("."),
            passages=tuple(" ".join(texts[one].split()) for one in row["candidates"] if one in texts),
        )
        for row in rows(data, "scifact/dev.jsonl")
    ]


def sentences(passages: Sequence[str]) -> list[str]:
    """The distinct sentences of the passages, in order; fragments under four words are left out."""
    found = [piece.strip() for passage in passages for piece in _SENTENCE_END.split(passage)]
    return list(dict.fromkeys(piece for piece in found if len(piece.split()) > 3))
