"""Everything that was measured, written down at once: a run that was stopped goes on where it was.

The file is JSONL. Its first line is the setting (model, machine, versions, code); every further line is one entry and
names its kind. A line that was cut off by a crash is dropped. What another setting has measured is never added to.
Another format of these lines is refused; files without a number are of the first.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_consensus.benchmarks.entries import Check, Entry, Scope, Speed, Timing, Trial
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import check_format, json_of, read_bytes, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Journal"]

_E = TypeVar("_E", Scope, Trial, Speed, Check, Timing)
_KINDS: dict[str, type[Entry]] = {kind.kind: kind for kind in (Scope, Trial, Speed, Check, Timing)}
_SETTING = "setting"
_FORMAT = 1
"""Raised whenever what an entry means changes."""


class Journal:
    """The entries of one setting, in a file or only in memory."""

    def __init__(self, path: Path | None, setting: Mapping[str, Any]) -> None:
        """Opens `path`, or begins it where there is none yet; `None` keeps the entries in memory.

        Raises:
            InvalidInputError: If the file is no journal, or was measured in another setting.
        """
        self._path = path
        self._entries: list[Entry] = []
        if path is None:
            return
        # JSON's own types on both sides: a tuple is a list once it has been in the file.
        wanted = json.loads(json.dumps(dict(setting)))
        if path.exists() and path.stat().st_size:
            self._read(path, wanted)
        else:
            write_whole(path, json.dumps({"kind": _SETTING, "format": _FORMAT, **wanted}) + "\n")

    @classmethod
    @contextmanager
    def opened(cls, path: Path | None, setting: Mapping[str, Any]) -> Iterator[Journal]:
        """The journal at `path`, for this process alone.

        Raises:
            InvalidInputError: As the constructor, and if another process has it open.
        """
        if path is None:
            yield cls(None, setting)
            return
        from filelock import FileLock, Timeout

        lock = FileLock(f"{path}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            msg = f"`out` is {path}; another run is writing to it. Wait for it, or give another file."
            raise InvalidInputError(msg) from error
        try:
            yield cls(path, setting)
        finally:
            lock.release()

    def add(self, entry: Entry) -> None:
        """Keeps one entry; when this returns it is on the disk."""
        self._entries.append(entry)
        if self._path is not None:
            self._append({"kind": entry.kind, **asdict(entry)})

    def of(self, kind: type[_E], workload: str) -> list[_E]:
        """The entries of one kind and workload, in the order in which they were made."""
        return [one for one in self._entries if isinstance(one, kind) and one.workload == workload]

    def begin(self, scope: Scope) -> None:
        """Starts or goes on with a workload.

        Raises:
            InvalidInputError: If the journal holds it with other questions, methods or content.
        """
        for found in self.of(Scope, scope.workload):
            _refuse(self._path, f"`{scope.workload}` with ", asdict(found), asdict(scope))
            return
        self.add(scope)

    def _append(self, line: Mapping[str, Any]) -> None:
        assert self._path is not None
        # Unbuffered: what is left in a buffer after a failure would be written when the file is closed.
        with self._path.open("ab", buffering=0) as file:
            before = file.tell()
            rest = memoryview(json.dumps(line).encode() + b"\n")
            try:
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                # Half a line in the middle of the file would make all of it unreadable.
                os.truncate(self._path, before)
                raise

    def _read(self, path: Path, wanted: Mapping[str, Any]) -> None:
        content = read_bytes(path, what="`out` must be a journal of this command")
        whole = content[: content.rfind(b"\n") + 1]
        try:
            first, *others = [json_of(line) for line in whole.splitlines()] or [{}]
            if first.pop("kind") != _SETTING:
                raise KeyError(_SETTING)
            check_format(first.pop("format", 1), _FORMAT, where=f"`out` is {path}, which", remedy="Give a new file.")
            self._entries = [_KINDS[line.pop("kind")](**line) for line in others]
        except InvalidInputError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"`out` is {path}, which is no journal of this command ({error!r}). Give a new file."
            raise InvalidInputError(msg) from error
        _refuse(path, "", first, wanted)
        if len(whole) < len(content):
            os.truncate(path, len(whole))


def _refuse(path: Path | None, of: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Says which numbers of two settings differ, as one error."""
    differing = [
        f"{key.replace('_', ' ')} {before.get(key)!r}, now {now.get(key)!r}"
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key)
    ]
    if differing:
        msg = (
            f"`out` is {path}; it holds timings of {of}{'; '.join(differing)}. They cannot be mixed: go back to what "
            "it was, or give a new file."
        )
        raise InvalidInputError(msg)
