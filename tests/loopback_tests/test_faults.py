"""Servers that fail, stall and die: every question is answered once, within its budget, or fails alone."""

import asyncio
import random
import threading
import time

import pytest

from langchain_consensus import Consensus, given
from langchain_consensus.cli.pipeline import each_ranked
from langchain_consensus.engine import ScoreRequest
from langchain_consensus.errors import EngineError
from langchain_consensus.prompts import TextPrompt
from tests.servers.stub import StubServer

QUESTIONS = [
    ScoreRequest(prompt=TextPrompt(text=f"Question {number}: what is it?\nAnswer:"), continuations=(" yes it is",))
    for number in range(200)
]
KINDS = ("429", "500", "reset", "stall")
BUDGET, AT_ONCE = 8, 16


def faults(seed, *, share=0.2):
    """A fifth of the requests fail, each kind as often as the others."""
    dice = random.Random(seed)
    kinds = [dice.choice(KINDS) if dice.random() < share else None for _ in range(5000)]
    return lambda number: kinds[number]


def prepared(connect, *stubs, **options):
    """An engine that has probed its servers while they were sound."""
    settings = {"max_concurrency": AT_ONCE, "max_attempts": BUDGET, "request_timeout": 2.0, **options}
    engine = connect(*stubs, **settings)
    wanted = [(stub.fault, stub.latency) for stub in stubs]
    for stub in stubs:
        stub.fault, stub.latency = (lambda number: None), 0
    engine.check()
    for stub, (fault, latency) in zip(stubs, wanted, strict=True):
        stub.fault, stub.latency = fault, latency
        stub.forget()
    return engine


def values(result):
    return [float(one.logprobs[0]) for one in result.scores]


@pytest.fixture(scope="module")
def told(request):
    """Prints a measurement even where output is captured."""

    def tell(line):
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{line}")

    return tell


def test_two_hundred_questions_survive_a_fifth_of_failures_and_the_death_of_a_replica(tokenizer, connect, told):
    with StubServer(tokenizer, latency=0.02) as one, StubServer(tokenizer, latency=0.02) as other:
        engine = prepared(connect, one, other)
        began = time.perf_counter()
        expected = values(engine.score(QUESTIONS))
        faultless = time.perf_counter() - began
        assert sum(one.answered.values()) + sum(other.answered.values()) == 200

    with (
        StubServer(tokenizer, latency=0.02, fault=faults(1)) as one,
        StubServer(tokenizer, latency=0.02, fault=faults(2)) as other,
    ):
        one.stall = other.stall = 4.0
        engine = prepared(connect, one, other)

        def die_half_way():
            while sum(one.answered.values()) + sum(other.answered.values()) < 100:
                time.sleep(0.005)
            other.kill()

        death = threading.Thread(target=die_half_way)
        death.start()
        began = time.perf_counter()
        found = values(engine.score(QUESTIONS))
        seconds = time.perf_counter() - began
        death.join()
        sent, answered = one.sent + other.sent, one.answered + other.answered
        outcomes = one.outcomes + other.outcomes
        most_busy = one.most_busy + other.most_busy

    assert found == pytest.approx(expected)  # every question has its own answer: none is lost, none is another's
    assert len(set(found)) == len(set(expected)) > 190
    assert len(sent) == 200
    assert max(sent.values()) <= BUDGET
    assert set(answered) == set(sent)
    # An answer that was on its way when the replica died is asked for again; nothing else is.
    assert sum(answered.values()) - 200 <= AT_ONCE
    assert most_busy <= 2 * AT_ONCE
    assert all(outcomes[kind] > 0 for kind in KINDS)
    failed = sum(outcomes[kind] for kind in KINDS)
    told(
        f"200 questions, {AT_ONCE} at once, two replicas: {faultless:.1f} s without faults; {seconds:.1f} s with "
        f"{failed} of {failed + outcomes[None]} requests failing {dict(outcomes)} and one replica dead half-way; "
        f"at most {max(sent.values())} of {BUDGET} attempts"
    )


def test_connections_are_used_again_and_requests_at_once_are_bounded(tokenizer, connect):
    with StubServer(tokenizer, latency=0.01) as stub:
        engine = prepared(connect, stub, max_concurrency=4)
        for start in range(0, 40, 20):
            engine.score(QUESTIONS[start : start + 20])
        assert stub.most_busy <= 4
        assert stub.connections <= 4


