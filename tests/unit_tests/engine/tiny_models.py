"""Tiny random-weight models of every architecture that the exactness tests cover, and a tokenizer; made in memory."""

import functools

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 320
_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_WITHOUT_GROUPS = {key: value for key, value in _COMMON.items() if key != "num_key_value_heads"}

CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**_COMMON),
    "qwen2": lambda: transformers.Qwen2Config(**_COMMON),
    "qwen2_some_layers_sliding": lambda: transformers.Qwen2Config(
        **_COMMON, use_sliding_window=True, sliding_window=7, max_window_layers=1
    ),
    "qwen3": lambda: transformers.Qwen3Config(**_COMMON, head_dim=8),
    "gemma2_softcapped": lambda: transformers.Gemma2Config(**_COMMON, head_dim=8, sliding_window=5),
    "gemma3_window_shorter_than_input": lambda: transformers.Gemma3TextConfig(
        **_COMMON,
        head_dim=8,
        sliding_window=5,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
    ),
    "mistral_sliding": lambda: transformers.MistralConfig(**_COMMON, sliding_window=6),
    "mistral_full": lambda: transformers.MistralConfig(**_COMMON, sliding_window=None),
    "phi3": lambda: transformers.Phi3Config(**_COMMON, sliding_window=6),
    "gpt2_absolute_positions": lambda: transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=3, n_head=4, n_positions=512, **_SPECIAL
    ),
    "gpt_neox": lambda: transformers.GPTNeoXConfig(**_WITHOUT_GROUPS),
    "opt_projected_embeddings": lambda: transformers.OPTConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=512,
        word_embed_proj_dim=16,
        **_SPECIAL,
    ),
    "llama_tied_head": lambda: transformers.LlamaConfig(**_COMMON, tie_word_embeddings=True),
    "llama_wide": lambda: transformers.LlamaConfig(**_COMMON | {"vocab_size": VOCABULARY + 8}),
    "cohere_scaled_logits": lambda: transformers.CohereConfig(**_COMMON),
    "granite_scaled_logits": lambda: transformers.GraniteConfig(**_COMMON, logits_scaling=3.0),
}


@functools.cache
def tiny_model(name: str) -> transformers.PreTrainedModel:
    """The model called `name`, the same weights every time; the global random state is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(CONFIGS[name]())
        # Freshly made weights give nearly uniform predictions; larger ones make every mistake visible.
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.data.mul_(4)
    return model.eval()


@functools.cache
def tiny_tokenizer(*, chat: bool = True) -> transformers.PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `VOCABULARY` tokens with a chat template that uses special tokens."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 2,
        special_tokens=["<pad>", "<bos>", "<eos>", "<|turn|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(["Question: what is the answer?\nAnswer: the answer is yes. No, it is not."] * 3, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>"
    )
    if chat:
        tokenizer.chat_template = (
            "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}<eos>\n{% endfor %}"
            "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"
        )
    return tokenizer
