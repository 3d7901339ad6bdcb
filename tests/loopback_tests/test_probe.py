"""Servers that would return wrong scores are refused, each with a sentence of its own."""

import contextlib

import pytest

from langchain_consensus.engine import ScoreRequest
from langchain_consensus.errors import EngineError, InvalidInputError, ServerCapabilityError
from langchain_consensus.prompts import TextPrompt
from tests.servers.brains import HashBrain
from tests.servers.stub import StubServer

REQUEST = ScoreRequest(prompt=TextPrompt(text="the answer is"), continuations=(" yes it is", " no"))
SENTENCES = {
    "shifted": "shifted by one position: .*llama-cpp-python's server does this with `echo`",
    "moved": "shifted by one position",
    "zeros": "returns 0 for the log-probability of every token of a prompt",
    "no_echo": "ignores both `prompt_logprobs` and `echo`",
    "other_tokenizer": "uses another tokenizer: it reads token .* and the tokenizer writes .* Pass as `tokenizer`",
    "truncates": "truncates prompts without saying so: it answered for 200 of 768 tokens. Raise its context length",
    "nan": "returns nan as the log-probability of a common word",
    "noisy": "are not those of its model: tokens drawn with .* are scored",
    "unsteady": "scores the same prompt differently the second time, by .* nats",
}


@pytest.mark.parametrize("protocol", ["vllm", "echo"])
@pytest.mark.parametrize("defect", SENTENCES)
def test_a_server_with_a_defect_is_refused_with_its_own_sentence(tokenizer, connect, protocol, defect):
    with StubServer(tokenizer, protocol=protocol, defect=defect) as stub:
        engine = connect(stub)
        with pytest.raises(ServerCapabilityError, match=SENTENCES[defect]) as raised:
            engine.score([REQUEST])
        assert str(raised.value).startswith(stub.url)
        (report,) = engine.probe()
        assert report.refusal == str(raised.value)
        assert [check.passed for check in report.checks].count(False) == 1
        asked = len(stub.bodies)
        with pytest.raises(ServerCapabilityError):
            engine.score([REQUEST])
        assert len(stub.bodies) == asked  # a refused server is not asked again


@pytest.mark.parametrize("defect", ["shifted", "moved", "zeros", "other_tokenizer", "noisy", "unsteady"])
def test_sglang_is_checked_in_the_same_way(tokenizer, connect, defect):
    with (
        StubServer(tokenizer, protocol="sglang", defect=defect) as stub,
        pytest.raises(ServerCapabilityError, match=SENTENCES[defect]),
    ):
        connect(stub).score([REQUEST])


def test_the_sentences_tell_the_defects_apart():
    assert len(set(SENTENCES.values())) == len(SENTENCES)


def test_a_server_whose_greedy_sampling_takes_another_token_than_the_best_is_refused(tokenizer, connect):
    with (
        StubServer(tokenizer, HashBrain(seed=4), defect="contrary") as stub,
        pytest.raises(ServerCapabilityError, match="samples from another distribution than it scores"),
    ):
        connect(stub).score([REQUEST])


@pytest.mark.parametrize("seed", [0, 4])
@pytest.mark.parametrize("protocol", ["vllm", "sglang", "echo"])
def test_a_sound_server_passes_whatever_its_model(tokenizer, connect, protocol, seed):
    with StubServer(tokenizer, HashBrain(seed=seed, spread=1.0 + seed), protocol=protocol) as stub:
        (report,) = connect(stub).probe()
    assert report.refusal is None
    assert [check.name for check in report.checks] == [
        "prompt log-probabilities",
        "tokenizer",
        "values",
        "repetition",
        "alignment",
        "long prompts",
    ]


