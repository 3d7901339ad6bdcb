"""What a loaded model and this engine are, in a few hexadecimal digits: they change whenever a result could."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

__all__ = ["code_digest", "device_name", "model_digest"]

_SAMPLE = 32
"""Elements of each weight that are read; all of them would take seconds."""


@cache
def code_digest() -> str:
    """Digest of this package's engine, every module of it."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def model_digest(model: Any) -> str:
    """Digest of a model's configuration, its own code, the shape, dtype, device and first elements of each weight.

    A weight that differs from another model's only further in has the same digest.
    """
    found = hashlib.sha256()
    settings = {key: value for key, value in model.config.to_dict().items() if key != "transformers_version"}
    found.update(json.dumps(settings, sort_keys=True, default=str).encode())
    found.update(str(getattr(model.config, "_attn_implementation", "")).encode())
    code = getattr(sys.modules.get(type(model).__module__), "__file__", None)
    if code is not None and Path(code).is_file():
        found.update(Path(code).read_bytes())
    for name, weight in model.state_dict().items():
        found.update(f"{name} {tuple(weight.shape)} {weight.dtype} {weight.device}".encode())
        if weight.device.type != "meta" and weight.numel():
            first = weight.detach().reshape(-1)[:_SAMPLE].contiguous().cpu()
            found.update(first.view(torch.uint8).numpy().tobytes())
    found.update(f"torch {torch.__version__}, transformers {version('transformers')}".encode())
    return found.hexdigest()[:16]


def device_name(device: torch.device) -> str:
    """The accelerator's own name, such as `NVIDIA H100`, or the kind of device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
