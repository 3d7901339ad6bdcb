"""The small embedded models, converted for real into the user's cache, are the models that they claim to be."""

import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
import transformers

from langchain_consensus.engine.embedded import EMBEDDED_MODELS, prepare

QWEN = "qwen2.5-coder-0.5b-instruct"
GEMMA = "gemma-3-270m"


def load(name):
    folder = prepare(name)
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return SimpleNamespace(name=name, folder=folder, model=model.eval(), tokenizer=tokenizer, report=report)


@pytest.fixture(scope="module")
def qwen():
    return load(QWEN)


@pytest.fixture(scope="module")
def gemma():
    return load(GEMMA)


@pytest.fixture(scope="module", params=[QWEN, GEMMA])
def loaded(request):
    return request.getfixturevalue({QWEN: "qwen", GEMMA: "gemma"}[request.param])


def greedy(loaded, text, tokens):
    ids = loaded.tokenizer(text, return_tensors="pt")
    output = loaded.model.generate(**ids, max_new_tokens=tokens, do_sample=False)
    return loaded.tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)


def test_the_folder_is_complete_plain_and_of_the_recorded_source(loaded):
    assert not any(loaded.report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    config = json.loads((loaded.folder / "config.json").read_text())
    assert config["dtype"] == "float32"
    assert "quantization_config" not in config
    manifest = json.loads((loaded.folder / "manifest.json").read_text())
    model = EMBEDDED_MODELS[loaded.name]
    assert manifest["source"] == {"name": model.name, "sha256": model.sha256}
    assert sum(manifest["files"].values()) <= model.cache_bytes


def test_every_weight_is_finite(loaded):
    assert all(bool(weight.isfinite().all()) for weight in loaded.model.parameters())


def test_a_second_prepare_is_instant_and_does_not_load_torch(loaded):
    started = time.perf_counter()
    assert prepare(loaded.name) == loaded.folder
    assert time.perf_counter() - started < 0.1
    code = "import sys; from langchain_consensus.engine.embedded import prepare; prepare(sys.argv[1]); "
    code += "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code, loaded.name], check=True, env=environment)


@pytest.mark.parametrize(
    "text", ["I'm here, don't", "naïve café 你好 🙂", "  two  spaces\n\nnew", "12345 + 67", "\tx = 1"]
)
def test_tokenisation_loses_nothing(loaded, text):
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert loaded.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_qwen_tokenises_as_published(qwen):
    # Ids of the vocabulary that Qwen published: 9707 is "Hello", 1879 " world"; digits stand alone.
    tokenizer = qwen.tokenizer
    assert tokenizer("Hello world")["input_ids"] == [9707, 1879]
    assert tokenizer("<|im_start|>user\nhi<|im_end|>\n")["input_ids"] == [151644, 872, 198, 6023, 151645, 198]
    assert len(tokenizer("12345")["input_ids"]) == 5
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (151645, 151643)
    assert qwen.model.generation_config.eos_token_id == 151645


def test_gemma_tokenises_as_published_after_one_bos(gemma):
    tokenizer = gemma.tokenizer
    assert tokenizer("Hello world")["input_ids"] == [2, 9259, 1902]
    assert tokenizer("Hello world", add_special_tokens=False)["input_ids"] == [9259, 1902]
    assert tokenizer("<start_of_turn>")["input_ids"] == [2, 105]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 1, 0)


def test_a_chat_model_has_a_template_and_a_base_model_has_none(loaded):
    assert bool(loaded.tokenizer.chat_template) == EMBEDDED_MODELS[loaded.name].is_chat


def test_heads_are_tied_as_in_the_source(qwen, gemma):
    # Qwen's GGUF file carries a head of its own, quantised otherwise than its embedding; Gemma's has none.
    def tied(model):
        return model.get_input_embeddings().weight.data_ptr() == model.get_output_embeddings().weight.data_ptr()

    assert tied(gemma.model)
    assert not tied(qwen.model)


def test_qwen_answers_through_its_template(qwen):
    messages = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]
    prompt = qwen.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert prompt.endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert greedy(qwen, prompt, 8).startswith("Paris")


def test_gemma_continues_text(gemma):
    text = "Germany: Berlin\nItaly: Rome\nSpain: Madrid\nFrance:"
    assert greedy(gemma, text, 2).strip().startswith("Paris")