def test_calls_of_many_threads_share_one_bound(tokenizer, connect):
    with StubServer(tokenizer, latency=0.02) as stub:
        engine = prepared(connect, stub, max_concurrency=3)
        threads = [threading.Thread(target=engine.score, args=(QUESTIONS[k::5][:6],)) for k in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(stub.answered.values()) == 30
        assert stub.most_busy == 3


def test_retry_after_is_kept(tokenizer, connect):
    with StubServer(tokenizer) as stub:
        engine = prepared(connect, stub)
        first = len(stub.bodies)
        stub.fault, stub.retry_after = (lambda number: "429" if number == first else None), 1
        began = time.perf_counter()
        engine.score(QUESTIONS[:1])
        assert time.perf_counter() - began >= 1.0
        assert stub.outcomes == {"429": 1, None: 1}


def test_a_busy_replica_is_left_alone_while_another_works(tokenizer, connect):
    with StubServer(tokenizer, fault=lambda number: "503") as busy, StubServer(tokenizer) as free:
        busy.retry_after = 20
        engine = prepared(connect, busy, free)
        began = time.perf_counter()
        engine.score(QUESTIONS[:60])
        assert time.perf_counter() - began < 10
        assert sum(free.answered.values()) == 60
        assert busy.outcomes["503"] <= AT_ONCE


def test_a_replica_that_recovers_gets_work_again(tokenizer, connect):
    with StubServer(tokenizer) as one, StubServer(tokenizer) as other:
        engine = prepared(connect, one, other)
        other.fault = lambda number: "500"
        engine.score(QUESTIONS[:40])
        assert not other.answered
        assert other.outcomes["500"] < 40
        other.fault = lambda number: None
        time.sleep(1.2)
        engine.score(QUESTIONS[40:80])
        time.sleep(0.1)
        engine.score(QUESTIONS[80:120])
        assert sum(other.answered.values()) > 5


def test_a_replica_that_starts_late_joins_in_after_it_was_probed(tokenizer, connect):
    with StubServer(tokenizer) as one, StubServer(tokenizer) as gone:
        gone.kill()
        engine = connect(one, gone, max_concurrency=4)
        engine.check()
        assert len(engine.score(QUESTIONS[:20]).scores) == 20


def test_answers_that_cannot_be_read_are_asked_for_again(tokenizer, connect):
    with StubServer(tokenizer) as stub:
        engine = prepared(connect, stub)
        stub.fault = lambda number: "garbage" if number % 3 == 0 else None
        assert len(engine.score(QUESTIONS[:12]).scores) == 12
        assert stub.outcomes["garbage"] > 0


def test_a_request_that_keeps_failing_ends_with_its_last_reason(tokenizer, connect):
    with StubServer(tokenizer, fault=lambda number: "500") as stub:
        engine = prepared(connect, stub, max_attempts=3)
        with pytest.raises(EngineError, match=r"A request failed 3 times, .* status 500: .*fault 500"):
            engine.score(QUESTIONS[:1])
        assert sum(stub.sent.values()) == 3


def test_when_every_replica_is_dead_the_rest_of_a_call_is_not_tried(tokenizer, connect):
    with StubServer(tokenizer) as stub:
        engine = prepared(connect, stub, max_attempts=3)
        stub.kill()
        began = time.perf_counter()
        with pytest.raises(EngineError, match=r"cannot be reached|None of .* can be reached"):
            engine.score(QUESTIONS)
        assert time.perf_counter() - began < 20


def test_a_call_ends_at_its_deadline(tokenizer, connect):
    with StubServer(tokenizer, latency=0.3) as stub:
        engine = prepared(connect, stub, max_concurrency=1, deadline=1.0)
        with pytest.raises(EngineError, match=r"longer than `deadline`, 1 s; . of 20 requests were answered"):
            engine.score(QUESTIONS[:20])
        time.sleep(0.5)
        assert stub.busy == 0


def test_a_failed_item_takes_no_other_with_it_and_no_answer_is_paid_for_twice(tokenizer, connect):
    broken = "Question 3: what is it?"
    with StubServer(tokenizer) as stub:
        engine = prepared(connect, stub, max_attempts=2)
        marked = tokenizer(broken)["input_ids"]
        stub.fault = lambda number: "400" if _holds(stub.bodies[number]["prompt"], marked) else None
        consensus = Consensus(engine=engine, wording="qa")
        batch = [given(f"Question {number}: what is it?", ["yes it is", "no it is not"]) for number in range(6)]
        outcomes = each_ranked(consensus.rank, batch)
        assert [isinstance(outcome, EngineError) for outcome in outcomes] == [i == 3 for i in range(6)]
        assert "status 400" in str(outcomes[3])
        assert set(stub.answered.values()) == {1}


def _holds(ids, part):
    return any(ids[i : i + len(part)] == part for i in range(len(ids)))


def test_cancelling_an_awaited_call_frees_its_requests(tokenizer, connect):
    with StubServer(tokenizer, latency=0.5) as stub:
        engine = prepared(connect, stub, max_concurrency=2)

        async def cancelled():
            task = asyncio.create_task(engine.ascore(QUESTIONS[:50]))
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancelled())
        time.sleep(0.8)
        sent = sum(stub.sent.values())
        assert sent <= 4
        time.sleep(0.6)
        assert sum(stub.sent.values()) == sent
        stub.latency = 0
        assert len(engine.score(QUESTIONS[50:60]).scores) == 10  # the slots are free


def test_closing_an_engine_ends_calls_under_way(tokenizer, connect):
    with StubServer(tokenizer, latency=0.5) as stub:
        engine = prepared(connect, stub, max_concurrency=1)
        failures = []

        def call():
            try:
                engine.score(QUESTIONS[:50])
            except EngineError as error:
                failures.append(str(error))

        thread = threading.Thread(target=call)
        thread.start()
        time.sleep(0.3)
        engine.close()
        thread.join(5)
        assert failures == ["The engine was closed while the call was under way."]
