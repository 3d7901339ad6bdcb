"""A call that is larger than its engine allows is refused before any work, by an error that names the limit."""

import pytest
from langchain_core.documents import Document

from langchain_consensus import (
    Consensus,
    ConsensusRanker,
    ConsensusReranker,
    EquilibriumRankingLLM,
    FakeEngine,
    Limits,
    OpenAICompatibleEngine,
    TransformersEngine,
)
from langchain_consensus.engine import SamplingSettings, ScoreRequest
from langchain_consensus.engine.limits import checked_limits
from langchain_consensus.engine.local_model import LocalModel
from langchain_consensus.errors import InvalidInputError, LimitExceededError
from langchain_consensus.prompts import TextPrompt
from tests.engines import RecordingEngine
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

PROMPT = TextPrompt(text="What is the answer?")


@pytest.fixture
def refusing(monkeypatch):
    """An engine with limits on which any pass is a failure of the test."""

    def ran(*_, **__):
        raise AssertionError

    monkeypatch.setattr(LocalModel, "_score", ran)
    monkeypatch.setattr(LocalModel, "_draw", ran)
    return lambda **limits: TransformersEngine.from_model(
        tiny_model("llama"), tiny_tokenizer(), limits=Limits(**limits)
    )


def score(engine, *continuations, prompt=PROMPT):
    return engine.score([ScoreRequest(prompt=prompt, continuations=continuations)])


def test_long_prompts_and_answers_and_large_calls_are_refused_by_name(refusing):
    length = len(refusing().token_ids(PROMPT.text))
    with pytest.raises(LimitExceededError, match=rf"A prompt has {length} tokens; the engine's limit `prompt_tokens`"):
        score(refusing(prompt_tokens=length - 1), " yes")
    with pytest.raises(LimitExceededError, match=r"`candidate_tokens` is 3\. Nothing was computed"):
        score(refusing(candidate_tokens=3), " yes", " no, it is not the answer")
    with pytest.raises(LimitExceededError, match="`call_tokens`"):
        score(refusing(call_tokens=2 * length), " yes", " no")


def test_more_or_longer_draws_than_are_allowed_are_refused_by_name(refusing):
    for limits, settings in (
        ({"candidates": 3}, SamplingSettings(n=4)),
        ({"candidate_tokens": 9}, SamplingSettings(n=2, max_new_tokens=10)),
        ({"call_tokens": 99}, SamplingSettings(n=10, max_new_tokens=10)),
        ({"prompt_tokens": 2}, SamplingSettings(n=1, max_new_tokens=1)),
    ):
        with pytest.raises(LimitExceededError, match=f"`{next(iter(limits))}`"):
            refusing(**limits).sample([PROMPT], settings)


def test_a_call_that_is_exactly_as_large_as_allowed_passes():
    tokens = len(tiny_tokenizer()(PROMPT.text)["input_ids"])
    limits = Limits(prompt_tokens=tokens, candidates=2, candidate_tokens=3, call_tokens=tokens + 6)
    engine = TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer(), limits=limits)
    assert len(engine.sample([PROMPT], SamplingSettings(n=2, max_new_tokens=3)).samples[0]) == 2


def test_surfaces_refuse_too_many_candidates_and_documents_on_any_engine():
    engine = RecordingEngine()
    engine._limits = Limits(candidates=2, documents=2)
    question = {"question": "What is the capital of Australia?", "candidates": ["Canberra", "Sydney", "Perth"]}
    with pytest.raises(LimitExceededError, match=r"A question has 3 candidates; .*`candidates` is 2"):
        ConsensusRanker(engine=engine).invoke(question)
    with pytest.raises(LimitExceededError, match="`candidates` is 2"):
        EquilibriumRankingLLM(engine=engine, num_candidates=3).invoke("What is the capital of Australia?")
    with pytest.raises(LimitExceededError, match=r"A search has 3 documents; .*`documents` is 2"):
        ConsensusReranker(engine=engine).compress_documents([Document(page_content=t) for t in "abc"], "a?")
    assert engine.calls == (0, 0)
    assert Consensus(engine=FakeEngine()).engine.limits == Limits()


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_a_limit_is_a_whole_number_above_zero(value):
    with pytest.raises(InvalidInputError, match=r"`candidates` is .* whole number of at least 1"):
        Limits(candidates=value)


@pytest.mark.parametrize(
    "engine", [FakeEngine, TransformersEngine, lambda **given: OpenAICompatibleEngine("http://a", model="m", **given)]
)
def test_limits_that_are_none_are_refused_when_the_engine_is_made(engine):
    with pytest.raises(InvalidInputError, match="`limits` is 5; it must be a `Limits`"):
        engine(limits=5)


def test_limits_may_come_as_plain_json_with_their_own_names_alone():
    assert checked_limits({"candidates": 3, "documents": None}) == Limits(candidates=3)
    with pytest.raises(InvalidInputError, match=r"`limits` is \{'candidate': 3\}; it must be a `Limits`.*'candidates'"):
        checked_limits({"candidate": 3})
