"""What comes from a server is what the same model gives in this process."""

import asyncio
import gc
import threading

import numpy as np
import pytest

from langchain_consensus import OpenAICompatibleEngine, SamplingSettings, TransformersEngine
from langchain_consensus.engine import ScoreRequest
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt, Message, TextPrompt
from tests.servers.brains import HashBrain, TorchBrain
from tests.servers.stub import StubServer
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

CHAT = ChatPrompt(
    messages=(Message(role="system", content="You answer."), Message(role="user", content="What is <eos> 2+2?"))
)
TEXT = TextPrompt(text="Question: what is the answer?\nAnswer:")
PREFIX = tiny_tokenizer()(TEXT.text)["input_ids"]
REQUESTS = [
    ScoreRequest(prompt=TEXT, continuations=(" yes", " no, it is not", " the answer")),
    ScoreRequest(prompt=CHAT, continuations=("four", "five is the answer"), end_token=True),
    ScoreRequest(prompt=TextPrompt(text="the answer is "), continuations=("yes", "no")),
    ScoreRequest(prompt=CHAT, continuations=("N", "Y", "a")),
    ScoreRequest(prompt=TEXT, continuations=(" yes",)),
]


@pytest.fixture(scope="module")
def here():
    return TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer())


@pytest.fixture(scope="module", params=["vllm", "sglang", "echo"])
def stub(request):
    with StubServer(tiny_tokenizer(), TorchBrain(tiny_model("llama")), protocol=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def there(stub):
    """One engine on the stub, probed once."""
    with OpenAICompatibleEngine(stub.url, tokenizer=tiny_tokenizer()) as engine:
        yield engine


def test_scores_equal_those_of_the_model_in_this_process(there, here):
    mine, theirs = here.score(REQUESTS), there.score(REQUESTS)
    for one, other in zip(mine.scores, theirs.scores, strict=True):
        assert other.logprobs == pytest.approx(one.logprobs, abs=1e-4)
        assert other.tokens.tolist() == one.tokens.tolist()
        assert other.logprobs.dtype == np.float64
    assert theirs.usage.input_tokens == mine.usage.input_tokens


def test_the_server_is_found_out_and_its_only_model_taken(stub, there):
    assert there.name == "tiny"
    assert there.is_chat
    (report,) = there.probe()
    assert (report.dialect, report.max_tokens, report.refusal) == (stub.mind.protocol, 2048, None)
    assert report.several_draws
    assert report.exact_draws == (stub.mind.protocol != "echo")
    assert report.one_request_verdicts


@pytest.mark.parametrize("protocol", ["vllm", "sglang", "echo"])
def test_one_token_words_cost_one_request_and_equal_strings_are_sent_once(tokenizer, connect, protocol):
    with StubServer(tokenizer, protocol=protocol) as stub:
        engine = connect(stub)
        engine.check()
        before = len(stub.bodies)
        likely = [tokenizer.decode([token]) for token in np.argsort(-stub.mind.brain.rows(PREFIX)[-1])[:2]]
        scores = engine.score([ScoreRequest(prompt=TEXT, continuations=tuple(likely))] * 3).scores
        assert len(stub.bodies) - before == 1
        assert scores[0].logprobs == pytest.approx(np.sort(stub.mind.brain.rows(PREFIX)[-1])[::-1][:2])
        engine.score([ScoreRequest(prompt=TEXT, continuations=(" yes it is", " no"))] * 2)
        assert len(stub.bodies) - before == 3


def test_requests_with_a_shared_beginning_follow_each_other(stub, connect):
    engine = connect(stub, max_concurrency=1)
    engine.check()
    before = len(stub.bodies)
    prompts = [TextPrompt(text=f"{topic} {number}: the answer is") for number in range(3) for topic in ("Xy", "Ab")]
    engine.score([ScoreRequest(prompt=prompt, continuations=(" yes it is",)) for prompt in prompts])
    sent = [tuple(body.get("prompt") or body["input_ids"]) for body in stub.bodies[before:]]
    assert sent == sorted(sent)
    assert len(sent) == 6


def test_words_that_the_server_leaves_out_of_its_top_are_scored_one_by_one(tokenizer, connect, here):
    with StubServer(tokenizer, TorchBrain(tiny_model("llama")), protocol="echo") as stub:
        request = ScoreRequest(prompt=CHAT, continuations=tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        (mine,), (theirs,) = here.score([request]).scores, connect(stub).score([request]).scores
    assert theirs.logprobs == pytest.approx(mine.logprobs, abs=1e-4)


def test_verdicts_of_a_server_that_renormalises_them_are_scored(tokenizer, connect, here):
    with StubServer(tokenizer, TorchBrain(tiny_model("llama")), protocol="vllm", defect="coarse_next") as stub:
        engine = connect(stub)
        assert not engine.probe()[0].one_request_verdicts
        assert engine.score(REQUESTS[3:4]).scores[0].logprobs == pytest.approx(
            here.score(REQUESTS[3:4]).scores[0].logprobs, abs=1e-4
        )


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.7, "top_p": 0.8}, {"temperature": 0}, {"stop": ("e", "q")}])
def test_samples_have_the_log_probability_that_scoring_gives(stub, there, here, settings):
    drawn = there.sample([TEXT, CHAT], SamplingSettings(n=16, max_new_tokens=2, seed=3, **settings))
    assert [len(group) for group in drawn.samples] == [16, 16]
    known = 0
    for prompt, group in zip((TEXT, CHAT), drawn.samples, strict=True):
        for sample in group:
            assert not any(stop in sample.text for stop in settings.get("stop", ()))
            if sample.canonical and sample.text:
                score = here.score([ScoreRequest(prompt=prompt, continuations=(sample.text,))]).scores[0].logprobs[0]
                assert sample.logprob == pytest.approx(score, abs=1e-4)
                known += 1
    # Where a server tells no ids, no sample claims a log-probability.
    assert known > 0 if stub.mind.protocol != "echo" else known == 0
    assert drawn.usage.sampled_tokens > 0


