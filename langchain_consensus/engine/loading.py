"""A model's name in, a loaded transformers model and tokenizer out.

A name is an embedded model, a folder, a GGUF file or a hub id, in this order. Weights are safetensors or GGUF; code
from model repositories is not run, unless the caller says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_consensus.dependencies import require
from langchain_consensus.engine.embedded import EMBEDDED_MODELS, prepare
from langchain_consensus.engine.gguf import convert_gguf
from langchain_consensus.errors import MissingDependencyError, ModelLoadError

__all__ = ["LoadOptions", "load_model", "load_tokenizer", "require_local", "resolve"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadOptions:
    """How a model is loaded.

    Attributes:
        dtype: A torch dtype's name such as `bfloat16`; `auto` is bfloat16 on CUDA and float32 elsewhere.
        device_map: As transformers takes it (`auto`, `cuda:0`, a mapping); `None` is the first CUDA device, or the CPU.
        revision: A branch, tag or commit on the hub.
        trust_remote_code: Runs Python from the model's repository. Leave it `False` unless you have read that code.
        cache_dir: Where converted GGUF files are kept; `None` is the user's cache folder.
    """

    dtype: str = "auto"
    device_map: str | dict[str, Any] | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    cache_dir: Path | None = None


def require_local() -> None:
    """Checks that torch and transformers are installed.

    Raises:
        MissingDependencyError: If they are not; the message holds the pip command.
    """
    require("local", "torch", "transformers")


def resolve(model_id: str, options: LoadOptions) -> str:
    """The folder or hub id that `model_id` stands for; embedded models and GGUF files are converted on first use."""
    if model_id in EMBEDDED_MODELS:
        return str(prepare(model_id, cache_dir=options.cache_dir))
    path = Path(model_id).expanduser()
    if path.suffix.lower() == ".gguf":
        return str(convert_gguf(path, cache_dir=options.cache_dir))
    if path.is_dir():
        return str(path)
    if path.is_absolute() or model_id.startswith(("./", "../", "~")) or model_id.count("/") > 1:
        msg = f"`model_id` is {model_id!r}; there is no such folder. Give a folder, a .gguf file, a hub id or one of "
        msg += f"{sorted(EMBEDDED_MODELS)}."
        raise ModelLoadError(msg)
    return model_id


def load_model(source: str, options: LoadOptions) -> Any:
    """The causal language model at `source`, in evaluation mode.

    Raises:
        MissingDependencyError: If it is quantised and the library that reads its weights is not installed.
        ModelLoadError: If it cannot be loaded, or its files lack some of its weights.
    """
    import torch
    from transformers import AutoModelForCausalLM

    on_cuda = torch.cuda.is_available()
    method = _quantisation(source, options)
    dtype = _dtype(options.dtype, on_cuda=on_cuda, quantised=bool(method))
    _logger.info("loading %s as %s%s", source, dtype, f", quantised by {method}" if method else "")
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            device_map=options.device_map or ("cuda:0" if on_cuda else "cpu"),
            revision=options.revision,
            trust_remote_code=options.trust_remote_code,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, ImportError) as error:
        if method and isinstance(error, ImportError):
            msg = f"`model_id` {source!r} is quantised by {method}, and what reads it is not installed: {error}"
            raise MissingDependencyError(msg) from error
        msg = f"`model_id` {source!r} could not be loaded: {error}"
        raise ModelLoadError(msg) from error
    model, info = loaded
    missing = sorted(info["missing_keys"])
    if missing:
        # transformers fills them with random numbers and goes on.
        msg = (
            f"`model_id` {source!r} lacks {len(missing)} of the model's weights, {missing[0]} among them; its files "
            "are incomplete, or quantised by a method that is not known here."
        )
        raise ModelLoadError(msg)
    model.train(mode=False)
    return model


def _dtype(name: str, *, on_cuda: bool, quantised: bool) -> str:
    """The dtype's name in torch; `auto` where transformers must choose what a quantised model computes in."""
    import torch

    if name == "auto":
        return "auto" if quantised else "bfloat16" if on_cuda else "float32"
    if not isinstance(getattr(torch, name, None), torch.dtype):
        msg = f"`dtype` is {name!r}; it must be 'auto' or a torch dtype's name such as 'bfloat16'."
        raise ModelLoadError(msg)
    return name


def _quantisation(source: str, options: LoadOptions) -> str:
    """The method that the model's configuration names, such as `bitsandbytes` or `gptq`; empty for plain weights."""
    from transformers import PretrainedConfig

    try:
        config, _ = PretrainedConfig.get_config_dict(source, revision=options.revision)
    except (OSError, ValueError) as error:
        msg = f"`model_id` {source!r} could not be loaded: {error}"
        raise ModelLoadError(msg) from error
    found = config.get("quantization_config") or {}
    return str(found.get("quant_method") or "an unnamed method") if found else ""


def load_tokenizer(source: str, options: LoadOptions) -> Any:
    """The tokenizer at `source`."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            source, revision=options.revision, trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError, ImportError) as error:
        msg = f"The tokenizer of `model_id` {source!r} could not be loaded: {error}"
        raise ModelLoadError(msg) from error
