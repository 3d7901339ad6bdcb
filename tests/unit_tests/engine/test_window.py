"""How long a text a model reads: from its configuration and tokenizer; checked before anything is computed."""

import copy

import pytest
import transformers

from langchain_consensus.engine import SamplingSettings, ScoreRequest, TransformersEngine
from langchain_consensus.engine.window import ContextWindow
from langchain_consensus.errors import ContextWindowError
from langchain_consensus.prompts import TextPrompt
from tests.unit_tests.engine.tiny_models import CONFIGS, tiny_model, tiny_tokenizer

SHORT = TextPrompt(text="Question: what is the answer?\nAnswer:")


def tokenizer(longest=None):
    own = copy.copy(tiny_tokenizer())
    if longest is not None:
        own.model_max_length = longest
    return own


def engine_of(name, longest=None):
    return TransformersEngine.from_model(tiny_model(name), tokenizer(longest))


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_the_window_is_the_configuration_s_positions_whatever_slides_inside_it(name):
    # Every tiny model has 512 positions; some layers of some look back 5 to 7 tokens only.
    window = ContextWindow.of(CONFIGS[name](), tokenizer())
    assert window.tokens == 512
    assert "max_position_embeddings" in window.source


def test_a_tokenizer_with_a_shorter_limit_sets_it():
    window = ContextWindow.of(CONFIGS["llama"](), tokenizer(100))
    assert (window.tokens, window.source) == (100, "`model_max_length` of the tokenizer")
    assert ContextWindow.of(CONFIGS["llama"](), tokenizer(1000)).tokens == 512


def test_a_model_without_positions_has_no_limit_but_its_tokenizer_s():
    config = transformers.BloomConfig(vocab_size=32, hidden_size=8, n_layer=1, n_head=1)
    assert ContextWindow.of(config, tokenizer()).tokens is None
    assert ContextWindow.of(config, tokenizer(64)).tokens == 64
    ContextWindow.of(config, tokenizer()).check_sampling(0, 10**6, 10**6)
    ContextWindow.of(config, tokenizer()).check_scoring(0, 10**6, 10**6)


@pytest.mark.parametrize(
    ("rope", "tokens"),
    [
        # Positions as trained, stretched four times: the configuration still says what was trained.
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "rope_theta": 1e4}, 2048),
        # Here it says the stretched number already.
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "rope_theta": 1e4}, 512),
        ({"rope_type": "default", "rope_theta": 1e4}, 512),
        # One mapping for each kind of layer.
        (
            {
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                "full_attention": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 512},
            },
            1024,
        ),
    ],
)
def test_stretched_positions_count_as_stretched(rope, tokens):
    config = CONFIGS["qwen2"]()
    config.rope_parameters = rope
    assert ContextWindow.of(config, tokenizer()).tokens == tokens


@pytest.mark.parametrize(
    "name", ["llama", "mistral_sliding", "gpt2_absolute_positions", "gemma3_window_shorter_than_input"]
)
def test_a_text_far_longer_than_a_sliding_window_is_read_whole(name):
    engine = engine_of(name)
    prompt = TextPrompt(text="the answer is yes. " * 40)
    length = len(engine.token_ids(prompt.text))
    assert 7 < length < 480
    result = engine.score([ScoreRequest(prompt=prompt, continuations=(" No",))])
    assert result.usage.input_tokens >= length


def test_what_fills_the_window_to_the_last_token_passes_and_one_more_does_not():
    engine = engine_of("llama", 64)
    prompt = len(engine._model().tokens.prompt_ids(SHORT))
    settings = SamplingSettings(n=1, max_new_tokens=64 - prompt)
    assert len(engine.sample([SHORT], settings).samples[0]) == 1
    with pytest.raises(ContextWindowError):
        engine.sample([SHORT], SamplingSettings(n=1, max_new_tokens=65 - prompt))


class Untouched:
    """A model that says whether it was run."""

    def __init__(self, model, monkeypatch):
        self.runs = 0
        forward = type(model).forward

        def counted(*args, **kwargs):
            self.runs += 1
            return forward(*args, **kwargs)

        monkeypatch.setattr(type(model), "forward", counted)


def test_a_prompt_too_long_to_sample_from_is_refused_before_any_forward(monkeypatch):
    engine = engine_of("llama")
    engine.is_chat  # noqa: B018  # loads, which runs the self-check
    counted = Untouched(tiny_model("llama"), monkeypatch)
    with pytest.raises(ContextWindowError) as caught:
        engine.sample([SHORT, TextPrompt(text="yes " * 600)], SamplingSettings(n=2, max_new_tokens=64))
    error = caught.value
    assert error.place == 1
    assert "and `max_new_tokens` is 64, together" in str(error)
    assert "the model reads at most 512 (`max_position_embeddings` of the model's configuration)" in str(error)
    assert "shorten it (the question, its context, the conversation before it)" in str(error)
    assert "lower `max_new_tokens`" not in str(error)  # no number would do
    assert counted.runs == 0


def test_where_only_the_answer_s_room_is_missing_the_remedy_says_how_much_there_is():
    engine = engine_of("llama")
    prompt = len(engine._model().tokens.prompt_ids(SHORT))
    with pytest.raises(ContextWindowError) as caught:
        engine.sample([SHORT], SamplingSettings(n=1, max_new_tokens=600))
    assert f"lower `max_new_tokens` to at most {512 - prompt}, or shorten it" in str(caught.value)


@pytest.mark.parametrize("long", ["prompt", "continuation"])
def test_what_is_too_long_to_score_is_refused_before_any_forward(long, monkeypatch):
    engine = engine_of("llama")
    engine.is_chat  # noqa: B018
    counted = Untouched(tiny_model("llama"), monkeypatch)
    prompt = TextPrompt(text="yes " * 600) if long == "prompt" else SHORT
    continuation = " no" * 600 if long == "continuation" else " no"
    fine = ScoreRequest(prompt=SHORT, continuations=(" no",))
    with pytest.raises(ContextWindowError) as caught:
        engine.score([fine, ScoreRequest(prompt=prompt, continuations=(" no", continuation))])
    assert caught.value.place == 1
    assert "the model reads at most 512" in str(caught.value)
    assert "shorten the answer, the question, its context" in str(caught.value)
    assert counted.runs == 0


def test_the_error_can_be_said_of_a_field():
    error = ContextWindowError("too long", 3).about("`question` 'q'")
    assert (str(error), error.place) == ("`question` 'q': too long", 3)
