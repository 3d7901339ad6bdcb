"""What ran where: versions, machine, model; and what of it timings must have in common to be compared."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["environment", "setting_of"]

_PACKAGES = ("langchain-consensus", "torch", "transformers", "lm-eval", "numpy", "accelerate", "tokenizers")


def environment(model: Any) -> dict[str, Any]:
    """Versions, processor, threads and the command."""
    import psutil
    import torch

    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": str(getattr(model.config, "_attn_implementation", "unknown")),
    }


def setting_of(model: Any, *, name: str, wording: str, token_budget: int | None) -> dict[str, Any]:
    """What timings must have in common to be compared: model, how it is asked, machine, versions and this code.

    Args:
        model: The loaded model.
        name: Its name.
        wording: The wording of its workloads.
        token_budget: Tokens of one forward of the engine; `None` is its default.
    """
    from langchain_consensus.engine.fingerprint import code_digest, device_name, model_digest

    told = environment(model)
    same = ("python", "platform", "processor", "processors", "threads", "memory_bytes", "dtype", "attention")
    return {
        "model": name,
        "weights": model_digest(model),
        "wording": wording,
        "token_budget": token_budget,
        "engine_code": code_digest(),
        "device": device_name(model.device),
        **{key: told[key] for key in same},
        **{package: number for package, number in told["versions"].items() if number},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
