"""A chat endpoint on loopback: what it is asked, what is made of its answers, faults and refusals."""

import math

import pytest

from langchain_consensus import (
    ConsensusRanker,
    EquilibriumRankingLLM,
    OpenAIChatEngine,
    SamplingSettings,
)
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.prompts import ChatPrompt, Message
from tests.chats import VERDICTS
from tests.engines import CAPITAL
from tests.servers.chat_mind import ChatMind
from tests.servers.stub import StubServer

PLAIN = SamplingSettings(n=5, top_p=1.0, top_k=0, max_new_tokens=9, stop=("\n",))
ASKED = ChatPrompt(messages=(Message(role="system", content="Answer."), Message(role="user", content="Which?")))
JUDGED = ChatPrompt(messages=(Message(role="user", content="Proposed answer: Sydney\nCorrect?"),))


@pytest.fixture
def ask():
    """Makes an engine on a stub with this mind, and ends both after the test."""
    open_ones = []

    def make(mind=None, *, server=None, **options):
        stub = StubServer(mind=mind or ChatMind(), **(server or {}))
        open_ones.append(stub.__enter__())
        engine = OpenAIChatEngine(stub.url, **{"model": "tiny", **options})
        open_ones.append(engine)
        return engine, stub

    yield make
    for one in reversed(open_ones):
        one.__exit__(None, None, None)


def test_what_a_draw_asks_for(ask):
    engine, stub = ask(draws_per_request=2, extra_body={"top_k": -1})
    result = engine.sample([ASKED], PLAIN)
    assert [len(result.samples), len(result.samples[0])] == [1, 5]
    body = {
        "model": "tiny",
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Which?"}],
        "temperature": 1,
        "top_p": 1,
        "max_tokens": 9,
        "stop": ["\n"],
        "top_k": -1,
    }
    assert sorted((one.pop("n", 1) for one in stub.mind.asked), reverse=True) == [2, 2, 1]
    assert all(one == body for one in stub.mind.asked)
    assert (result.usage.forwards, result.usage.sampled_tokens, result.usage.input_tokens) == (3, 10, 60)


@pytest.mark.parametrize(
    ("most_top", "tokens", "bodies"), [(20, 2, [20, 20, 20]), (5, 2, [5, 5, 5]), (1, None, []), (0, None, [20])]
)
def test_what_the_endpoint_tells_is_found_out_once(ask, most_top, tokens, bodies):
    engine, stub = ask(ChatMind(most_top=most_top))
    found = engine.beginnings([JUDGED]).tokens + engine.beginnings([JUDGED]).tokens
    assert [one and len(one) for one in found] == [tokens] * 2
    if tokens:
        assert math.exp(found[0][0][1]) == pytest.approx(VERDICTS["Sydney"])
    assert [body["top_logprobs"] for body in stub.mind.asked] == bodies
    assert all(body["max_tokens"] == 1 for body in stub.mind.asked)


def test_the_ranker_gets_exact_verdicts_and_counted_generators(ask):
    engine, stub = ask(draws=32, draws_per_request=8)
    result = ConsensusRanker.from_engine(engine).invoke({"question": CAPITAL, "candidates": ["Sydney", "Canberra"]})
    assert (result.answer, result.views) == ("Canberra", "sampled")
    verdicts = {one.text: math.exp(one.discriminator.correct) for one in result.candidates}
    assert verdicts == pytest.approx({"Canberra": 0.8, "Sydney": 0.2})
    assert result.candidates[0].errors.verdict == 0
    # 2 x 32 draws, eight a request; one verdict each, and one to find out that they are told.
    assert result.usage.forwards == len(stub.mind.asked) == 8 + 2 + 1


def test_the_llm_draws_where_nothing_is_told(ask):
    engine, _ = ask(ChatMind(most_top=0), draws=16, verdict_draws=4)
    llm = EquilibriumRankingLLM.from_engine(engine)
    ranking = llm.ranked().invoke(CAPITAL)
    assert ranking.views == "sampled"
    assert all(one.errors.verdict > 0 for one in ranking.candidates)
    assert sum(one.draws for one in ranking.candidates) == 16


def test_faults_are_tried_again_and_no_draw_is_lost(ask):
    faults = {1: "429", 3: "500", 4: "reset", 6: "garbage"}
    engine, stub = ask(server={"fault": faults.get}, max_concurrency=1)
    assert len(engine.sample([ASKED], PLAIN).samples[0]) == 5
    assert len(stub.mind.asked) == 5
    assert len(stub.bodies) == 5 + len(faults)


def test_a_key_is_sent_and_none_of_the_environment_s(ask, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of another service")
    engine, _ = ask(api_key="sesame")
    assert engine._options["api_key"] == "sesame"
    assert "sesame" not in repr(engine._started()._options)


@pytest.mark.parametrize(
    ("mind", "options", "said"),
    [
        (ChatMind(most_n=1), {"draws_per_request": 5}, "returned 1 of 5 replies; set `draws_per_request` to 1"),
        (ChatMind(broken={"choices": []}), {"max_attempts": 1}, "holds no choice"),
        (ChatMind(broken={"choices": [{"text": "a"}]}), {"max_attempts": 1}, "a choice without a message"),
        (ChatMind(broken={"choices": [{"message": {"content": 3}}]}), {"max_attempts": 1}, "a message that is no text"),
    ],
)
def test_answers_that_cannot_be_used_are_named(ask, mind, options, said):
    engine, _ = ask(mind, **options)
    with pytest.raises(EngineError, match=said):
        engine.sample([ASKED], PLAIN)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_url": "nowhere"}, "`base_url` is 'nowhere'; it must be an address"),
        ({"base_url": []}, "must hold at least one address"),
        ({"model": ""}, "`model` is ''; it must be a text"),
        ({"draws": 0}, "`draws` is 0"),
        ({"draws_per_request": 1.5}, "`draws_per_request` is 1.5"),
        ({"top_logprobs": -1}, "`top_logprobs` is -1"),
        ({"request_timeout": 0}, "`request_timeout` is 0"),
    ],
)
def test_bad_options_are_named(options, said):
    with pytest.raises(InvalidInputError, match=said):
        OpenAIChatEngine(**{"base_url": "http://127.0.0.1:1", "model": "tiny", **options})


def test_tokens_cannot_be_counted_and_a_cut_draw_is_refused():
    engine = OpenAIChatEngine("http://127.0.0.1:1", model="tiny")
    assert (engine.name, engine.is_chat, engine.facts.shows_tools) == ("tiny", True, False)
    with pytest.raises(InvalidInputError, match="The tokenizer of 'tiny' is not known here"):
        engine.token_ids("how many?")
    with pytest.raises(InvalidInputError, match=r"`top_p` is 0\.9"):
        engine.sample([ASKED], SamplingSettings())
