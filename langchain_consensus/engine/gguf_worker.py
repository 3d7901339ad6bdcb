"""The process that `gguf.convert_file` starts: one GGUF file in, one transformers folder out. Never imported elsewhere.

The weights are stored as float32. A dequantised value is a scale times a small integer, which neither float16 nor
bfloat16 holds exactly, and scores on a CPU are to be exact; on a GPU another dtype is chosen when the folder is loaded.
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
from pathlib import Path
from typing import Any

__all__ = ["main"]

# Loading maps the files into memory and copies nothing, however many they are. Where files cannot be mapped, a second
# copy of one of them exists at a time, so that small ones keep the peak low.
_SHARD_SIZE = "1GB"
_FLOAT32_BYTES = 4


def main(source: str, target: str) -> int:
    """The exit status, 0, after `target` holds the model; errors leave as a traceback, whose last line is shown.

    Args:
        source: The GGUF file.
        target: An existing folder.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _speed_up_reader()
    _check_space(source, Path(target))
    _convert(Path(source), Path(target))
    return 0


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the parent closes the pipe, by will or by dying
    os._exit(1)


def _speed_up_reader() -> None:
    """Parse the file once instead of three times, and without the overhead of `numpy.memmap` for every number.

    transformers looks these names up in `gguf` whenever it loads a file; if it stops doing so, it is only slower.
    Measured on 1.5 billion weights: 33 s instead of 75 s.
    """
    import gguf
    import numpy as np

    class Reader(gguf.GGUFReader):
        def _get(self, *args: Any, **kwargs: Any) -> Any:
            plain: Any = self.data.view(np.ndarray)
            self.data = plain
            return super()._get(*args, **kwargs)

    names: Any = gguf
    names.GGUFReader = functools.cache(Reader)
    names.get_tensor_name_map = functools.cache(gguf.get_tensor_name_map)


def _check_space(source: str, target: Path) -> None:
    import gguf

    needed = sum(int(tensor.n_elements) for tensor in gguf.GGUFReader(source).tensors) * _FLOAT32_BYTES
    free = shutil.disk_usage(target).free
    if free < needed:
        msg = f"the disk of {target.parent} is too full: {needed:,} bytes are needed and {free:,} are free"
        raise OSError(msg)


def _convert(source: Path, target: Path) -> None:
    import torch
    import transformers

    place: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True}
    tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, **place)
    tokenizer.save_pretrained(target)
    if hasattr(transformers, "GgufConfig"):  # newer releases keep some architectures packed unless told otherwise
        place["quantization_config"] = transformers.GgufConfig(dequantize=True)
    loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
        source.parent, dtype=torch.float32, output_loading_info=True, **place
    )
    model, report = loaded
    if report["missing_keys"]:
        # transformers would fill these with random numbers and go on.
        msg = f"the file lacks weights that its architecture needs: {sorted(report['missing_keys'])[:4]}"
        raise ValueError(msg)
    _forget_quantization(model)
    model.save_pretrained(target, max_shard_size=_SHARD_SIZE)


def _forget_quantization(model: Any) -> None:
    """Make transformers save a model that it marked as quantised, whose weights are plain float32 by now."""
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
