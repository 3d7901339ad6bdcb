"""Files of results that survive an interruption: each line is written whole, and what is there is not done again.

Beside `OUT.jsonl` stands `OUT.jsonl.meta.json` with the settings that made it, so that no file ever holds results of
two different runs; a lock keeps a second process out while one writes. A last line without its newline was torn by an
interruption; it is dropped and written anew.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from langchain_consensus.cli.pipeline import shortened
from langchain_consensus.cli.records import as_line
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.stored import RESULTS_FORMAT
from langchain_consensus.files import MOST_SETTINGS_BYTES, check_format, json_of, read_bytes, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import FileIO
    from pathlib import Path

__all__ = ["OutputFile", "Recorded", "meta_path"]

_FRESH = "give another --output, or delete the file to begin anew."


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What a file says about how it is made.

    Attributes:
        settings: What decides the results; a file is only continued with the same ones.
        notes: What is good to know, and may differ from one run to the next.
    """

    settings: Mapping[str, Any]
    notes: Mapping[str, Any]


class OutputFile:
    """A file of results, open for the ones that are missing; a context manager."""

    def __init__(self, path: Path, recorded: Recorded) -> None:
        """Opens the file, after reading what is in it.

        Args:
            path: The file; it need not exist.
            recorded: How the results of this run are made.

        Raises:
            InvalidInputError: If the file cannot be opened, was made in another way, is no file of results, or another
                process is writing to it.
        """
        self.path = path
        if path.exists() and not path.is_file():
            msg = f"{path}: is no regular file; leave --output out to write to stdout."
            raise InvalidInputError(msg)
        try:
            self._file = _locked(path)
        except OSError as error:
            msg = f"{path}: cannot be written ({error.strerror}); give an --output in a folder that you may write to."
            raise InvalidInputError(msg) from error
        try:
            self.written = self._begin(recorded)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, recorded: Recorded) -> dict[str, dict[str, Any]]:
        """What is written already; a line that was torn is cut off."""
        path = self.path
        data = read_bytes(path, what="it must be a file of results")
        whole = data[: data.rfind(b"\n") + 1]
        if data:
            _check_same(path, recorded.settings)
        written = _records(path, whole)
        try:
            if not data:
                _write_meta(path, recorded)
            if len(whole) < len(data):
                os.truncate(path, len(whole))
        except OSError as error:
            msg = f"{path}: cannot be written ({error.strerror}); give an --output in a folder that you may write to."
            raise InvalidInputError(msg) from error
        return written

    def write(self, record: Mapping[str, Any]) -> None:
        """Appends a record that is not there yet."""
        line = memoryview(as_line(record))
        while line:
            line = line[self._file.write(line) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()


def _locked(path: Path) -> FileIO:
    """The file, open for appending, for this process alone; the system frees it when the process ends, however it does.

    On Windows, and on file systems that have no locks, it is not kept from others.
    """
    file = path.open("ab", buffering=0)
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            msg = f"{path}: another process is writing to it; wait for it, or give another --output."
            raise InvalidInputError(msg) from error
        except OSError:
            pass
    return file


def meta_path(path: Path) -> Path:
    """Where the settings of the results at `path` are kept."""
    return path.with_name(f"{path.name}.meta.json")


def _check_same(path: Path, settings: Mapping[str, Any]) -> None:
    meta = meta_path(path)
    if not meta.exists():
        msg = f"{path}: exists, and there is no {meta.name} that says how it was made; {_FRESH}"
        raise InvalidInputError(msg)
    try:
        found = json_of(read_bytes(meta, what="it lies beside a file of results", most=MOST_SETTINGS_BYTES))
        check_format(found.get("format", 1), RESULTS_FORMAT, where=str(meta), remedy=f"To go on, {_FRESH}")
        before = found["settings"]
        different = [name for name in settings if before[name] != settings[name]]
        different += [name for name in before if name not in settings]
    except InvalidInputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        msg = f"{meta}: cannot be understood, so {path.name} cannot be continued; {_FRESH}"
        raise InvalidInputError(msg) from None
    if different:
        changes = ", ".join(f"`{n}` is {shortened(settings.get(n))} and was {shortened(before[n])}" for n in different)
        msg = f"{path}: was made with other settings: {changes}. Run with the same ones, {_FRESH}"
        raise InvalidInputError(msg)


def _records(path: Path, whole: bytes) -> dict[str, dict[str, Any]]:
    records = {}
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        try:
            record = json_of(line)
            records[str(record["id"])] = record
        except (ValueError, KeyError, TypeError):
            msg = f"{path}:{number}: is no result with an `id`; {_FRESH}"
            raise InvalidInputError(msg) from None
    return records


def _write_meta(path: Path, recorded: Recorded) -> None:
    meta = {"format": RESULTS_FORMAT, "settings": recorded.settings, "notes": recorded.notes}
    write_whole(meta_path(path), json.dumps(meta, indent=1) + "\n")
