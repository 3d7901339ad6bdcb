"""Many callers, one thread: who is gathered, who goes first, who is refused, and what if one fails or leaves."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from langchain_consensus.engine.deadline import deadline
from langchain_consensus.engine.gathering import Gatherer, Gathering
from langchain_consensus.errors import CallCancelledError, DeadlineExceededError, EngineBusyError, EngineClosedError

SOON = 5.0  # seconds; what should take none takes less than this on any machine


class Device:
    """Runs jobs that are numbers; keeps every pass, and stops at the first step until it is let go."""

    def __init__(self, **how):
        self.gatherer = Gatherer(Gathering(**how))
        self.passes, self.began = [], threading.Event()
        self.allowed = math.inf  # passes that may go on after their first steps

    def run(self, jobs, watch):
        self.passes.append(list(jobs))
        number = len(self.passes)
        self.began.set()
        left = watch.step()
        while number > self.allowed:
            time.sleep(0.001)
            left = watch.step()
        if "bad" in jobs:
            msg = "a bad job"
            raise ValueError(msg)
        return [None if place in left else f"done {job}" for place, job in enumerate(jobs)]

    def ask(self, job, *, key="score", tokens=1):
        return self.gatherer.ask(key, job, self.run, tokens=tokens)

    def hold(self, pool, job=0, **options):
        """A pass under way that goes on when it is allowed to."""
        self.allowed = 0
        self.began.clear()
        held = pool.submit(self.ask, job, **options)
        assert self.began.wait(SOON)
        return held

    def wait_for(self, count):
        """Until so many jobs wait."""
        until = time.monotonic() + SOON
        while len(self.gatherer._waiting) < count:
            assert time.monotonic() < until
            time.sleep(0.001)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def submitted_in_order(device, pool, jobs, **options):
    futures = []
    for number, job in enumerate(jobs, start=1):
        futures.append(pool.submit(device.ask, job, **options))
        device.wait_for(number)
    return futures


def test_what_comes_during_a_pass_shares_the_next_in_the_order_in_which_it_came(pool):
    device = Device()
    held = device.hold(pool)
    futures = submitted_in_order(device, pool, range(1, 8))
    device.allowed = math.inf
    assert held.result(SOON) == "done 0"
    assert [future.result(SOON) for future in futures] == [f"done {job}" for job in range(1, 8)]
    assert device.passes == [[0], [1, 2, 3, 4, 5, 6, 7]]


def test_a_caller_who_is_alone_does_not_wait_for_others():
    device = Device(wait_seconds=SOON)
    began = time.monotonic()
    for job in range(5):
        device.ask(job)
    assert time.monotonic() - began < SOON
    assert device.passes == [[job] for job in range(5)]


def test_callers_who_are_known_to_be_coming_are_waited_for(pool):
    device = Device()
    coming = [1]
    device.gatherer = Gatherer(Gathering(wait_seconds=SOON), coming=lambda: coming[0])
    first = pool.submit(device.ask, 1)
    device.wait_for(1)
    coming[0] = 0
    second = pool.submit(device.ask, 2)
    assert {first.result(SOON), second.result(SOON)} == {"done 1", "done 2"}


def test_callers_who_shared_a_pass_are_expected_again(pool):
    device = Device(wait_seconds=SOON)
    held = device.hold(pool)
    together = submitted_in_order(device, pool, [1, 2, 3])
    device.allowed = math.inf
    assert all(future.result(SOON) for future in [held, *together])
    again = submitted_in_order(device, pool, [4, 5])  # each of them would be a pass of its own if none were expected
    again.append(pool.submit(device.ask, 6))
    assert all(future.result(SOON) for future in again)
    assert device.passes[2:] == [[4, 5, 6]]


def test_jobs_of_another_kind_or_beyond_the_tokens_of_a_pass_go_in_passes_of_their_own(pool):
    device = Device(most_tokens=10)
    held = device.hold(pool)
    futures = submitted_in_order(device, pool, [1])
    for number, (job, key, tokens) in enumerate([(2, "draw", 1), (3, "score", 8), (4, "score", 5), (5, "draw", 1)], 2):
        futures.append(pool.submit(device.ask, job, key=key, tokens=tokens))
        device.wait_for(number)
    device.allowed = math.inf
    assert all(future.result(SOON) for future in [held, *futures])
    assert device.passes == [[0], [1, 3], [2, 5], [4]]


def test_a_job_that_fails_takes_no_other_with_it(pool):
    device = Device()
    held = device.hold(pool)
    futures = submitted_in_order(device, pool, [1, "bad", 2])
    device.allowed = math.inf
    assert held.result(SOON) == "done 0"
    assert [futures[0].result(SOON), futures[2].result(SOON)] == ["done 1", "done 2"]
    with pytest.raises(ValueError, match="a bad job"):
        futures[1].result(SOON)
    assert device.ask(3) == "done 3"


def test_one_job_more_than_may_wait_is_refused_and_taken_later(pool):
    device = Device(max_waiting=2)
    held = device.hold(pool)
    futures = submitted_in_order(device, pool, [1, 2])
    with pytest.raises(EngineBusyError, match=r"2 calls wait for the engine.*`max_waiting`.*ask again later"):
        device.ask(3)
    device.allowed = math.inf
    assert all(future.result(SOON) for future in [held, *futures])
    assert device.ask(3) == "done 3"


def test_a_waiting_call_ends_at_its_deadline_and_is_never_begun(pool):
    device = Device()
    held = device.hold(pool)
    with deadline(0.03), pytest.raises(DeadlineExceededError, match=r"longer than its deadline of 0\.03 s"):
        device.ask(1)
    device.allowed = math.inf
    held.result(SOON)
    device.ask(2)
    assert device.passes == [[0], [2]]


def test_a_running_call_ends_at_its_deadline_and_its_pass_at_the_next_step():
    device = Device()
    device.allowed = 0
    with deadline(0.03), pytest.raises(TimeoutError):
        device.ask(1)
    device.gatherer.close(SOON)  # the pass has ended, although it was never let go


def test_a_call_that_is_cancelled_leaves_those_who_share_its_pass(pool):
    device = Device()
    held = device.hold(pool)
    others = submitted_in_order(device, pool, [1, 2])

    mine = []

    def cancelled():
        with deadline() as call:
            mine.append(call)
            return device.ask("cancelled")

    leaver = pool.submit(cancelled)
    device.wait_for(3)
    device.allowed = 1
    assert held.result(SOON) == "done 0"
    while len(device.passes) < 2:
        time.sleep(0.001)
    mine[0].cancel()
    with pytest.raises(CallCancelledError):
        leaver.result(SOON)
    device.allowed = math.inf
    assert [other.result(SOON) for other in others] == ["done 1", "done 2"]
    assert device.passes == [[0], [1, 2, "cancelled"]]


def test_a_long_pass_lets_shorter_jobs_go_first_and_then_goes_on(pool):
    device = Device(turn_seconds=0.0)
    held = device.hold(pool, "long", tokens=100)
    order = []
    short = pool.submit(lambda: order.append(device.gatherer.ask("score", "short", lambda jobs, _: jobs)))
    longer = pool.submit(lambda: order.append(device.ask("longer", tokens=101)))
    short.result(SOON)
    assert not held.done()  # it is still under way
    assert order == ["short"]
    device.allowed = math.inf
    assert held.result(SOON) == "done long"
    longer.result(SOON)
    assert order == ["short", "done longer"]


def test_a_pass_that_has_not_had_its_turn_goes_on_first(pool):
    device = Device(turn_seconds=60)
    held = device.hold(pool, "long", tokens=100)
    short = pool.submit(device.ask, "short")
    device.wait_for(1)
    time.sleep(0.02)
    assert device.passes == [["long"]]
    device.allowed = math.inf
    assert [held.result(SOON), short.result(SOON)] == ["done long", "done short"]


def test_a_question_from_within_a_pass_is_answered_at_once():
    device = Device()
    found = device.gatherer.ask("outer", 1, lambda jobs, _: [device.ask(job) for job in jobs])
    assert found == "done 1"


def test_closing_ends_what_is_under_way_and_refuses_what_comes(pool):
    device = Device()
    held = device.hold(pool)
    waiting = submitted_in_order(device, pool, [1])
    closing = pool.submit(device.gatherer.close)
    until = time.monotonic() + SOON
    while not device.gatherer._closed:
        assert time.monotonic() < until
    with pytest.raises(EngineClosedError, match="was closed; make a new one"):
        device.ask(2)
    device.allowed = math.inf
    closing.result(SOON)
    assert [held.result(SOON), waiting[0].result(SOON)] == ["done 0", "done 1"]


def test_closing_with_a_time_stops_what_takes_longer(pool):
    device = Device()
    held = device.hold(pool)
    waiting = submitted_in_order(device, pool, [1])
    device.gatherer.close(0.02)
    for future in (held, *waiting):
        with pytest.raises(EngineClosedError):
            future.result(SOON)
    assert device.passes == [[0]]