@pytest.mark.parametrize("defect", ["text_only", "text_or_500"])
def test_a_server_that_takes_texts_alone_is_asked_in_texts(tokenizer, connect, defect):
    with StubServer(tokenizer, protocol="echo", defect=defect) as stub, StubServer(tokenizer) as plain:
        engine = connect(stub)
        assert engine.probe()[0].refusal is None
        assert engine.score([REQUEST]).scores[0].logprobs == pytest.approx(
            connect(plain).score([REQUEST]).scores[0].logprobs
        )


def test_a_server_that_fails_at_everything_is_broken_and_not_without_log_probabilities(tokenizer, connect):
    with StubServer(tokenizer, protocol="echo", fault=lambda number: "500") as stub:
        engine = connect(stub)
        with pytest.raises(EngineError, match="answered with status 500"):
            engine.check()


@pytest.mark.parametrize("protocol", ["vllm", "sglang", "echo"])
def test_a_server_that_fails_at_first_is_asked_again_and_no_other_dialect_taken_for_its_own(
    tokenizer, connect, protocol
):
    with StubServer(tokenizer, protocol=protocol, fault=lambda number: "500" if number < 4 else None) as stub:
        engine = connect(stub)
        with contextlib.suppress(EngineError):  # `echo` is found at once, as no other dialect is understood there
            engine.check()
        engine.check()
        assert engine.probe()[0].dialect == protocol


def test_a_prompt_that_a_server_would_tokenise_otherwise_is_an_error_and_no_score(tokenizer, connect):
    with StubServer(tokenizer, protocol="echo", defect="text_only") as stub:
        engine = connect(stub)
        # A special token's name is ordinary text here, and the token itself to a server that reads texts.
        request = ScoreRequest(prompt=TextPrompt(text="the answer is <eos> and"), continuations=(" yes it is",))
        with pytest.raises(EngineError, match="cannot be trusted with this prompt"):
            engine.score([request])


def test_the_wanted_model_must_be_there(tokenizer, connect):
    with StubServer(tokenizer, models=("one", "two")) as stub:
        with pytest.raises(InvalidInputError, match=r"`model` is not given, and .* serves \['one', 'two'\]; name one"):
            connect(stub).check()
        with pytest.raises(InvalidInputError, match=r"`model` is 'three', and .* serves \['one', 'two'\]"):
            connect(stub, model="three").check()
        connect(stub, model="two").check()
        assert stub.bodies[-1]["model"] == "two"


def test_the_key_is_sent_and_keys_of_the_environment_are_not(tokenizer, connect, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with StubServer(tokenizer, key="right") as stub:
        with pytest.raises(InvalidInputError, match=r"status 401.* Pass the server's key as `api_key`"):
            connect(stub).check()
        connect(stub, api_key="right").check()


def test_replicas_must_serve_one_model(tokenizer, connect):
    with (
        StubServer(tokenizer, HashBrain(seed=1)) as one,
        StubServer(tokenizer, HashBrain(seed=2)) as other,
        pytest.raises(ServerCapabilityError, match=r"is not equal to .*: it scores the same text up to .* differently"),
    ):
        connect(one, other).check()


def test_replicas_must_be_asked_in_one_way(tokenizer, connect):
    with (
        StubServer(tokenizer, protocol="vllm") as one,
        StubServer(tokenizer, protocol="echo") as other,
        pytest.raises(ServerCapabilityError, match=r"`dialect` is '(echo' and 'vllm|vllm' and 'echo)'"),
    ):
        connect(one, other).check()


def test_a_dialect_can_be_chosen(tokenizer, connect):
    with StubServer(tokenizer, protocol="echo") as stub:
        with pytest.raises(ServerCapabilityError, match="ignores both"):
            connect(stub, dialect="vllm").check()
        assert connect(stub, dialect="echo").probe()[0].dialect == "echo"


def test_a_server_that_is_not_there_is_named(tokenizer, connect):
    with StubServer(tokenizer) as stub:
        pass
    with pytest.raises(EngineError, match=f"{stub.url}.* cannot be reached"):
        connect(stub).check()
