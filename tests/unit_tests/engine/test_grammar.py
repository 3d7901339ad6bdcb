"""Samples under a grammar: all that end are valid, the same seed gives the same, and log-probabilities stay whole."""

import json
import sys

import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from langchain_consensus.engine import FakeEngine, SamplingSettings, ScoreRequest, TransformersEngine
from langchain_consensus.engine.grammar import JsonForm, matches
from langchain_consensus.errors import EngineError, InvalidInputError, MissingDependencyError
from langchain_consensus.prompts import ChatPrompt, Message, TextPrompt
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

PROMPTS = [TextPrompt(text="Question: what is the answer?\nAnswer:"), TextPrompt(text="No, it is")]
CITY = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "city": {"enum": ["yes", "the answer", "é"]}},
    "required": ["ok", "city"],
    "additionalProperties": False,
}


def form(schema, **around):
    return JsonForm(schema=json.dumps(schema), **around)


def tiny_engine(name="llama"):
    return TransformersEngine.from_model(tiny_model(name), tiny_tokenizer())


ENGINE = tiny_engine()


def drawn(*forms, engine=ENGINE, prompts=PROMPTS[:1], **options):
    asked = SamplingSettings(**{"n": 6, "max_new_tokens": 64, "grammar": tuple(forms)} | options)
    return engine.sample(prompts, asked).samples


# --- random schemas ---

_SMALL = st.one_of(
    st.builds(lambda: {"type": "boolean"}),
    st.builds(lambda: {"type": "null"}),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-20, 20),
        st.integers(0, 30),
    ),
    st.builds(lambda n: {"type": "string", "maxLength": n}, st.integers(0, 5)),
    st.builds(lambda: {"type": "string", "pattern": "^[a-c]{1,3}$"}),
    st.lists(st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=4)), min_size=1, max_size=4).map(
        lambda values: {"enum": values}
    ),
)


def _object(properties, optional):
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(set(properties) - optional),
        "additionalProperties": False,
    }


_NAMES = st.sampled_from(["a", "b", "na me", 'q"', "é"])
SCHEMAS = st.recursive(
    _SMALL,
    lambda inner: st.one_of(
        st.builds(_object, st.dictionaries(_NAMES, inner, max_size=3), st.sets(_NAMES, max_size=2)),
        st.builds(lambda item, n: {"type": "array", "items": item, "maxItems": n}, inner, st.integers(0, 3)),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=5,
)


@given(schema=SCHEMAS, seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_sample_that_ended_is_valid_under_its_schema(schema, seed):
    validator = jsonschema.Draft202012Validator(schema)
    samples = drawn(form(schema, before="<<", after=">>"), n=4, seed=seed, top_k=0, top_p=1.0)[0]
    assume(any(sample.finish == "end" for sample in samples))
    for sample in samples:
        if sample.finish == "end":
            assert sample.text.startswith("<<")
            assert sample.text.endswith(">>")
            validator.validate(json.loads(sample.text[2:-2]))
        else:
            assert (sample.finish, sample.tokens) == ("length", 64)


# --- what a grammar does to samples ---


@pytest.mark.parametrize("name", ["llama", "qwen2", "gemma3_window_shorter_than_input"])
def test_samples_end_where_their_value_is_complete(name):
    for sample in (s for group in drawn(form(CITY), engine=tiny_engine(name), prompts=PROMPTS) for s in group):
        assert sample.finish == "end"
        jsonschema.validate(json.loads(sample.text), CITY)
        assert sample.end_logprob < 0


def test_forks_of_one_prompt_follow_the_grammar_each_on_its_own():
    texts = {sample.text for sample in drawn(form(CITY), n=24, temperature=3.0, top_p=1.0)[0]}
    assert len(texts) == 6  # {true, false} x 3 names


def test_the_same_seed_gives_the_same_samples_in_any_batch():
    options = {"n": 5, "seed": 4, "temperature": 2.0}
    together = drawn(form(CITY), prompts=PROMPTS, **options)
    alone = [drawn(form(CITY), prompts=[prompt], **options)[0] for prompt in PROMPTS]
    assert [[s.text for s in group] for group in together] == [[s.text for s in group] for group in alone]
    other = drawn(form(CITY), prompts=PROMPTS, **options | {"seed": 5})
    assert [[s.text for s in group] for group in together] != [[s.text for s in group] for group in other]


def test_log_probabilities_are_those_of_the_whole_distribution():
    samples = [s for s in drawn(form(CITY), n=16, temperature=2.0)[0] if s.canonical]
    assert samples
    request = ScoreRequest(prompt=PROMPTS[0], continuations=tuple(s.text for s in samples), end_token=False)
    scored = ENGINE.score([request]).scores[0].logprobs
    assert np.allclose([s.logprob for s in samples], scored, atol=1e-3)


def test_greedy_under_a_grammar_is_its_most_probable_next_token_each_time():
    samples = drawn(form(CITY), temperature=0, n=3)[0]
    assert len({s.text for s in samples}) == 1
    jsonschema.validate(json.loads(samples[0].text), CITY)


def test_a_sample_that_is_cut_says_so():
    for sample in drawn(form({"type": "string", "minLength": 200}), max_new_tokens=20)[0]:
        assert (sample.finish, sample.end_logprob) == ("length", None)
        with pytest.raises(ValueError):
            json.loads(sample.text)


def test_a_sample_may_have_any_of_several_forms():
    forms = (form({"const": 1}, before="no "), form({"const": 2}, before="yes ", after="."))
    texts = {sample.text for sample in drawn(*forms, n=24, temperature=3.0, top_p=1.0)[0]}
    assert texts == {"no 1", "yes 2."}


def test_special_tokens_of_a_form_are_tokens_and_cannot_stand_in_its_strings():
    sample = drawn(form({"const": "<|turn|>"}, before="<|turn|>"), n=1)[0][0]
    assert sample.finish == "end"
    assert sample.text == '"<|turn|>"'  # as text of the value; the marker itself is a token that decoding leaves out


def test_json_is_written_as_python_writes_it():
    value = {"ok": True, "city": "yes"}
    schema = {**CITY, "properties": {"ok": {"const": True}, "city": {"const": "yes"}}}
    assert {sample.text for sample in drawn(form(schema))[0]} == {json.dumps(value)}


def test_without_a_grammar_nothing_is_masked(monkeypatch):
    free = ENGINE.sample(PROMPTS, SamplingSettings(n=4, max_new_tokens=16, seed=1))
    monkeypatch.setitem(sys.modules, "llguidance", None)  # an import of it would fail
    again = tiny_engine().sample(PROMPTS, SamplingSettings(n=4, max_new_tokens=16, seed=1))
    assert free == again


def test_the_plain_path_follows_the_grammar_too():
    engine = tiny_engine()
    engine._model().network = None  # as where the self-check finds that packed strings would not be exact
    for options in ({"temperature": 2.0}, {"temperature": 0}):
        samples = [s for group in drawn(form(CITY), engine=engine, prompts=PROMPTS, **options) for s in group]
        for sample in samples:
            assert sample.finish == "end"
            jsonschema.validate(json.loads(sample.text), CITY)
    free, kept = samples[0], ENGINE.score([ScoreRequest(prompt=PROMPTS[0], continuations=(samples[0].text,))])
    if free.canonical:
        assert free.logprob == pytest.approx(float(kept.scores[0].logprobs[0]), abs=1e-3)


# --- what cannot be decoded under ---


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "array", "uniqueItems": True}, "Unimplemented keys"),
        ({"type": "integer", "minimum": 3, "maximum": 1}, "Unsatisfiable schema"),
        ({"type": "strin"}, "strin"),
    ],
)
def test_a_schema_that_no_grammar_can_say_is_refused_with_the_reason(schema, reason):
    with pytest.raises(InvalidInputError, match=rf"cannot be decoded under: .*{reason}.*Say it in other keywords"):
        drawn(form(schema))


