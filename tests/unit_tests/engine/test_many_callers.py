"""Many callers of one engine on a tiny model: the scores and draws of each are its own, whoever shares the pass."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from langchain_consensus.engine import SamplingSettings, ScoreRequest, TransformersEngine, Usage
from langchain_consensus.engine.deadline import Call, deadline, within
from langchain_consensus.engine.local_model import LocalModel
from langchain_consensus.engine.memory import Budgets
from langchain_consensus.engine.sharing import DrawJob, drawn_together, scored_together
from langchain_consensus.engine.watch import NobodyLeftError, Watch
from langchain_consensus.errors import CallCancelledError, DeadlineExceededError, EngineClosedError, EngineError
from langchain_consensus.prompts import TextPrompt
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

CALLERS = 16
HEADER = "Question: what is the answer? Answer: yes. " * 3
SETTINGS = SamplingSettings(n=3, max_new_tokens=6)


def request(number, *, long=False):
    prompt = TextPrompt(text=f"{HEADER if long else ''}Question {number}: what is the answer?\nAnswer:")
    return ScoreRequest(prompt=prompt, continuations=(" yes", " no", f" it is {number}"))


def engine_on(name="llama", **options):
    return TransformersEngine.from_model(tiny_model(name), tiny_tokenizer(), **options)


def local_on(name="llama", **budgets):
    return LocalModel(tiny_model(name), tiny_tokenizer(), budgets=Budgets(**budgets))


def at_once(engine, works):
    """What each of `works` gives, all of them waiting before the first pass begins."""
    with ThreadPoolExecutor(len(works)) as pool, engine.worker.turns.taken():
        futures = [pool.submit(work) for work in works]
        while len(engine._gatherer._waiting) < len(works):
            for future in futures:
                assert not future.done(), future.result()
    return [future.result() for future in futures]


class Leaving(Watch):
    """A watch whose `who` leave after some steps."""

    def __init__(self, jobs, who, after):
        self._calls = [Call() for _ in range(jobs)]
        self._who, self._after, self.steps = who, after, 0
        super().__init__(self._calls)

    def step(self):
        self.steps += 1
        if self.steps > self._after:
            for job in self._who:
                self._calls[job].cancel()
        return super().step()


@pytest.mark.parametrize("name", ["llama", "gemma3_window_shorter_than_input"])
def test_scores_do_not_depend_on_who_shares_the_pass_and_costs_add_up(name):
    engine = engine_on(name, prefix_cache_bytes=0)
    requests = [request(number, long=number % 2 == 0) for number in range(CALLERS)]
    alone = [engine.score([one]) for one in requests]
    before = engine._model().prefixes.status
    together = at_once(engine, [lambda one=one: engine.score([one]) for one in requests])
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.scores[0].logprobs, other.scores[0].logprobs, atol=1e-4)
        assert one.usage.input_tokens == other.usage.input_tokens
    whole = engine.score(requests).usage
    assert sum((one.usage for one in together), Usage()) == whole  # one pass, its costs dealt out
    assert whole.forwards < sum(one.usage.forwards for one in alone)
    assert before.entries == 0


def test_draws_do_not_depend_on_who_shares_the_pass_or_on_others_seeds():
    engine = engine_on()
    prompts = [request(number % 5).prompt for number in range(CALLERS)]
    settings = [SamplingSettings(n=3, max_new_tokens=6, seed=number % 4) for number in range(CALLERS)]
    alone = [engine.sample([prompt], own) for prompt, own in zip(prompts, settings, strict=True)]
    works = [lambda p=prompt, s=own: engine.sample([p], s) for prompt, own in zip(prompts, settings, strict=True)]
    together = at_once(engine, works)
    assert [[s.text for s in one.samples[0]] for one in together] == [[s.text for s in one.samples[0]] for one in alone]
    assert len({one.samples[0][0].text for one in together}) > 4
    assert [one.usage.sampled_tokens for one in together] == [one.usage.sampled_tokens for one in alone]
    assert sum(one.usage.forwards for one in together) < sum(one.usage.forwards for one in alone)


def test_draws_of_other_lengths_are_not_mixed():
    engine = engine_on()
    prompt = request(1).prompt
    short, long = SamplingSettings(n=2, max_new_tokens=2), SamplingSettings(n=3, max_new_tokens=5)
    found = at_once(engine, [lambda: engine.sample([prompt], short), lambda: engine.sample([prompt], long)])
    assert [s.text for s in found[0].samples[0]] == [s.text for s in engine.sample([prompt], short).samples[0]]
    assert [s.text for s in found[1].samples[0]] == [s.text for s in engine.sample([prompt], long).samples[0]]


def test_steps_that_only_a_leaver_wants_are_not_run_and_the_others_scores_stay():
    model = local_on(tokens=16)
    jobs = [model.texts.strings([request(number, long=True)]) for number in (0, 1)]
    # Different first words, so that the two have nothing in common.
    jobs[1] = model.texts.strings([ScoreRequest(prompt=TextPrompt(text="No. " * 40), continuations=(" yes", " no"))])
    expected = scored_together(model, jobs[1:], Watch([Call()]))[0]
    model.prefixes.clear()
    ran = []
    real = model.network.hidden
    model.network.hidden = lambda **given: ran.append(given["tokens"].size) or real(**given)
    scored_together(model, jobs, Watch([Call(), Call()]))
    every = len(ran)
    for after in (0, 1, 3):
        model.prefixes.clear()
        ran.clear()
        found = scored_together(model, jobs, Leaving(2, [0], after))
        assert len(ran) < every
        assert np.allclose(found[1].scores[0].logprobs, expected.scores[0].logprobs, atol=1e-4)
        # Nothing that was left out may be kept for later calls.
        again = scored_together(model, jobs, Watch([Call(), Call()]))
        model.prefixes.clear()
        fresh = scored_together(model, jobs, Watch([Call(), Call()]))
        for one, other in zip(again, fresh, strict=True):
            assert np.allclose(one.scores[0].logprobs, other.scores[0].logprobs, atol=1e-4)


def test_a_beginning_that_is_known_stays_there_for_who_remains():
    model = local_on(tokens=16)
    jobs = [model.texts.strings([request(number, long=True)]) for number in (0, 1)]
    expected = scored_together(model, jobs, Watch([Call(), Call()]))
    assert model.prefixes.status.entries
    for leaver in (0, 1):
        found = scored_together(model, jobs, Leaving(2, [leaver], 0))
        kept = 1 - leaver
        assert np.allclose(found[kept].scores[0].logprobs, expected[kept].scores[0].logprobs, atol=1e-4)


@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_draws_of_who_remains_are_the_same_whenever_another_leaves(after):
    model = local_on(tokens=16)
    jobs = [
        DrawJob(ids=model.texts.prompt_ids([request(number, long=number == 0).prompt], SETTINGS), settings=SETTINGS)
        for number in range(3)
    ]
    with torch.inference_mode():
        expected = drawn_together(model, jobs, Watch([Call() for _ in jobs]))
        model.prefixes.clear()
        found = drawn_together(model, jobs, Leaving(3, [0], after))
    for place in (1, 2):
        assert [fork.ids for fork in found[place].forks[0]] == [fork.ids for fork in expected[place].forks[0]]
    again = drawn_together(model, jobs, Watch([Call() for _ in jobs]))
    assert [fork.ids for fork in again[0].forks[0]] == [fork.ids for fork in expected[0].forks[0]]


@pytest.mark.parametrize("packed", [True, False], ids=["packed", "plain"])
def test_a_pass_that_nobody_wants_ends_before_its_next_forward(packed):
    model = local_on(tokens=16)
    if not packed:
        model.network = None
    job = DrawJob(ids=model.texts.prompt_ids([request(0).prompt], SETTINGS), settings=SETTINGS)
    watch = Leaving(1, [0], 3)
    with pytest.raises(NobodyLeftError):
        drawn_together(model, [job], watch)
    assert watch.steps == 4
    with pytest.raises(NobodyLeftError):
        scored_together(model, [model.texts.strings([request(0)])], Leaving(1, [0], 0))


def test_a_call_ends_at_its_deadline_and_the_engine_goes_on():
    engine = engine_on()
    expected = engine.score([request(1)])
    with deadline(1e-6), pytest.raises(DeadlineExceededError):
        engine.score([request(1)])
    cancelled = Call()
    cancelled.cancel()
    with within(cancelled), pytest.raises(CallCancelledError):
        engine.sample([request(1).prompt], SETTINGS)
    assert np.array_equal(engine.score([request(1)]).scores[0].logprobs, expected.scores[0].logprobs)


def test_a_model_that_gives_no_numbers_for_one_caller_fails_that_one_alone(monkeypatch):
    engine = engine_on()
    real = LocalModel._score

    def broken(self, strings, budgets, *, sharing):
        logprobs, usage = real(self, strings, budgets, sharing=sharing)
        return [
            values * np.nan if jobs == {0} else values for values, jobs in zip(logprobs, sharing.owners, strict=True)
        ], usage

    monkeypatch.setattr(LocalModel, "_score", broken)

    def outcome(number):
        try:
            return engine.score([request(number)])
        except EngineError as error:
            return str(error)

    found = at_once(engine, [lambda number=number: outcome(number) for number in range(4)])
    failed = [one for one in found if isinstance(one, str)]
    assert len(failed) == 1
    assert "NaN" in failed[0]


def test_closing_lets_go_of_the_model_and_its_threads():
    engine = engine_on()
    with engine:
        engine.score([request(0)])
    with pytest.raises(EngineClosedError):
        engine.score([request(0)])
    with pytest.raises(EngineClosedError):
        engine.token_ids("yes")
    engine.close()
    assert engine._held.loaded is None
    assert not [t for t in threading.enumerate() if t in engine._gatherer._device._threads]
