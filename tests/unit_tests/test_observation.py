"""The pipeline tells its observer of every step, and logs it; failures too."""

import logging

import pytest

from langchain_consensus import Consensus, FakeEngine, Question, given
from langchain_consensus.engine import Usage
from langchain_consensus.errors import EngineError
from langchain_consensus.game import LogTimeFlow
from langchain_consensus.observation import Step, watched
from tests.engines import BELIEFS, CAPITAL, SUM, RecordingEngine


class Notes:
    """An observer that writes everything down."""

    def __init__(self):
        self.began_with, self.ended_with = [], []

    def began(self, step):
        self.began_with.append(step)

    def ended(self, step, error):
        self.ended_with.append((step, error))


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def consensus(notes):
    return Consensus(engine=FakeEngine(BELIEFS), solver=LogTimeFlow(), observer=notes)


def test_every_step_is_told_in_order_with_what_it_cost(consensus, notes):
    rankings = consensus.ask([Question(text=CAPITAL), Question(text=SUM)])
    assert [step.name for step in notes.began_with] == ["sampling", "scoring", "solving"]
    steps = [step for step, error in notes.ended_with if error is None]
    assert [step.name for step in steps] == ["sampling", "scoring", "solving"]
    assert {step.questions for step in steps} == {2}
    assert {step.candidates for step in steps} == {tuple(len(one.candidates) for one in rankings)}
    assert all(step.seconds > 0 for step in steps)
    # What a ranking says it cost is its part of the steps.
    assert [sum((s.usages[i] for s in steps[:2]), Usage()) for i in range(2)] == [one.usage for one in rankings]
    assert steps[2].usage == Usage()
    assert steps[0].usage.sampled_tokens > 0


def test_a_step_that_begins_knows_no_more_than_its_questions(consensus, notes):
    consensus.ask([Question(text=CAPITAL)])
    first, *rest = notes.began_with
    assert first == Step(name="sampling", questions=1)
    assert all((step.seconds, step.usages) == (0, ()) and len(step.candidates) == 1 for step in rest)


def test_given_candidates_are_scored_and_solved_and_nothing_is_drawn(consensus, notes):
    consensus.rank([given(CAPITAL, ["Sydney", "Canberra"])])
    assert [step.name for step, _ in notes.ended_with] == ["scoring", "solving"]
    assert {step.candidates for step, _ in notes.ended_with} == {(2,)}


def test_a_step_that_fails_is_told_with_its_error_and_no_other_follows(notes):
    consensus = Consensus(engine=RecordingEngine({"q": {" ": 1.0}}), observer=notes)
    with pytest.raises(EngineError) as caught:
        consensus.ask([Question(text="q")])
    ((step, error),) = notes.ended_with
    assert (step.name, error) == ("sampling", caught.value)
    assert step.seconds > 0


def test_no_questions_are_no_steps_of_scoring(consensus, notes):
    assert consensus.rank([]) == []
    assert notes.began_with == []


def test_an_observer_changes_no_ranking(consensus):
    watched_rankings = consensus.ask([Question(text=CAPITAL)])
    alone = Consensus(engine=consensus.engine, solver=LogTimeFlow())
    assert alone.ask([Question(text=CAPITAL)]) == watched_rankings


def test_steps_are_logged_under_the_package_s_name(consensus, caplog):
    with caplog.at_level(logging.DEBUG, logger="langchain_consensus"):
        consensus.ask([Question(text=CAPITAL)])
    lines = [record.getMessage() for record in caplog.records if record.name == "langchain_consensus.observation"]
    assert [line.split(":")[0] for line in lines] == ["sampling", "scoring", "solving"]
    assert "1 questions" in lines[0]
    assert "tokens read" in lines[0]
    assert "drawn" in lines[0]


def test_a_failure_is_logged_with_its_step(caplog):
    consensus = Consensus(engine=RecordingEngine({"q": {" ": 1.0}}))
    with caplog.at_level(logging.DEBUG, logger="langchain_consensus"), pytest.raises(EngineError):
        consensus.ask([Question(text="q")])
    assert "sampling failed after" in caplog.text


def test_without_a_handler_nothing_is_printed(consensus, capsys):
    consensus.ask([Question(text=CAPITAL)])
    assert capsys.readouterr() == ("", "")


def test_a_step_in_which_nothing_is_reported_has_no_usage():
    notes = Notes()
    with watched(notes, Step(name="solving", questions=2, candidates=(3, 4))):
        pass
    ((step, error),) = notes.ended_with
    assert (step.candidates, step.usages, error) == ((3, 4), (), None)
