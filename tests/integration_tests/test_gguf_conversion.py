"""A tiny GGUF file through the real conversion, in its own process, with the real torch and transformers."""

import json

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from langchain_consensus.engine import embedded
from langchain_consensus.engine.embedded import prepare
from langchain_consensus.engine.gguf import convert_gguf
from langchain_consensus.errors import ModelLoadError
from tests.unit_tests.engine.fake_packages import install, tiny_tensors, write_gguf


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_a_tiny_model_survives_the_real_conversion_to_the_last_bit(tmp_path, cache, monkeypatch):
    tensors, quantized = tiny_tensors(), "blk.0.ffn_up.weight"
    write_gguf(tmp_path / "tiny.gguf", tensors, quantized=quantized)
    site = tmp_path / "site"
    monkeypatch.setattr(embedded, "EMBEDDED_MODELS", {"tiny": install(site, (tmp_path / "tiny.gguf").read_bytes())})
    monkeypatch.syspath_prepend(str(site))

    folder = prepare("tiny", cache_dir=cache)

    kind = gguf.GGMLQuantizationType.Q8_0
    tensors[quantized] = gguf.quants.dequantize(gguf.quants.quantize(tensors[quantized], kind), kind)
    saved = load_file(folder / "model.safetensors")
    assert len(saved) == len(tensors)
    for ours, theirs in {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "model.layers.0.self_attn.k_proj.bias": "blk.0.attn_k.bias",
        "model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight",
        "model.layers.0.mlp.up_proj.weight": quantized,
        "model.layers.0.mlp.down_proj.weight": "blk.0.ffn_down.weight",
    }.items():
        assert saved[ours].dtype == np.float32
        np.testing.assert_array_equal(saved[ours], tensors[theirs])
    config = json.loads((folder / "config.json").read_text())
    assert config["dtype"] == "float32"
    assert config["tie_word_embeddings"] is True
    assert config["eos_token_id"] == 258
    assert "quantization_config" not in config
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode("cab<|im_end|>").ids == [tokenizer.token_to_id("c"), 256, 258]
    assert "<|im_end|>" in (folder / "chat_template.jinja").read_text()


def test_a_file_that_lacks_a_weight_is_refused_instead_of_filled_with_random_numbers(tmp_path, cache):
    tensors = tiny_tensors()
    del tensors["blk.0.ffn_down.weight"]
    write_gguf(tmp_path / "tiny.gguf", tensors)
    with pytest.raises(ModelLoadError, match=r"tiny\.gguf was not converted: .*lacks weights .*mlp\.down_proj"):
        convert_gguf(tmp_path / "tiny.gguf", cache_dir=cache)
    assert list(cache.glob("tiny-*")) == list(cache.glob("*.lock"))
