"""A run that is stopped anywhere goes on where it was, and numbers of two settings are never mixed."""

import json
from dataclasses import replace

import pytest
from bench_data import shrink, tiny_subject, write_sets

from langchain_consensus.benchmarks.entries import Scope, Speed, Timing, digest_of
from langchain_consensus.benchmarks.journal import Journal
from langchain_consensus.benchmarks.measure import Measurement
from langchain_consensus.benchmarks.race import Clock, Turns, take_turns
from langchain_consensus.benchmarks.rounds import complete_rounds, notes_on
from langchain_consensus.benchmarks.run import Run, run_scoring
from langchain_consensus.benchmarks.setting import setting_of
from langchain_consensus.benchmarks.workloads import arc
from langchain_consensus.errors import InvalidInputError

SETTING = {"model": "tiny", "torch": "2.13.0", "processors": 2}
TIMING = Timing(
    workload="arc", method="ours", round=1, seconds=1.5, peak_bytes=7, tokens=8, head_rows=9, forwards=1, session="a"
)


class Slow:
    """A method whose turns are counted."""

    def __init__(self):
        self.turns = 0

    def prepare(self):
        pass

    def run(self):
        self.turns += 1
        return self.turns

    def scores(self, result):
        return [0.5]


@pytest.fixture
def two(monkeypatch):
    """Two methods that take ten seconds each by an instrument that does not wait."""

    def measured(model, call):
        return Measurement(result=call(), seconds=10.0, peak_bytes=1, tokens=2, head_rows=3, forwards=4)

    monkeypatch.setattr("langchain_consensus.benchmarks.race.measured", measured)
    return {"ours": Slow(), "peer": Slow()}


def turned(methods, journal, *, rounds, seconds=None, session="a"):
    turns = Turns(workload="arc", model=None, methods=methods, speeds=False, expected={"ours": 10.0, "peer": 10.0})
    take_turns(turns, journal, rounds=rounds, clock=Clock(seconds=seconds, session=session), say=lambda line: None)


def test_entries_come_back_from_the_file_as_they_were(tmp_path):
    path = tmp_path / "a.jsonl"
    entries = [
        Scope(workload="arc", questions=2, methods=["ours", "padded"], content="ab"),
        Speed(workload="arc", round=1, flops=1e9, read_bytes=2e9),
        TIMING,
        replace(TIMING, method="padded", batch=4, difference=1e-5, load=0.5),
    ]
    journal = Journal(path, SETTING)
    for entry in entries:
        journal.add(entry)
    again = Journal(path, SETTING)
    assert [one for kind in (Scope, Speed, Timing) for one in again.of(kind, "arc")] == entries
    assert again.of(Timing, "rag") == []
    first, *_ = path.read_text().splitlines()
    assert json.loads(first) == {"kind": "setting", "format": 1, **SETTING}