@pytest.mark.parametrize("text", ["{", "[1]", None])
def test_a_form_needs_the_text_of_a_schema(text):
    with pytest.raises(InvalidInputError, match="`schema` is"):
        JsonForm(schema=text)


def test_a_grammar_is_a_tuple_of_forms():
    with pytest.raises(InvalidInputError, match=r"`grammar` is .*a tuple of `JsonForm`s"):
        SamplingSettings(grammar='{"type": "object"}')


def test_a_missing_library_is_said_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for call in (lambda: drawn(form(CITY), engine=tiny_engine()), lambda: matches([form(CITY)], "{}")):
        with pytest.raises(MissingDependencyError, match=r'pip install "langchain-consensus\[local\]"'):
            call()


def test_a_slow_tokenizer_or_one_without_an_end_is_refused():
    from langchain_consensus.engine.masking import GrammarCompiler

    for tokenizer, ends in ((object(), frozenset({2})), (tiny_tokenizer(), frozenset())):
        with pytest.raises(InvalidInputError, match="needs a fast tokenizer"):
            GrammarCompiler(tokenizer, end_ids=ends, width=320)


def test_a_grammar_that_refuses_a_token_is_an_engine_error():
    from langchain_consensus.engine.masking import GrammarCompiler

    grammar = GrammarCompiler(tiny_tokenizer(), end_ids=frozenset({2}), width=320).start([form({"const": 1})])
    with pytest.raises(EngineError, match="cannot be followed any further"):
        grammar.advance(9)


def test_the_model_may_have_more_logits_than_the_tokenizer_has_tokens():
    from langchain_consensus.engine.masking import GrammarCompiler, masked

    for width in (len(tiny_tokenizer()), 400):
        grammar = GrammarCompiler(tiny_tokenizer(), end_ids=frozenset({2}), width=width).start([form({"const": 1})])
        left = torch.isfinite(masked(torch.zeros(1, width), [grammar]))[0].nonzero()[:, 0].tolist()
        assert left == tiny_tokenizer()("1", add_special_tokens=False)["input_ids"]


# --- the fake ---

QUESTION = "Where?"


def fake_samples(beliefs, *forms, n=8):
    prompt = ChatPrompt(messages=(Message(role="user", content=QUESTION),))
    return FakeEngine({QUESTION: beliefs}).sample([prompt], SamplingSettings(n=n, grammar=tuple(forms))).samples[0]


def test_the_fake_draws_among_the_answers_that_have_the_form():
    beliefs = {"Canberra": 0.9, '{"ok":true,"city":"yes"}': 0.05, '{"ok": false, "city": "é"}': 0.05, '{"ok": 1}': 0.2}
    assert {sample.text for sample in fake_samples(beliefs, form(CITY), n=32)} == set(list(beliefs)[1:3])


def test_the_fake_says_when_it_believes_no_answer_of_the_form():
    with pytest.raises(InvalidInputError, match="no answer in `beliefs` has a form that the grammar allows"):
        fake_samples({"Canberra": 1.0}, form(CITY))


@pytest.mark.parametrize(
    ("text", "holds"),
    [("<x>\n1\n</x>", True), ("<x>\n1", False), ("<x>\n1\n</x> ", False), ("1", False), ("", False)],
)
def test_matching_is_of_the_whole_text(text, holds):
    assert matches([form({"type": "integer"}, before="<x>\n", after="\n</x>")], text) is holds
