"""Which weights a name stands for."""

import hashlib

from langchain_consensus.engine.embedded import EMBEDDED_MODELS
from langchain_consensus.evaluation import model_hash as home
from langchain_consensus.evaluation.model_hash import model_hash


def test_an_embedded_model_is_its_packages_hash_and_a_file_its_own(tmp_path):
    name = "qwen2.5-coder-0.5b-instruct"
    assert model_hash(name) == f"sha256:{EMBEDDED_MODELS[name].sha256}"
    file = tmp_path / "m.gguf"
    file.write_bytes(b"weights")
    assert model_hash(str(file)) == f"sha256:{hashlib.sha256(b'weights').hexdigest()}"


def test_a_folder_changes_with_its_weights_its_tokenizer_and_their_names_and_with_nothing_else(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"1")
    (tmp_path / "tokenizer.json").write_text("{}")
    first = model_hash(str(tmp_path))
    (tmp_path / "README.md").write_text("x")
    assert model_hash(str(tmp_path)) == first
    (tmp_path / "tokenizer.json").write_text("{ }")
    second = model_hash(str(tmp_path))
    (tmp_path / "model.safetensors").rename(tmp_path / "other.safetensors")
    assert len({first, second, model_hash(str(tmp_path))}) == 3


def test_a_hub_model_is_the_commit_of_its_snapshot_and_nothing_before_it_is_there(monkeypatch):
    class Hub:
        @staticmethod
        def try_to_load_from_cache(name, file):
            return f"/cache/models--org--{name[4:]}/snapshots/abc123/{file}" if name == "org/model" else None

    monkeypatch.setattr(home, "import_module", lambda name: Hub)
    assert model_hash("org/model") == "commit:abc123"
    assert model_hash("org/other") is None

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(home, "import_module", missing)
    assert model_hash("org/model") is None