@pytest.mark.parametrize("torn", ['{"kind": "timing", "work', '{"kind": "timing"}'])
def test_a_line_that_a_crash_cut_off_is_dropped_and_the_file_goes_on(tmp_path, torn):
    path = tmp_path / "a.jsonl"
    Journal(path, SETTING).add(TIMING)
    with path.open("a") as file:
        file.write(torn)
    journal = Journal(path, SETTING)
    journal.add(replace(TIMING, round=2))
    assert [one.round for one in Journal(path, SETTING).of(Timing, "arc")] == [1, 2]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"torch": "2.14.0"}, r"torch '2.13.0', now '2.14.0'"),
        ({"processors": 64}, r"processors 2, now 64"),
        ({"model": "other", "token_budget": 32}, r"model 'tiny', now 'other'; token budget None, now 32"),
    ],
)
def test_another_machine_version_or_setting_is_refused_in_one_error(tmp_path, now, said):
    path = tmp_path / "a.jsonl"
    Journal(path, SETTING).add(TIMING)
    before = path.read_bytes()
    with pytest.raises(InvalidInputError, match=rf"`out` is .*{said}.*cannot be mixed"):
        Journal(path, {**SETTING, **now})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["not json\n", "[1]\n", '{"kind": "timing"}\n', '{"id": 3}\n'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(InvalidInputError, match="no journal of this command"):
        Journal(path, SETTING)
    assert path.read_text() == content


def test_a_workload_with_other_questions_methods_or_texts_is_refused():
    journal = Journal(None, SETTING)
    scope = Scope(workload="arc", questions=2, methods=["ours"], content="ab")
    journal.begin(scope)
    journal.begin(scope)
    for changed in ({"questions": 3}, {"methods": ["ours", "padded"]}, {"content": "cd"}):
        with pytest.raises(InvalidInputError, match=f"`arc` with {next(iter(changed))}"):
            journal.begin(replace(scope, **changed))
    assert len(journal.of(Scope, "arc")) == 1


def test_two_runs_do_not_write_to_one_file(tmp_path):
    path = tmp_path / "a.jsonl"
    with (
        Journal.opened(path, SETTING),
        pytest.raises(InvalidInputError, match="another run is writing"),
        Journal.opened(path, SETTING),
    ):
        pass
    with Journal.opened(path, SETTING):
        pass


def test_turns_that_were_timed_are_not_taken_again(two, tmp_path):
    path = tmp_path / "a.jsonl"
    turned(two, Journal(path, SETTING), rounds=2)
    assert [one.turns for one in two.values()] == [2, 2]
    turned(two, Journal(path, SETTING), rounds=3)
    assert [one.turns for one in two.values()] == [3, 3]
    order = [(one.round, one.method) for one in Journal(path, SETTING).of(Timing, "arc")]
    assert order == [(r, name) for r in (1, 2, 3) for name in ("ours", "peer")]


def test_a_run_that_dies_between_two_turns_completes_its_round_in_the_next(two):
    journal = Journal(None, SETTING)
    dies, methods = {"n": 0}, dict(two)

    class Dying(Slow):
        def run(self):
            dies["n"] += 1
            if dies["n"] == 2:
                raise KeyboardInterrupt
            return super().run()

    methods["peer"] = Dying()
    with pytest.raises(KeyboardInterrupt):
        turned(methods, journal, rounds=3, session="a")
    assert list(complete_rounds(journal, "arc", list(methods))) == [1]
    turned(methods, journal, rounds=2, session="b")
    rounds = complete_rounds(journal, "arc", list(methods))
    assert list(rounds) == [1, 2]
    assert two["ours"].turns == 2
    notes = notes_on([one for found in rounds.values() for one in found.values()], rounds=rounds, wanted=5)
    assert notes == [
        "2 of 5 rounds are complete; the rest is not in these numbers",
        "measured in 2 sessions",
        "round 2 was begun in one session and completed in another",
    ]


def test_a_turn_that_would_not_end_in_time_is_not_begun(two):
    journal = Journal(None, SETTING)
    turned(two, journal, rounds=1, seconds=5.0)
    assert not journal.of(Timing, "arc")
    turned(two, journal, rounds=1, seconds=12.0)
    assert len(journal.of(Timing, "arc")) == 2  # the instrument does not wait, so both fit


def test_a_resumed_workload_gives_the_record_of_all_its_rounds_and_measures_nothing_twice(tmp_path, monkeypatch):
    shrink(monkeypatch)
    subject, path = tiny_subject(), tmp_path / "a.jsonl"
    workload = arc(subject, write_sets(tmp_path), 2)
    setting = setting_of(subject.model, name="tiny", wording="chat_qa", token_budget=None)

    def recorded(rounds):
        with Journal.opened(path, setting) as journal:
            run = Run(rounds=rounds, journal=journal, clock=Clock(), say=lambda line: None)
            return run_scoring(subject, workload, peers=("padded",), run=run)

    first = recorded(1)
    lines = path.read_text().splitlines()
    second = recorded(2)
    assert path.read_text().splitlines()[: len(lines)] == lines
    assert (first.rounds, second.rounds) == (1, 2)
    assert second.methods[1].seconds[0] == first.methods[1].seconds[0]
    assert second.methods[1].difference < 1e-4
    assert second.ratios["padded"] == pytest.approx(second.methods[1].median / second.methods[0].median)
    monkeypatch.setattr("langchain_consensus.benchmarks.run.take_turns", None)
    third = recorded(2)
    assert third.methods == second.methods


def test_the_setting_names_machine_versions_weights_and_code():
    subject = tiny_subject()
    setting = setting_of(subject.model, name="tiny", wording="chat_qa", token_budget=None)
    assert {"processor", "memory_bytes", "torch", "transformers", "weights", "engine_code", "dtype"} <= set(setting)
    weight = next(subject.model.parameters())
    before = weight.data.reshape(-1)[0].item()
    weight.data.reshape(-1)[0] += 1
    try:
        changed = setting_of(subject.model, name="tiny", wording="chat_qa", token_budget=None)
    finally:
        weight.data.reshape(-1)[0] = before
    assert {key for key in setting if setting[key] != changed[key]} == {"weights"}


def test_digests_tell_lists_apart():
    assert digest_of([]) == ""
    assert len({digest_of(values) for values in ([1.0], [1.0, 0.0], [[1, 2], [3]], [[1], [2, 3]])}) == 4
