"""The peers compute what the engine computes, and the instruments see all of it."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from bench_data import shrink, tiny_subject, write_sets

from langchain_consensus.benchmarks.calibration import calibrated
from langchain_consensus.benchmarks.checks import check_forest, largest_difference
from langchain_consensus.benchmarks.entries import Timing, Trial
from langchain_consensus.benchmarks.journal import Journal
from langchain_consensus.benchmarks.limits import measured_rates, sampling_work, scoring_work
from langchain_consensus.benchmarks.measure import Counter, PeakMemory, measured
from langchain_consensus.benchmarks.methods import OursSampling, OursScoring, canonical_draws
from langchain_consensus.benchmarks.peers import Generate, Harness, Padded
from langchain_consensus.benchmarks.requests import distinct_strings
from langchain_consensus.benchmarks.workloads import arc, rag, sample
from langchain_consensus.engine.head import Head
from langchain_consensus.errors import EngineError

NO_WORK = {"peak_bytes": 0, "tokens": 0, "head_rows": 0, "forwards": 0}


@pytest.fixture
def subject():
    return tiny_subject()


@pytest.fixture
def scoring(tmp_path, monkeypatch, subject):
    """(requests, strings, the engine as a method) of `rag`."""
    shrink(monkeypatch)
    requests = rag(subject, write_sets(tmp_path), 2).requests
    strings = distinct_strings(subject.tokens, requests)
    return requests, strings, OursScoring(subject=subject, requests=requests, strings=strings)


@pytest.fixture
def sampling(tmp_path, monkeypatch, subject):
    shrink(monkeypatch)
    return sample(subject, write_sets(tmp_path), 2)


def ran(method):
    method.prepare()
    return method.scores(method.run())


@pytest.mark.parametrize("batch_size", [1, 4])
def test_padded_batches_give_the_engine_s_scores(scoring, subject, batch_size):
    _, strings, ours = scoring
    padded = Padded(subject=subject, strings=strings, batch_size=batch_size)
    assert largest_difference(ran(ours), ran(padded)) < 1e-4


@pytest.mark.parametrize("batch_size", [1, 4])
def test_lm_evaluation_harness_gives_the_engine_s_scores(scoring, subject, batch_size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports' own affair
        pytest.importorskip("lm_eval.models.huggingface")
        harness = Harness(subject=subject, strings=scoring[1], batch_size=batch_size)
        theirs = ran(harness)
    assert largest_difference(ran(scoring[2]), theirs) < 1e-4


def test_the_engine_does_the_forest_s_work_and_no_other(scoring, subject):
    _, strings, ours = scoring
    work = scoring_work(subject.model, strings)
    ours.prepare()
    one = measured(subject.model, ours.run)
    check_forest([one], work)
    for wrong in (replace(one, tokens=one.tokens + 1), replace(one, head_rows=one.head_rows + 1)):
        with pytest.raises(EngineError, match="forest's work"):
            check_forest([wrong], work)


def test_every_repetition_starts_on_a_fresh_engine(scoring, subject):
    _, strings, ours = scoring
    work = scoring_work(subject.model, strings)
    for _ in range(2):
        ours.prepare()
        check_forest([measured(subject.model, ours.run)], work)


def test_all_sides_draw_every_token_they_may(sampling, subject):
    before = subject.model.generation_config.eos_token_id
    ours = OursSampling(subject=subject, workload=sampling)
    ours.prepare()
    one = measured(subject.model, ours.run)
    prompts = [subject.tokens.prompt_ids(prompt) for prompt in sampling.prompts]
    check_forest([one], sampling_work(subject.model, prompts, sampling))
    assert one.result.usage.sampled_tokens == 2 * 2 * 5
    peer = Generate(subject=subject, prompts=prompts, settings=sampling.settings, batch_size=2)
    assert peer.run() == 2 * 2 * 5
    assert subject.model.generation_config.eos_token_id == before
    assert subject.tokenizer.eos_token == "<eos>"


def test_the_engine_s_own_log_probabilities_of_its_draws_are_those_of_plain_transformers(sampling, subject):
    ours = OursSampling(subject=subject, workload=sampling)
    ours.prepare()
    strings, logprobs = canonical_draws(subject, sampling, ours.run())
    again = Padded(subject=subject, strings=strings, batch_size=1).run()
    assert not strings or largest_difference(logprobs, again) < 1e-4


def test_the_counter_counts_padding_rows_and_forwards(subject):
    with Counter(subject.model) as counter, torch.no_grad():
        subject.model(torch.ones(2, 7, dtype=torch.int64))
        subject.model(input_ids=torch.ones(1, 3, dtype=torch.int64))
    assert (counter.tokens, counter.head_rows, counter.forwards) == (17, 17, 2)
    subject.model(torch.ones(1, 3, dtype=torch.int64))
    assert counter.tokens == 17  # its hooks are gone


def test_the_counter_sees_the_rows_that_the_engine_projects_in_tiles(subject):
    head, hidden = Head(subject.model, dtype=torch.float32), torch.zeros(5, 32)
    rows, targets = np.array([0, 2, 2, 4]), np.array([1, 1, 300, 7])
    with Counter(subject.model) as counter, torch.no_grad():
        head.logprobs(hidden, rows, targets, row_budget=8)
    assert counter.head_rows == 3
    with torch.no_grad():
        head.logprobs(hidden, rows, targets, row_budget=8)
    assert counter.head_rows == 3  # it no longer looks


def test_peak_memory_sees_what_is_freed_again(subject):
    with PeakMemory(subject.model.device) as memory:
        block = np.ones(8_000_000)
        assert block.sum() > 0
        # The sampling thread needs its 20 ms.
        torch.ones(600, 600).mm(torch.ones(600, 600))
        import time

        time.sleep(0.1)
        del block
    assert 60e6 < memory.peak_bytes < 200e6


def calibrated_in(journal, strings, subject):
    def make(items, size):
        return Padded(subject=subject, strings=items, batch_size=size)

    lengths = [len(s.prefix) for s in strings]
    return calibrated(make, strings, lengths, workload="rag", method="padded", journal=journal)


def test_calibration_picks_a_size_that_fits_and_reports_what_it_tried(scoring, subject, monkeypatch):
    strings = scoring[1][:24]
    found = calibrated_in(Journal(None, {}), strings, subject)
    assert set(found.tried) == {1, 4, 16}  # 24 strings: 32 would be no batch of its own
    assert found.batch_size in found.tried
    assert found.expected == pytest.approx(found.tried[found.batch_size])
    needed = Padded(subject=subject, strings=strings, batch_size=1).bytes_needed()
    monkeypatch.setattr("langchain_consensus.benchmarks.calibration._free_bytes", lambda: 5 * needed)
    assert set(calibrated_in(Journal(None, {}), strings, subject).tried) == {1, 4}
    monkeypatch.setattr("langchain_consensus.benchmarks.calibration._free_bytes", lambda: 0)
    assert calibrated_in(Journal(None, {}), strings, subject).batch_size is None


def test_a_calibration_goes_on_where_it_was_and_does_not_change_its_mind_once_turns_are_timed(scoring, subject):
    journal, strings = Journal(None, {}), scoring[1][:24]
    for batch, seconds in ((1, 9.0), (4, 1e-9)):
        journal.add(Trial(workload="rag", method="padded", batch=batch, items=24, seconds=seconds))
    found = calibrated_in(journal, strings, subject)
    assert (found.tried[1], found.batch_size, set(found.tried)) == (9.0, 4, {1, 4, 16})
    settled = Journal(None, {})
    settled.add(Trial(workload="rag", method="padded", batch=16, items=24, seconds=5.0))
    settled.add(Timing(workload="rag", method="padded", batch=16, round=1, seconds=1.0, **NO_WORK))
    assert calibrated_in(settled, strings, subject).tried == {16: 5.0}


def test_the_limit_s_work_by_hand(tmp_path, monkeypatch, subject):
    shrink(monkeypatch)
    strings = distinct_strings(subject.tokens, arc(subject, write_sets(tmp_path), 1).requests)
    work = scoring_work(subject.model, strings)
    model = subject.model
    inner = sum(p.numel() for p in model.base_model.parameters()) - model.get_input_embeddings().weight.numel()
    assert work.linear_flops == 2 * inner * work.tokens
    assert work.head_flops == 2 * 32 * 320 * work.head_rows  # hidden 32, vocabulary 320
    # Two of three layers see five tokens at most; four heads of eight, a product each for scores and for sums.
    paths = {s.prefix[:k] for s in strings for k in range(1, len(s.prefix) + 1)}
    paths |= {(*s.prefix, *s.continuation[:k]) for s in strings for k in range(1, len(s.continuation))}
    assert len(paths) == work.tokens
    assert work.attention_flops == 4 * 32 * sum(2 * min(len(path), 5) + len(path) for path in paths)
    rates = measured_rates(model)
    assert rates.flops > 1e6
    assert rates.read_bytes > 1e6