def test_samples_with_heated_log_probabilities_claim_none(tokenizer, connect):
    with StubServer(tokenizer, defect="heated") as stub:
        drawn = connect(stub).sample([TEXT], SamplingSettings(n=4, max_new_tokens=4))
        assert not any(sample.canonical for sample in drawn.samples[0])


@pytest.mark.parametrize("defect", [None, "one_draw"])
def test_a_seed_decides_the_samples_and_prompts_have_dice_of_their_own(tokenizer, connect, defect):
    with StubServer(tokenizer, HashBrain(spread=1.0), defect=defect) as stub:
        engine = connect(stub)
        same = [TextPrompt(text="the same prompt"), TextPrompt(text="another prompt")]
        settings = SamplingSettings(n=4, max_new_tokens=8, seed=5, top_p=1.0, top_k=0)
        first, other = engine.sample(same, settings).samples
        assert engine.sample(same[:1], settings).samples == (first,)
        assert len({sample.text for sample in first}) > 1
        assert [s.text for s in first] != [s.text for s in other]


def test_awaiting_gives_the_same(there):
    settings = SamplingSettings(n=2, max_new_tokens=4)

    async def both():
        return await asyncio.gather(there.ascore(REQUESTS), there.asample([TEXT], settings))

    scores, samples = asyncio.run(both())
    for one, other in zip(scores.scores, there.score(REQUESTS).scores, strict=True):
        assert one.logprobs.tolist() == other.logprobs.tolist()
    assert samples.samples == there.sample([TEXT], settings).samples


def test_a_prompt_longer_than_the_server_reads_is_refused_here(there):
    long = TextPrompt(text="z9" * 2000)
    with pytest.raises(InvalidInputError, match=r"has 4001 tokens and up to 1 more .* the server reads at most 2048"):
        there.score([ScoreRequest(prompt=long, continuations=(" yes",))])
    with pytest.raises(InvalidInputError, match="the server reads at most 2048"):
        there.sample([long], SamplingSettings(n=1))


def test_an_engine_can_be_used_again_after_it_was_closed(tokenizer, connect):
    with StubServer(tokenizer) as stub:
        engine = connect(stub)
        first = engine.score(REQUESTS[:1]).scores[0].logprobs.tolist()
        engine.close()
        engine.close()
        assert engine.score(REQUESTS[:1]).scores[0].logprobs.tolist() == first


def test_an_engine_that_nobody_holds_ends_its_thread(tokenizer):
    before = set(threading.enumerate())
    with StubServer(tokenizer) as stub:
        OpenAICompatibleEngine(stub.url, tokenizer=tokenizer).check()
        gc.collect()
        left = [thread for thread in set(threading.enumerate()) - before if thread.name.endswith("server")]
    assert left == []


def test_nothing_asked_is_nothing_answered(there):
    assert there.score([]).scores == ()
    assert there.sample([], SamplingSettings()).samples == ()
