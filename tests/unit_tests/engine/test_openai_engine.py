"""What is checked before anything is sent, whose turn it is among replicas, and what answers are read as."""

import asyncio
import math
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from langchain_consensus import OpenAICompatibleEngine
from langchain_consensus.engine.openai_interview import Interview
from langchain_consensus.engine.openai_protocol import (
    AnswerError,
    Drawn,
    MissingLogprobsError,
    NoNumberError,
    OtherTokensError,
    TruncatedPromptError,
    same_piece,
)
from langchain_consensus.engine.openai_replicas import Replica, Replicas
from langchain_consensus.engine.openai_sglang import SglangDialect
from langchain_consensus.engine.openai_vllm import VllmDialect
from langchain_consensus.engine.tokenization import Tokenization
from langchain_consensus.errors import InvalidInputError, MissingDependencyError
from tests.unit_tests.engine.tiny_models import tiny_tokenizer

URL = "http://localhost:8000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "localhost:8000"}, "`base_url` is 'localhost:8000'; it must be an address such as"),
        ({"base_url": []}, "it must hold at least one address"),
        ({"base_url": [URL, URL]}, "none of them twice"),
        ({"tokenizer": None}, "`tokenizer` and `model` are both `None`"),
        ({"dialect": "openai"}, "`dialect` is 'openai'; it must be one of"),
        ({"max_concurrency": 0}, "`max_concurrency` is 0; it must be a whole number of at least 1"),
        ({"max_attempts": 1.5}, "`max_attempts` is 1.5"),
        ({"request_timeout": 0}, "`request_timeout` is 0; it must be a number of seconds above 0"),
        ({"deadline": -1.0}, "`deadline` is -1.0"),
    ],
)
def test_arguments_that_break_a_rule_are_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message.replace("[", r"\[")):
        OpenAICompatibleEngine(**{"base_url": URL, "tokenizer": "a/b", **arguments})


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("https://host/v1/", "https://host/v1"),
        ("https://host/some/api", "https://host/some/api"),
    ],
)
def test_an_address_without_a_path_gets_one(given, used):
    assert OpenAICompatibleEngine(given, tokenizer="a/b").base_urls == (used,)


def test_tokens_and_templates_need_no_server():
    engine = OpenAICompatibleEngine(URL, tokenizer=tiny_tokenizer(), model="m")
    assert engine.token_ids("the answer") == tiny_tokenizer()("the answer")["input_ids"]
    assert engine.is_chat
    assert engine.name == "m"
    assert not OpenAICompatibleEngine(URL, tokenizer=tiny_tokenizer(chat=False)).is_chat


