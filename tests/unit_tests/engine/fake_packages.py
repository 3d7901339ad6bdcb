"""Tiny stand-ins for the data packages: a GGUF file cut into installed pieces, also for the processes of a test."""

import base64
import hashlib
import sys
import time
from pathlib import Path
from types import MappingProxyType

import gguf
import numpy as np

from langchain_consensus.engine import embedded
from langchain_consensus.engine.embedded import EmbeddedModel

PIECES = 3
WIDTH = 32


def tiny_tensors() -> dict[str, np.ndarray]:
    """The weights of a qwen2 model with one layer, under their GGUF names."""
    random = np.random.default_rng(0)
    shapes = {
        "token_embd.weight": (len(tiny_tokens()), WIDTH),
        "output_norm.weight": (WIDTH,),
        "blk.0.attn_norm.weight": (WIDTH,),
        "blk.0.ffn_norm.weight": (WIDTH,),
        "blk.0.attn_q.weight": (WIDTH, WIDTH),
        "blk.0.attn_q.bias": (WIDTH,),
        "blk.0.attn_k.weight": (WIDTH // 2, WIDTH),
        "blk.0.attn_k.bias": (WIDTH // 2,),
        "blk.0.attn_v.weight": (WIDTH // 2, WIDTH),
        "blk.0.attn_v.bias": (WIDTH // 2,),
        "blk.0.attn_output.weight": (WIDTH, WIDTH),
        "blk.0.ffn_gate.weight": (2 * WIDTH, WIDTH),
        "blk.0.ffn_up.weight": (2 * WIDTH, WIDTH),
        "blk.0.ffn_down.weight": (WIDTH, 2 * WIDTH),
    }
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def tiny_tokens() -> list[str]:
    """All bytes as byte-level BPE spells them, one merge, and two special tokens."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    alphabet = [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
    return [*alphabet, "ab", "<|endoftext|>", "<|im_end|>"]


def write_gguf(path: Path, tensors: dict[str, np.ndarray], *, quantized: str = "") -> None:
    """A GGUF file of these weights, one of which may be stored as Q8_0."""
    tokens = tiny_tokens()
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_context_length(64)
    writer.add_block_count(1)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([*[gguf.TokenType.NORMAL] * 257, *[gguf.TokenType.CONTROL] * 2])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(258)
    writer.add_pad_token_id(257)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}")
    for name, tensor in tensors.items():
        if name == quantized:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def install(site: Path, content: bytes) -> EmbeddedModel:
    """Install `content` in pieces under `site`, as pip would, and describe it."""
    cut = len(content) // PIECES + 1
    for part in range(1, PIECES + 1):
        name, data = f"tiny_part{part}", content[(part - 1) * cut : part * cut]
        (site / name / "data").mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise AssertionError('data packages are never imported')")
        (site / name / "data" / f"{part:02d}.bin").write_bytes(data)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny-part{part}\nVersion: 1.0\n")
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        (info / "RECORD").write_text(f"{name}/data/{part:02d}.bin,sha256={digest},{len(data)}\n")
    return describe(content)


def describe(content: bytes) -> EmbeddedModel:
    """The table's line for pieces that `install` wrote."""
    return EmbeddedModel(
        name="tiny",
        packages=tuple(f"tiny-part{part}==1.0" for part in range(1, PIECES + 1)),
        file_pattern="tiny_part{part}/data/{part:02d}.bin",
        size_bytes=len(content),
        cache_bytes=1000,
        sha256=hashlib.sha256(content).hexdigest(),
        licence="none",
        is_chat=False,
        context=512,
        pip_extra="embedded-small",
    )


def prepare_here(site: str, cache: str, content: str, hang: str) -> None:
    """What a process of a test runs: `prepare`, with a conversion that takes half a second, or that never ends."""

    def convert(source: Path, target: Path, *, what: str) -> None:
        with (Path(cache).parent / "conversions").open("a") as log:
            log.write("one\n")
        (target / "model.safetensors").write_bytes(source.read_bytes())
        time.sleep(3600 if hang else 0.5)
        (target / "config.json").write_text("{}")

    sys.path.insert(0, site)
    embedded.EMBEDDED_MODELS = MappingProxyType({"tiny": describe(content.encode())})
    embedded.convert_file = convert
    print(embedded.prepare("tiny", cache_dir=cache))
    assert "torch" not in sys.modules
    assert "transformers" not in sys.modules
