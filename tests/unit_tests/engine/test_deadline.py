"""A call ends when it is cancelled or its time is over, and with the call that encloses it."""

import asyncio
import threading
import time

import pytest

from langchain_consensus.engine.deadline import Call, current_call, deadline
from langchain_consensus.engine.worker import Worker, in_worker
from langchain_consensus.errors import CallCancelledError, DeadlineExceededError, InvalidInputError


def test_outside_all_deadlines_a_call_has_no_end():
    call = current_call()
    call.check()
    assert call.remaining is None
    assert call.error is None


def test_the_time_of_a_block_is_that_of_all_its_calls_together():
    with deadline(0.02) as call:
        assert 0 < current_call().remaining <= 0.02
        current_call().check()
        time.sleep(0.03)
        with pytest.raises(DeadlineExceededError, match=r"deadline of 0\.02 s"):
            current_call().check()
        assert call.remaining == 0
    current_call().check()


def test_of_two_deadlines_the_earlier_counts():
    with deadline(60), deadline(0.001):
        assert current_call().remaining < 1
    with deadline(0.001), deadline(60):
        assert current_call().remaining < 1


def test_cancelling_a_call_cancels_what_is_inside_it_and_nothing_outside():
    with deadline() as outer, deadline() as inner:
        inner.cancel()
        with pytest.raises(CallCancelledError):
            inner.check()
        outer.check()
    with deadline() as outer, deadline() as inner:
        outer.cancel()
        assert isinstance(inner.error, CallCancelledError)


def test_who_waits_is_woken_when_a_call_around_it_is_cancelled():
    woken = []
    outer = Call()
    with Call(parent=outer).waking(lambda: woken.append(1)):
        outer.cancel()
    outer.cancel()
    assert woken == [1]


def test_a_clock_that_is_set_moves_no_deadline(monkeypatch):
    with deadline(60):
        monkeypatch.setattr(time, "time", lambda: 4e9)
        assert 50 < current_call().remaining <= 60


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "5", True])
def test_a_time_that_is_none_is_refused(seconds):
    with pytest.raises(InvalidInputError, match=r"`seconds` is .* above 0"), deadline(seconds):
        pass


class Engine:
    def __init__(self, worker):
        if worker is not None:
            self.worker = worker


@pytest.mark.parametrize("worker", [Worker(), None], ids=["worker", "any thread"])
async def test_a_cancelled_task_cancels_its_call(worker):
    began, ended, seen = threading.Event(), threading.Event(), []

    def work():
        began.set()
        while current_call().error is None:
            time.sleep(0.001)
        seen.append(current_call().error)
        ended.set()

    task = asyncio.create_task(in_worker(Engine(worker), work))
    assert await asyncio.to_thread(began.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(ended.wait, 5)
    assert isinstance(seen[0], CallCancelledError)


async def test_the_deadline_of_a_task_counts_in_the_worker_and_while_it_waits_for_it():
    worker = Worker(threads=1)
    busy = asyncio.create_task(in_worker(Engine(worker), time.sleep, 0.1))
    await asyncio.sleep(0.01)
    ran = []
    with deadline(0.02), pytest.raises(DeadlineExceededError):
        await in_worker(Engine(worker), ran.append, "too late")
    assert not busy.done()
    await busy
    await in_worker(Engine(worker), ran.append, "later")
    assert ran == ["later"]


async def test_a_timeout_of_asyncio_ends_a_call_too():
    worker, ended = Worker(), []

    def work():
        while current_call().error is None:
            time.sleep(0.001)
        ended.append(True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await in_worker(Engine(worker), work)
    await in_worker(Engine(worker), int)
    assert worker.close(5)
    assert ended == [True]
