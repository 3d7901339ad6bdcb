"""A model that gives NaN for some texts: those are named and never ranked, and the others stay sound."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from langchain_consensus import ConsensusRanker, TransformersEngine
from langchain_consensus.candidates import given
from langchain_consensus.consensus import Consensus
from langchain_consensus.engine.base import SamplingSettings, ScoreRequest
from langchain_consensus.errors import NonFiniteScoreError
from langchain_consensus.prompts import Question, TextPrompt
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

LONG = "Question: what is the answer? " * 12
"""Long enough for the prefix cache."""
DRAWING = SamplingSettings(n=3, max_new_tokens=6, seed=2)


def overflowing(name="llama"):
    """A checked model that overflows wherever it reads the letter Z, as half precision does on some texts."""
    model = copy.deepcopy(tiny_model(name))
    engine = TransformersEngine.from_model(model, tiny_tokenizer())
    engine.score([request("ready")])
    (letter,) = engine.token_ids("Z")
    with torch.no_grad():
        model.get_input_embeddings().weight[letter] = torch.nan
    return engine


def request(text, *answers):
    return ScoreRequest(prompt=TextPrompt(text=text), continuations=answers or (" yes", " no"))


@pytest.fixture
def engine():
    return overflowing()


@pytest.fixture
def sound():
    return TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer())


def test_the_requests_without_numbers_are_named_and_the_others_are_not(engine):
    with pytest.raises(NonFiniteScoreError, match=r"NaN log-probabilities in torch.float32.*of 2\)") as caught:
        engine.score([request("a"), request("a Z"), request("b"), request("Z c")])
    assert caught.value.places == (1, 3)


def test_what_shared_forwards_with_a_bad_text_has_its_own_scores_afterwards(engine, sound):
    with pytest.raises(NonFiniteScoreError):
        engine.score([request(LONG + "a"), request(LONG + "Z"), request("Z" + LONG)])
    (mine,) = engine.score([request(LONG + "a")]).scores
    (theirs,) = sound.score([request(LONG + "a")]).scores
    np.testing.assert_allclose(mine.logprobs, theirs.logprobs, atol=1e-5)


def test_a_bad_candidate_leaves_the_question_beside_it_alone(engine, sound):
    good, bad = given(Question(text="What is it?"), ["yes", "no"]), given(Question(text="And this?"), ["yes", "Z"])
    with pytest.raises(NonFiniteScoreError, match=r"^`question` 'And this\?': The model returned NaN") as caught:
        Consensus(engine=engine).rank([good, bad])
    assert caught.value.places == (1,)
    asked = [
        {"question": "What is it?", "candidates": ["yes", "no"]},
        {"question": "And this?", "candidates": ["yes", "Z"]},
    ]
    result, error = ConsensusRanker(engine=engine).batch(asked, return_exceptions=True)
    (expected,) = ConsensusRanker(engine=sound).batch(asked[:1])
    assert isinstance(error, NonFiniteScoreError)
    assert [one.text for one in result.candidates] == [one.text for one in expected.candidates]
    assert result.confidence == pytest.approx(expected.confidence, abs=1e-5)


def test_a_prompt_that_cannot_be_drawn_from_is_named_and_the_others_draw_what_they_would(engine, sound):
    prompts = [TextPrompt(text="what is"), TextPrompt(text="Z is"), TextPrompt(text="the answer")]
    with pytest.raises(NonFiniteScoreError) as caught:
        engine.sample(prompts, DRAWING)
    assert caught.value.places == (1,)
    kept = [prompts[0], prompts[2]]
    for mine, theirs in zip(engine.sample(kept, DRAWING).samples, sound.sample(kept, DRAWING).samples, strict=True):
        assert [one.text for one in mine] == [one.text for one in theirs]


def test_a_text_that_was_spoilt_by_another_is_scored_again_and_counted(engine, sound, monkeypatch):
    # What a spoilt forward gives is imitated: all of the first pass is NaN, whatever was asked.
    model, first = engine._model(), []
    score = model._score

    def spoilt(strings, budgets, *, sharing):
        logprobs, usage = score(strings, budgets, sharing=sharing)
        first.append(len(strings))
        return ([np.full_like(one, np.nan) for one in logprobs] if len(first) == 1 else logprobs), usage

    monkeypatch.setattr(model, "_score", spoilt)
    result = engine.score([request("a"), request("b")])
    expected = sound.score([request("a"), request("b")])
    assert first == [4, 2, 2]
    assert result.usage.forwards > expected.usage.forwards
    for mine, theirs in zip(result.scores, expected.scores, strict=True):
        np.testing.assert_allclose(mine.logprobs, theirs.logprobs, atol=1e-5)


def test_an_exception_in_the_forward_leaves_the_engine_usable(sound, monkeypatch):
    before = sound.score([request(LONG)]).scores[0].logprobs
    network = sound._model().network
    hidden = type(network).hidden
    failing = [True]

    def broken(self, **arguments):
        if failing.pop() if failing else False:
            msg = "device-side assert"
            raise RuntimeError(msg)
        return hidden(self, **arguments)

    monkeypatch.setattr(type(network), "hidden", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        sound.score([request(LONG + "x")])
    np.testing.assert_array_equal(sound.score([request(LONG)]).scores[0].logprobs, before)


def test_a_tokenizer_that_raises_leaves_the_engine_usable(sound, monkeypatch):
    before = sound.score([request("a")]).scores[0].logprobs
    tokens = sound._model().tokens
    with monkeypatch.context() as patched:
        patched.setattr(tokens, "_encode", lambda *_, **__: (_ for _ in ()).throw(ValueError("no such token")))
        with pytest.raises(ValueError, match="no such token"):
            sound.score([request("a")])
        with pytest.raises(ValueError, match="no such token"):
            sound.sample([TextPrompt(text="a")], DRAWING)
    np.testing.assert_array_equal(sound.score([request("a")]).scores[0].logprobs, before)


PROGRAM = """
import json
from langchain_consensus import ConsensusRanker, TransformersEngine
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer
engine = TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer())
ranker = ConsensusRanker(engine=engine, rule="er_generator")
asked = [{"question": f"What is {n}?", "candidates": ["yes", "no", "yes", "the answer"]} for n in range(4)]
print(json.dumps([one.model_dump(mode="json") for one in ranker.batch(asked)]))
"""


def test_a_restarted_process_gives_the_same_bytes(capsys):
    exec(compile(PROGRAM, "program", "exec"), {})
    here = capsys.readouterr().out
    exec(compile(PROGRAM, "program", "exec"), {})
    assert capsys.readouterr().out == here
    root = Path(__file__).parents[3]
    there = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *filter(None, sys.path)]), "PYTHONHASHSEED": "17"},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert there == here
    assert len(json.loads(here)) == 4
