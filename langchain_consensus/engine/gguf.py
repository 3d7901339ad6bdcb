"""A GGUF file in, a plain transformers folder (safetensors, config, tokenizer) out.

The conversion runs in a process of its own (`gguf_worker`): its memory goes back to the system when it ends, running
out of memory ends it alone, and transformers can be made quiet, offline and quicker there without a trace in the
caller's process. This module imports neither torch nor transformers, and knows nothing of data packages.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from langchain_consensus.dependencies import require
from langchain_consensus.engine.model_cache import CACHE_FORMAT, build_once, cache_folder
from langchain_consensus.errors import InvalidInputError, ModelLoadError
from langchain_consensus.files import write_whole

__all__ = ["convert_file", "convert_gguf", "digest_of"]

_WORKER = "import sys; from langchain_consensus.engine.gguf_worker import main; sys.exit(main(*sys.argv[1:]))"
_logger = logging.getLogger(__name__)


def convert_gguf(path: str | Path, *, cache_dir: str | Path | None = None) -> Path:
    """The folder with the converted model of a GGUF file; the first call converts it, later ones return at once.

    The folder is named after the SHA-256 of the file. The hash is remembered for the file's path, size and time of
    modification, so that an unchanged file is read once only.

    Args:
        path: A GGUF file of an architecture that transformers reads; it is left as it is.
        cache_dir: Where converted models are kept; the user's cache folder by default.

    Raises:
        InvalidInputError: `path` is not a GGUF file.
        MissingDependencyError: torch, transformers or gguf is not installed.
        ModelLoadError: The conversion failed, or the disk is full.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file() or not _is_gguf(file):
        msg = f"`path` = {str(path)!r} is not a GGUF file. Pass the path of one file that starts with the bytes GGUF."
        raise InvalidInputError(msg)
    cache = cache_folder(cache_dir)
    digest = _remembered_digest(file, cache)

    def build(workspace: Path) -> dict[str, object]:
        convert_file(file, workspace, what=file.name)
        return facts_of(file.name, digest)

    folder = cache / f"{file.stem}-{digest[:12]}-v{CACHE_FORMAT}"
    return build_once(folder, build, bytes_needed=0, what=file.name)


def convert_file(source: Path, target: Path, *, what: str) -> None:
    """Write the model of a GGUF file into an existing folder, in a process of its own, with nothing cached.

    Args:
        source: The GGUF file.
        target: Where the files go.
        what: The model, for messages.

    Raises:
        MissingDependencyError: torch, transformers or gguf is not installed.
        ModelLoadError: The process failed or was killed.
    """
    require("local", "torch", "transformers", "accelerate", "gguf")
    _logger.info("Converting %s for transformers, once; this takes a minute for a model of two billion weights.", what)
    started = time.monotonic()
    with tempfile.TemporaryFile() as log:
        # The worker ends when its standard input does, that is with this process, even if that is killed.
        with subprocess.Popen(  # noqa: S603 - our own interpreter and module; the arguments are paths
            [sys.executable, "-P", "-c", _WORKER, str(source), str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=_worker_environment(),
        ) as worker:
            status = worker.wait()
        log.seek(0)
        lines = log.read().decode("utf-8", "replace").strip().splitlines()
    if status != 0:
        raise ModelLoadError(_failure(what, status, lines[-1] if lines else ""))
    _logger.info("Converted %s in %.0f s.", what, time.monotonic() - started)


def facts_of(name: str, digest: str) -> dict[str, object]:
    """What the manifest of a converted folder records: the source and the versions that converted it.

    Args:
        name: The model or file.
        digest: SHA-256 of the GGUF file, in hexadecimal.
    """
    versions = {package: version(package) for package in ("gguf", "torch", "transformers")}
    return {"source": {"name": name, "sha256": digest}, "versions": versions}


def digest_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in pieces.

    Args:
        path: The file.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_gguf(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == b"GGUF"


def _worker_environment() -> dict[str, str]:
    quiet = {"TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    # The worker sees the packages that this process sees, also those on a path that was added by hand.
    path = {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    return {**os.environ, **quiet, **offline, **path}


def _failure(what: str, status: int, last_line: str) -> str:
    if status < 0:
        return (
            f"{what} was not converted: the system killed the conversion (signal {-status}), most likely because "
            "memory ran out. It needs 4 bytes a weight and 2 GB more. Close other programs or use a smaller model."
        )
    if "too full" in last_line or "No space left" in last_line:
        return f"{what} was not converted: {last_line}. Free some space or pass another `cache_dir`."
    return (
        f"{what} was not converted: {last_line or f'the conversion ended with status {status}'}. If transformers does "
        "not read this kind of GGUF file, use the model's safetensors files."
    )


def _remembered_digest(file: Path, cache: Path) -> str:
    stat = file.stat()
    # A copy can set the time of modification back; the time at which the entry changed moves with the clock alone.
    fingerprint = [str(file), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
    note = cache / "digests" / f"{hashlib.sha256(str(file).encode()).hexdigest()[:24]}.json"
    try:
        known = json.loads(note.read_text("utf-8"))
        if known["fingerprint"] == fingerprint:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # no note, or one that a killed process left half written: hash the file again
    digest = digest_of(file)
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps({"fingerprint": fingerprint, "sha256": digest}))
    except OSError as error:
        _logger.debug("The hash of %s was not remembered: %s", file, error)
    return digest
