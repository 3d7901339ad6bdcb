"""Files from and for strangers: read up to a limit, parsed without surprises, written whole or not at all.

What is read is text and numbers, never code; the limits keep a file that is too large, endless (a device), or packed to
be (gzip) from filling the memory. Errors are `InvalidInputError`s that name the file.
"""

from __future__ import annotations

import gzip
import json
import os
import uuid
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = [
    "MOST_BYTES",
    "MOST_SETTINGS_BYTES",
    "check_format",
    "json_of",
    "read_bytes",
    "unpacked_bytes",
    "write_whole",
]

MOST_BYTES = 2**30
"""Largest file of items or results that is read, unpacked: 1 GiB."""
MOST_SETTINGS_BYTES = 2**24
"""Largest file of settings that is read: 16 MiB."""


def read_bytes(path: Path, *, what: str, most: int = MOST_BYTES) -> bytes:
    """What is in a file.

    Args:
        path: The file.
        what: What it must be, for messages: "`--input` must be a JSONL file".
        most: Bytes that it may hold.

    Raises:
        InvalidInputError: If it cannot be read, or holds more.
    """
    return _read(path.open, path, what, most)


def unpacked_bytes(path: Path, *, what: str, most: int = MOST_BYTES) -> bytes:
    """What is in a file that gzip has packed, as `read_bytes`; no more than `most` bytes of it are unpacked."""
    return _read(partial(gzip.open, path), path, what, most)


def _read(opened: Callable[[str], Any], path: Path, what: str, most: int) -> bytes:
    try:
        with opened("rb") as file:
            data: bytes = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{path}: cannot be read ({reason}); {what}."
        raise InvalidInputError(msg) from error
    if len(data) > most:
        msg = f"{path}: holds more than {most:,} bytes, the most that is read; {what}. Split it."
        raise InvalidInputError(msg)
    return data


def json_of(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: If it is none, not in UTF-8, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        msg = "nested too deeply"
        raise ValueError(msg) from error


def check_format(found: object, known: int, *, where: str, remedy: str) -> None:
    """Checks that a file was written in the format that this release reads.

    Args:
        found: The number that the file holds.
        known: The number that this release writes.
        where: The file.
        remedy: What to do with a file that is older, as a sentence.

    Raises:
        InvalidInputError: If it is another; the message says which way round.
    """
    if found == known and not isinstance(found, bool):
        return
    newer = isinstance(found, int) and found > known
    does = "Update langchain-consensus." if newer else remedy
    msg = f"{where}: is written in format {found!r:.20}, and this release reads format {known}. {does}"
    raise InvalidInputError(msg)


def write_whole(path: Path, text: str) -> None:
    """Writes a file that is there whole or not at all, also after a crash: a neighbour takes its place.

    Args:
        path: The file; what it held is replaced.
        text: What it will hold, in UTF-8.

    Raises:
        OSError: If it cannot be written; what it held before is still there.
    """
    neighbour = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with neighbour.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        neighbour.replace(path)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise
