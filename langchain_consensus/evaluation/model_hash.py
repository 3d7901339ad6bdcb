"""Which weights a name stands for, so that results can be told apart. A model's name goes in, a hash comes out."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

from langchain_consensus.engine.embedded import EMBEDDED_MODELS

__all__ = ["model_hash"]

_WEIGHTS = ("*.safetensors", "*.gguf", "config.json", "tokenizer.json", "tokenizer.model")


def model_hash(name: str) -> str | None:
    """What identifies the weights, with the kind of the identifier in front; `None` for a model that is not here yet.

    An embedded model's or a GGUF file's SHA-256, the SHA-256 of a folder's weights, configuration and tokenizer, or the
    commit of a hub model's snapshot in the cache.
    """
    if name in EMBEDDED_MODELS:
        return f"sha256:{EMBEDDED_MODELS[name].sha256}"
    path = Path(name).expanduser()
    if path.is_file():
        return f"sha256:{_digest(path).hex()}"
    if path.is_dir():
        total = hashlib.sha256()
        for file in sorted(file for pattern in _WEIGHTS for file in path.glob(pattern)):
            total.update(file.name.encode() + b"\0" + _digest(file))
        return f"sha256:{total.hexdigest()}"
    try:
        hub: Any = import_module("huggingface_hub")
    except ImportError:
        return None
    found = hub.try_to_load_from_cache(name, "config.json") if name.count("/") <= 1 else None
    return f"commit:{Path(found).parent.name}" if isinstance(found, str) else None


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
