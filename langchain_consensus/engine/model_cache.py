"""A folder of converted models: a name and a way to build it in, a complete folder out.

A build happens in a folder beside the final one and arrives under its name in one rename, so that a process which is
killed leaves nothing that looks like a model. A manifest in the folder says which files belong to it. One lock file a
model makes a second process wait for the first. This module knows nothing of GGUF, torch or data packages.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from langchain_consensus.dependencies import require
from langchain_consensus.errors import ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["CACHE_FORMAT", "build_once", "cache_folder", "default_cache_dir", "find_damage"]

CACHE_FORMAT = 1
"""Raised whenever the layout of a converted folder changes; part of its name."""

MANIFEST = "manifest.json"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_logger = logging.getLogger(__name__)


def cache_folder(chosen: str | Path | None) -> Path:
    """Where converted models are kept: the folder that was chosen, `~` being the user's own, or the default."""
    return default_cache_dir() if chosen is None else Path(chosen).expanduser().resolve()


def default_cache_dir() -> Path:
    """The user's cache folder for converted models, for example `~/.cache/langchain-consensus/models`."""
    require("local", "platformdirs")
    from platformdirs import user_cache_path

    return user_cache_path("langchain-consensus") / "models"


def find_damage(folder: Path) -> str:
    """What is wrong with a converted folder, in words; empty if every file of its manifest has the size it had.

    The contents are not read again: a byte that flips without a change of size is not found.

    Args:
        folder: What `build_once` returned, or where it would build.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        sizes: dict[str, int] = manifest["files"]
        if manifest["format"] != CACHE_FORMAT:
            return f"its format is {manifest['format']}, not {CACHE_FORMAT}"
        for name, size in sizes.items():
            found = (folder / name).stat().st_size
            if found != size:
                return f"{name} has {found:,} bytes, not {size:,}"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except OSError as error:
        return str(error)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return f"{MANIFEST} cannot be read"
    return ""


def build_once(folder: Path, build: Callable[[Path], Mapping[str, object]], *, bytes_needed: int, what: str) -> Path:
    """`folder`, complete: at once if it is, otherwise built, by one process while the others wait.

    A damaged folder is built anew. Leftovers of builds that were killed are deleted first.

    Args:
        folder: The final place.
        build: Writes the files into the folder that it is given, and returns what the manifest shall record beside
            their sizes.
        bytes_needed: Free space that the build needs at its peak; 0 if that is not known yet.
        what: The model, for messages.

    Raises:
        ModelLoadError: The disk is too small, or the folder cannot be written.
    """
    damage = find_damage(folder)
    if not damage:
        return folder
    require("local", "filelock")
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            damage = find_damage(folder)  # another process may have built it while this one waited
            if damage:
                if folder.exists():
                    _logger.warning("The cache of %s is damaged (%s): building %s anew.", what, damage, folder)
                _build(folder, build, bytes_needed, what)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise _disk_full(folder.parent, bytes_needed, what) from error
        msg = f"{what} could not be stored in {folder.parent}: {error}. Make it writable or pass another `cache_dir`."
        raise ModelLoadError(msg) from error
    return folder


def _disk_full(folder: Path, bytes_needed: int, what: str) -> ModelLoadError:
    free = shutil.disk_usage(folder).free
    return ModelLoadError(
        f"The disk of {folder} is too full for {what}: {bytes_needed:,} bytes are needed while it is converted and "
        f"{free:,} are free. Free some space or pass another `cache_dir`."
    )


def _build(folder: Path, build: Callable[[Path], Mapping[str, object]], bytes_needed: int, what: str) -> None:
    # Only the holder of the lock makes these folders, so that every one of them was left by a process that died.
    for useless in (folder, *folder.parent.glob(f"{folder.name}.tmp-*")):
        shutil.rmtree(useless, ignore_errors=True)
    if shutil.disk_usage(folder.parent).free < bytes_needed:
        raise _disk_full(folder.parent, bytes_needed, what)
    workspace = folder.with_name(f"{folder.name}.tmp-{uuid.uuid4().hex[:8]}")
    workspace.mkdir()
    try:
        facts = build(workspace)
        _write_manifest(workspace, facts)
        workspace.replace(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _write_manifest(workspace: Path, facts: Mapping[str, object]) -> None:
    files = sorted(path for path in workspace.iterdir() if path.is_file())
    sizes = {path.name: path.stat().st_size for path in files}
    manifest = workspace / MANIFEST
    manifest.write_text(json.dumps({"format": CACHE_FORMAT, **facts, "files": sizes}, indent=1), "utf-8")
    mode = manifest.stat().st_mode
    for path in files:
        path.chmod(mode)  # safetensors makes files that only their owner may read; a shared cache is for all
    for path in (*files, manifest, workspace):
        _sync(path)


def _sync(path: Path) -> None:
    """Hand a file or folder to the disk, so that the rename cannot outlive the contents in a power cut."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle to a folder
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
