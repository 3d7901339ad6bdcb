"""32 calls at once on one model: the answers of calls in turn, and an event loop that is never blocked."""

import asyncio
import gc
import threading
import time

import pytest

from langchain_consensus import ChatEquilibriumRanking, ConsensusRanker, EquilibriumRankingLLM, TransformersEngine
from langchain_consensus.engine.worker import Worker, in_worker
from langchain_consensus.errors import ContextWindowError
from langchain_consensus.game import PiKL
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer
from tests.watchdog import watched_loop

CALLS = 32
LONGEST_BLOCK = 0.05  # seconds
QUESTIONS = [f"Question {number}: what is the answer?" for number in range(CALLS)]
OPTIONS = {"num_candidates": 3, "max_new_tokens": 3, "top_k": 20, "solver": "log_time_flow"}


@pytest.fixture(scope="module")
def engine():
    return TransformersEngine.from_model(tiny_model("qwen2"), tiny_tokenizer())


@pytest.fixture(autouse=True)
def _without_the_heap_of_other_tests():
    """What thousands of earlier tests have left takes the garbage collector a quarter of a second to walk."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def answers_of(surface, engine):
    """A call of the surface for a question, and what of its result is compared."""
    if surface == "llm, log time":
        return EquilibriumRankingLLM(engine=engine, **OPTIONS), lambda text: text
    if surface == "llm":
        # The published dynamics: thousands of small steps in Python.
        return EquilibriumRankingLLM(engine=engine, **OPTIONS | {"solver": PiKL(steps=2000)}), lambda text: text
    if surface == "chat":
        return ChatEquilibriumRanking(engine=engine, **OPTIONS), lambda message: message.text
    if surface == "ranked":
        return EquilibriumRankingLLM(engine=engine, **OPTIONS).ranked(), scores_of
    ranker = ConsensusRanker(engine=engine, solver="log_time_flow")
    return ranker, scores_of


def scores_of(result):
    """The texts in their order, and every score of every candidate; scores are the same within rounding."""
    return [one.text for one in result.candidates], [[*map(float, one.scores.values())] for one in result.candidates]


def assert_same(found, in_turn):
    if isinstance(in_turn, tuple):
        assert found[0] == in_turn[0]
        assert len(found[1]) == len(in_turn[1])
        for one, other in zip(found[1], in_turn[1], strict=True):
            assert one == pytest.approx(other, abs=1e-4)
    else:
        assert found == in_turn


def input_of(surface, question):
    return {"question": question, "candidates": ["yes", "no", question]} if surface == "ranker" else question


@pytest.mark.parametrize("surface", ["llm", "chat", "ranked", "ranker"])
async def test_many_calls_at_once_give_the_answers_of_calls_in_turn_and_never_block_the_loop(surface, engine):
    runnable, comparable = answers_of(surface, engine)
    inputs = [input_of(surface, question) for question in QUESTIONS]
    in_turn = [comparable(runnable.invoke(one)) for one in inputs]
    async with watched_loop() as watch:
        found = await asyncio.gather(*(runnable.ainvoke(one) for one in inputs))
    for one, alone in zip(found, in_turn, strict=True):
        assert_same(comparable(one), alone)
    assert len({str(one) for one in in_turn}) > CALLS // 2  # the answers are not all the same by themselves
    assert watch.ticks > CALLS
    assert watch.blocked < LONGEST_BLOCK


@pytest.mark.parametrize("surface", ["llm, log time", "chat"])
async def test_many_streams_at_once_give_the_same(surface, engine):
    runnable, comparable = answers_of(surface, engine)
    in_turn = [comparable(runnable.invoke(question)) for question in QUESTIONS]

    async def streamed(question):
        chunks = [chunk async for chunk in runnable.astream(question)]
        return "".join(chunk.text if surface == "chat" else chunk for chunk in chunks)

    async with watched_loop() as watch:
        found = await asyncio.gather(*map(streamed, QUESTIONS))
    assert found == in_turn
    assert watch.blocked < LONGEST_BLOCK


async def test_the_first_call_loads_the_model_off_the_loop(engine, monkeypatch):
    threads = []

    class Slow(TransformersEngine):
        def _model(self):
            if self._held.loaded is None:
                threads.append(threading.get_ident())
                time.sleep(0.2)
            return super()._model()

    llm = EquilibriumRankingLLM(engine=Slow.from_model(tiny_model("qwen2"), tiny_tokenizer()), **OPTIONS)
    async with watched_loop() as watch:
        await asyncio.gather(*(llm.ainvoke(question) for question in QUESTIONS[:4]))
    assert threads
    assert threading.get_ident() not in threads
    assert watch.blocked < LONGEST_BLOCK


async def test_the_watchdog_sees_a_block():
    async with watched_loop() as watch:
        await asyncio.sleep(0.05)
        time.sleep(0.12)  # noqa: ASYNC251
        await asyncio.sleep(0.05)
    assert 0.08 < watch.blocked < 0.3


async def test_the_watchdog_sees_a_worker_that_keeps_the_global_lock():
    class Engine:
        worker = Worker(threads=1)  # a second thread would wait for the global lock too, and its wait be taken off

    engine = Engine()
    await in_worker(engine, int)
    async with watched_loop() as watch:
        await in_worker(engine, sum, range(20_000_000))  # one call into C, several tenths of a second of processor time
    assert watch.blocked > 0.08


async def test_a_long_document_is_tokenised_beside_the_loop(engine):
    llm = EquilibriumRankingLLM(engine=engine, **OPTIONS)
    await llm.ainvoke(QUESTIONS[0])
    async with watched_loop() as watch:
        with pytest.raises(ContextWindowError):
            await llm.ainvoke("the answer is yes. " * 10_000)
    assert watch.blocked < LONGEST_BLOCK


async def test_calls_of_a_busy_engine_have_a_thread_only_while_they_can_share_a_pass(engine):
    llm = EquilibriumRankingLLM(engine=engine, **OPTIONS)
    await llm.ainvoke(QUESTIONS[0])
    before = threading.active_count()
    tasks = [asyncio.create_task(llm.ainvoke(question)) for question in QUESTIONS * 2]
    await asyncio.sleep(0.02)
    assert threading.active_count() <= before + 16  # of 64 calls
    await asyncio.gather(*tasks)


async def test_a_cancelled_call_that_waits_is_never_begun():
    ran = []

    class Engine:
        worker = Worker(threads=1)

    engine = Engine()
    busy = asyncio.create_task(in_worker(engine, time.sleep, 0.05))
    waiting = asyncio.create_task(in_worker(engine, ran.append, "cancelled"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await busy
    await in_worker(engine, ran.append, "later")
    assert ran == ["later"]


async def test_a_loop_inside_the_worker_may_use_the_engine_again():
    class Engine:
        worker = Worker()

    engine = Engine()

    def work():
        return asyncio.run(in_worker(engine, threading.get_ident)), threading.get_ident()

    inner, outer = await asyncio.wait_for(in_worker(engine, work), timeout=5)
    assert inner == outer != threading.get_ident()


async def test_an_engine_without_a_worker_is_called_in_any_thread():
    assert await in_worker(object(), threading.get_ident) != threading.get_ident()


async def test_an_error_in_the_worker_reaches_the_caller():
    class Engine:
        worker = Worker()

    def fail():
        raise ValueError("no")  # noqa: EM101

    with pytest.raises(ValueError, match="no"):
        await in_worker(Engine(), fail)