def test_importing_and_making_an_engine_loads_no_client():
    code = (
        "import sys; from langchain_consensus import OpenAICompatibleEngine as E; E('http://h', tokenizer='t'); "
        "print([m for m in ('openai', 'transformers', 'tenacity', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_missing_client_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "openai" else object())
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-consensus\[openai\]"'):
        OpenAICompatibleEngine(URL, tokenizer=tiny_tokenizer()).token_ids("a")


def replicas(*names):
    return Replicas([Replica(url=name, client=SimpleNamespace()) for name in names])


async def test_the_replica_with_the_fewest_requests_under_way_is_next():
    group = replicas("a", "b")
    async with group.next() as first, group.next() as second:
        assert (first.url, second.url) == ("a", "b")
        async with group.next() as third:
            assert (third.outstanding, third.url) == (2, "a")
    assert [one.outstanding for one in group.all] == [0, 0]


async def test_a_replica_is_taken_out_after_three_failures_and_tried_by_one_request_later(monkeypatch):
    monkeypatch.setattr("langchain_consensus.engine.openai_replicas._FIRST_REST", 0.05)
    group = replicas("a", "b")
    bad = group.all[0]
    now = asyncio.get_running_loop().time
    for _ in range(3):
        bad.failed(began=now())
    assert bad.is_out
    assert not group.are_out
    chosen = [await _next(group) for _ in range(6)]
    assert chosen == ["b"] * 6
    await asyncio.sleep(0.06)
    assert [await _next(group) for _ in range(2)].count("a") == 1
    bad.answered()
    assert {await _next(group) for _ in range(20)} == {"a", "b"}


async def _next(group):
    async with group.next() as one:
        return one.url


async def test_what_was_under_way_when_a_replica_was_taken_out_does_not_prolong_its_rest():
    group = replicas("a")
    (bad,) = group.all
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        bad.failed(began=began)
    rests_until = bad.rests_until
    for _ in range(30):
        bad.failed(began=began - 1)
    assert (bad.failures, bad.rests_until) == (3, rests_until)


async def test_waiting_for_replicas_that_are_all_out_ends_when_a_trial_fails(monkeypatch):
    monkeypatch.setattr("langchain_consensus.engine.openai_replicas._FIRST_REST", 0.05)
    group = replicas("a")
    (bad,) = group.all
    now = asyncio.get_running_loop().time
    for _ in range(3):
        bad.failed(began=now())

    async def trial():
        async with group.next() as one:
            one.failed(began=now())

    outcomes = await asyncio.gather(trial(), trial(), trial(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "TransientError", "TransientError"]
    assert bad.failures == 4


async def test_retry_after_is_kept_up_to_a_bound():
    (one,) = replicas("a").all
    one.rest(10_000)
    assert one.rests_until - asyncio.get_running_loop().time() <= 30


VLLM = VllmDialect(model="m")


def vllm_answer(*entries):
    return {"choices": [{"text": "", "prompt_logprobs": list(entries)}]}


def test_vllm_scores_are_read_by_token_id_from_the_continuation_on():
    answer = vllm_answer(None, {"5": {"logprob": -1.0}}, {"9": {"logprob": -0.25}, "6": {"logprob": -2.5}})
    assert VLLM.score([4, 5, 6], 2).read(answer).tolist() == [-2.5]
    assert VLLM.score([4, 5, 6], 1).read(answer).tolist() == [-1.0, -2.5]


def test_what_stands_for_minus_infinity_is_that():
    assert VLLM.score([4, 5], 1).read(vllm_answer(None, {"5": {"logprob": -9999.0}})).tolist() == [-math.inf]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"choices": []}, AnswerError),
        ("text", AnswerError),
        ({"choices": [{"text": ""}]}, MissingLogprobsError),
        (vllm_answer(None, {"5": {"logprob": -1}}), TruncatedPromptError),
        (vllm_answer(None, {"5": {"logprob": -1}}, {"7": {"logprob": -1}}), OtherTokensError),
        (vllm_answer(None, {"5": {"logprob": -1}}, {"6": {"logprob": -1}}, {"6": {"logprob": -1}}), OtherTokensError),
        (vllm_answer(None, {"5": {"logprob": -1}}, {"6": {"logprob": None}}), NoNumberError),
        (vllm_answer(None, {"5": {"logprob": -1}}, {"6": {"logprob": True}}), NoNumberError),
    ],
)
def test_an_answer_that_is_not_about_what_was_sent_is_no_score(answer, error):
    with pytest.raises(error):
        VLLM.score([4, 5, 6], 1).read(answer)


def test_tokens_that_a_server_does_not_tell_are_nan_and_never_zero():
    answer = {"choices": [{"logprobs": {"top_logprobs": [{"token_id:7": -0.5}]}}]}
    found = VLLM.next_tokens([1, 2], [7, 8]).read(answer)
    assert found[0] == -0.5
    assert np.isnan(found[1])


def test_sglang_is_asked_from_one_token_before_the_continuation_and_read_from_it():
    exchange = SglangDialect().score([4, 5, 6], 2)
    assert exchange.path == "//generate"
    assert exchange.body["logprob_start_len"] == 1
    meta = {"prompt_tokens": 3, "input_token_logprobs": [[None, 5, None], [-2.5, 6, None]], "cached_tokens": 1}
    assert exchange.read({"meta_info": meta}).tolist() == [-2.5]
    assert exchange.cost({"meta_info": meta}) == 2
    with pytest.raises(OtherTokensError):
        exchange.read({"meta_info": {**meta, "input_token_logprobs": [[-1.0, 4, None], [-2.5, 5, None]]}})


@pytest.mark.parametrize(
    ("told", "known", "same"),
    [
        (" the", "the", True),
        ("\u2581the", " the", True),
        ("\ufffd", "\u00e9", True),
        ("", "<eos>", True),
        ("a", "b", False),
    ],
)
def test_two_ways_of_writing_a_token_are_told_from_two_tokens(told, known, same):
    assert same_piece(told, known) == same


def test_drawn_texts_are_tokens_only_as_far_as_they_are_certain():
    tokens = Tokenization(tiny_tokenizer())
    interview = Interview(client=SimpleNamespace(), dialect=VLLM, tokens=tokens, max_tokens=None)
    (the,) = tokens.plain_ids(" the")
    told = Drawn(text="", ids=(the, 7), logprobs=(-1.0, -2.0), finish="end")
    assert interview.known_ids(told) == [the, 7]
    for uncertain in ("\ufffd", "", "two words and more"):
        by_text = Drawn(text="", ids=None, pieces=(" the", uncertain, " the"), logprobs=(-1.0,) * 3, finish="end")
        assert interview.known_ids(by_text) == [the]
