"""Whatever fails at whatever operation of the device, each caller gets its own result or its own error.

A Hypothesis state machine over the public calls of one engine on a tiny model: up to three callers at once score and
draw while at a chosen tensor operation an error is raised, memory runs out, or one of the callers leaves. After every
step the engine is at rest, and goes on.
"""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from torch.utils._python_dispatch import TorchDispatchMode

from langchain_consensus.engine import SamplingSettings, ScoreRequest, TransformersEngine
from langchain_consensus.engine.deadline import Call, within
from langchain_consensus.errors import CallCancelledError, EngineClosedError, EngineMemoryError
from langchain_consensus.prompts import TextPrompt
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

PATIENCE = 60  # seconds
SETTINGS = SamplingSettings(n=2, max_new_tokens=3)
TEXTS = ("What is the answer?", "Question: what is it? " * 3, "What is the answer to it?", "No. " * 9)
KINDS = ("score", "sample")


class Fault(TorchDispatchMode):
    """At the tensor operation number `at`, once: `act`."""

    def __init__(self, at, act):
        super().__init__()
        self.left, self.act, self.fired = at, act, False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if self.left == 0 and not self.fired:
            self.fired = True
            self.act()
        self.left -= 1
        return function(*args, **(kwargs or {}))


def ask(engine, kind, text):
    prompt = TextPrompt(text=text)
    if kind == "sample":
        return [one.text for one in engine.sample([prompt], SETTINGS).samples[0]]
    return engine.score([ScoreRequest(prompt=prompt, continuations=(" yes", " no", " it is"))]).scores[0].logprobs


def new_engine():
    return TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer())


@functools.cache
def expected(kind, text):
    with new_engine() as engine:
        return ask(engine, kind, text)


def same(kind, found, text):
    if kind == "sample":
        return found == expected(kind, text)
    return np.allclose(found, expected(kind, text), atol=1e-4)


def fail():
    msg = "the device failed"
    raise ZeroDivisionError(msg)


def run_out():
    raise torch.OutOfMemoryError


callers = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(TEXTS)), min_size=1, max_size=3)
places = st.integers(0, 400)


class CallersUnderFaults(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.engine = new_engine()
        self.model = self.engine._model()
        self.fault = None
        for name in ("_score", "_draw"):
            setattr(self.model, name, functools.partial(self.under_fault, getattr(self.model, name)))

    def under_fault(self, work, *args, **options):
        if self.fault is None:
            return work(*args, **options)
        with self.fault:
            return work(*args, **options)

    def at_once(self, asked, calls, fault):
        """What each caller gets, an error among it, with all of them waiting before the first pass."""
        self.fault = fault

        def one(call, kind, text):
            try:
                with within(call):
                    return ask(self.engine, kind, text)
            except Exception as error:  # noqa: BLE001
                return error

        with ThreadPoolExecutor(len(asked)) as pool, self.engine.worker.turns.taken():
            futures = [pool.submit(one, call, *each) for call, each in zip(calls, asked, strict=True)]
            while len(self.engine._gatherer._waiting) < len(asked) and not any(f.done() for f in futures):
                pass
        self.fault = None
        return [future.result(PATIENCE) for future in futures]

    @rule(asked=callers, at=places)
    def an_error_reaches_a_caller_who_is_alone_in_the_pass_and_nobody_else(self, asked, at):
        fault = Fault(at, fail)
        found = self.at_once(asked, [Call() for _ in asked], fault)
        errors = [one for one in found if isinstance(one, Exception)]
        assert len(errors) <= fault.fired
        assert all(isinstance(error, ZeroDivisionError) for error in errors)
        assert fault.fired <= len(errors) or len(asked) > 1
        self.right(asked, found)

    @rule(asked=callers, at=places)
    def memory_that_runs_out_at_any_operation_costs_no_answer_until_all_budgets_are_at_their_floor(self, asked, at):
        floored = self.model.memory.budgets == self.model.memory.budgets.halved()
        found = self.at_once(asked, [Call() for _ in asked], Fault(at, run_out))
        errors = [one for one in found if isinstance(one, Exception)]
        assert len(errors) <= floored
        assert all(isinstance(error, EngineMemoryError) for error in errors)
        self.right(asked, found)

    @rule(asked=callers, at=places)
    def a_caller_who_leaves_gets_an_error_and_the_others_their_answers(self, asked, at):
        calls = [Call() for _ in asked]
        fault = Fault(at, calls[0].cancel)
        found = self.at_once(asked, calls, fault)
        assert isinstance(found[0], CallCancelledError) or not fault.fired or same(asked[0][0], found[0], asked[0][1])
        assert not any(isinstance(one, Exception) for one in found[1:])
        self.right(asked, found)

    def right(self, asked, found):
        for (kind, text), one in zip(asked, found, strict=True):
            assert isinstance(one, Exception) or same(kind, one, text)

    @invariant()
    def the_engine_is_at_rest(self):
        gatherer = self.engine._gatherer
        with gatherer._changed:
            assert gatherer._changed.wait_for(lambda: not gatherer._working, PATIENCE)
        assert not gatherer._waiting
        assert not gatherer._passes
        assert self.engine.worker.coming == 0

    def teardown(self):
        assert same("score", ask(self.engine, "score", TEXTS[0]), TEXTS[0])
        self.engine.close(PATIENCE)
        try:
            ask(self.engine, "score", TEXTS[0])
        except EngineClosedError:
            return
        raise AssertionError


TestCallersUnderFaults = CallersUnderFaults.TestCase
TestCallersUnderFaults.settings = settings(
    max_examples=10, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
)
