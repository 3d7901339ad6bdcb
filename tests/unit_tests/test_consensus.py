"""The pipeline as a whole, on an engine whose beliefs are known."""

import numpy as np
import pytest

from langchain_consensus import Consensus, Question, Rule, SamplingSettings, Wording, given
from langchain_consensus.engine import FakeEngine
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.results import ConsensusResult
from tests import oracle
from tests.engines import CAPITAL, SUM, RecordingEngine, TableEngine, drawn

QUESTIONS = [Question(text=CAPITAL), Question(text=SUM)]


@pytest.mark.parametrize("is_chat", [True, False])
@pytest.mark.parametrize("rule", list(Rule))
def test_an_engine_that_knows_the_answer_gives_it_under_every_rule(is_chat, rule):
    engine = RecordingEngine(is_chat=is_chat)
    found = Consensus(engine=engine, rule=rule, solver=LogTimeFlow(), sampling=SamplingSettings(n=32)).ask(QUESTIONS)
    assert [one.answer for one in found] == ["Canberra", "four"]
    assert [one.question for one in found] == QUESTIONS


def test_a_batch_of_questions_is_one_call_to_draw_and_one_to_score():
    engine = RecordingEngine()
    Consensus(engine=engine).ask(QUESTIONS * 5)
    assert engine.calls == (1, 1)


def test_given_candidates_are_not_drawn():
    engine = RecordingEngine()
    Consensus(engine=engine).rank([given(CAPITAL, ["Sydney", "Canberra"]), given(SUM, ["four"])])
    assert engine.calls == (0, 1)


def test_nothing_asked_is_nothing_answered():
    engine = RecordingEngine()
    assert Consensus(engine=engine).ask([]) == []
    assert Consensus(engine=engine).rank([]) == []
    assert engine.score_calls == []


def test_a_ranking_does_not_depend_on_the_rest_of_its_batch():
    consensus = Consensus(
        solver=PiKL(steps=50), engine=FakeEngine({q.text: {"a": 0.7, "b": 0.2, "c": 0.1} for q in QUESTIONS})
    )
    together, alone = consensus.ask(QUESTIONS), [consensus.ask([question])[0] for question in QUESTIONS]
    for one, other in zip(together, alone, strict=True):
        assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
        for mine, theirs in zip(one.candidates, other.candidates, strict=True):
            assert mine.scores == pytest.approx(theirs.scores, abs=1e-12)


@pytest.mark.parametrize("is_chat", [True, False])
def test_every_rule_of_the_whole_pipeline_agrees_with_the_oracle(is_chat):
    consensus = Consensus(engine=RecordingEngine(is_chat=is_chat))
    length = consensus.used_wording().length
    rankings = [*consensus.ask(QUESTIONS), *consensus.rank([given(CAPITAL, ["Sydney", "Perth it is", "Canberra"])])]
    for ranking in rankings:
        item = ConsensusResult.of(ranking).model_dump(mode="json")
        for rule, expected in oracle.scores(item, length=length).items():
            assert [one["scores"][rule] for one in item["candidates"]] == pytest.approx(expected, abs=1e-9), rule


@pytest.mark.parametrize(("is_chat", "name"), [(True, "chat_qa"), (False, "qa")])
def test_the_wording_follows_the_kind_of_model_unless_it_is_named(is_chat, name):
    engine = FakeEngine(is_chat=is_chat)
    assert Consensus(engine=engine).used_wording().name == name
    assert Consensus(engine=engine, wording="multiple_choice").used_wording().name == "multiple_choice"
    mine = Wording(
        name="mine", kind="text", ask="{question}{condition}", judge="{question}{answer}", conditions=("-", "+"),
        verdicts=("n", "y"),
    )  # fmt: skip
    assert Consensus(engine=engine, wording=mine).used_wording() is mine


def test_an_unknown_wording_is_named():
    with pytest.raises(InvalidInputError, match="`wording` is 'best'; the presets are"):
        Consensus(engine=FakeEngine(), wording="best").ask(QUESTIONS)


def test_the_solver_is_the_caller_s():
    batch = [given(CAPITAL, ["Sydney", "Canberra"])]
    (few,) = Consensus(engine=FakeEngine(), solver=PiKL(steps=3)).rank(batch)
    (solved,) = Consensus(engine=FakeEngine(), solver=Equilibrium()).rank(batch)
    assert (few.solver.name, few.solver.steps) == ("PiKL", 3)
    assert (solved.solver.name, solved.solver.outcome) == ("Equilibrium", "equilibrium")
    assert solved.solver.gap <= 1e-9


def test_no_update_ranks_by_the_anchors():
    (ranking,) = Consensus(engine=FakeEngine(), solver=PiKL(steps=0)).rank([given(CAPITAL, list("abcd"))])
    for one in ranking.candidates:
        assert one.scores[Rule.ER_GENERATOR] == pytest.approx(one.scores[Rule.SELF_CONTRASTIVE])
        assert one.scores[Rule.ER_DISCRIMINATOR] == pytest.approx(one.scores[Rule.DISCRIMINATOR])


def test_the_caller_s_key_decides_which_draws_are_one_answer():
    engine = RecordingEngine({"q": {"so 4": 0.5, "thus 4": 0.3, "so 5": 0.2}})
    consensus = Consensus(
        engine=engine, answer_key=lambda text: text.split()[-1], sampling=SamplingSettings(n=20), rule=Rule.MAJORITY
    )
    (ranking,) = consensus.ask([Question(text="q")])
    assert [set(one.members) for one in ranking.candidates] == [{"so 4", "thus 4"}, {"so 5"}]
    assert sum(one.draws for one in ranking.candidates) == 20


def test_permuting_the_candidates_permutes_the_scores():
    texts = list("abcde")
    consensus = Consensus(engine=FakeEngine())
    one, other = consensus.rank([given("q", texts), given("q", texts[::-1])])
    assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
    for mine, theirs in zip(one.candidates, other.candidates, strict=True):
        assert mine.scores == pytest.approx(theirs.scores, abs=1e-12)


def test_a_candidate_that_cannot_be_generated_is_ranked_last_without_nan():
    wording = Wording(
        name="w", kind="text", ask="{condition} {question}", judge="{question}={answer}", conditions=("bad", "good"),
        verdicts=("no", "yes"), length="sum",
    )  # fmt: skip
    table = {
        ("bad q", "a"): 0.5, ("good q", "a"): 0.5, ("bad q", "b"): 0.0, ("good q", "b"): 0.0,
        ("q=a", "no"): 0.4, ("q=a", "yes"): 0.6, ("q=b", "no"): 0.0, ("q=b", "yes"): 0.0,
    }  # fmt: skip
    for rule in ("generator", "self_contrastive", "normalised_product", "er_generator"):
        (ranking,) = Consensus(engine=TableEngine(table), wording=wording, rule=Rule(rule), solver=LogTimeFlow()).rank(
            [given("q", ["b", "a"])]
        )
        assert [one.text for one in ranking.candidates] == ["a", "b"]
        scores = [value for one in ranking.candidates for value in one.scores.values()]
        assert not np.isnan([*scores, ranking.agreement, ranking.confidence, ranking.margin]).any()
        assert ranking.candidates[1].verdict == 0.5  # a judge who can say neither word says nothing


def test_the_usage_of_a_ranking_is_what_was_drawn_and_scored():
    engine = TableEngine({}, [[drawn("a"), drawn("a")]])
    engine._table = {(p, t): 0.5 for p in ("Question: q\nIncorrect Answer:", "Question: q\nAnswer:") for t in (" a",)}
    judge = "Question: q\nAnswer: a\nIs this answer correct or incorrect? This answer is"
    engine._table |= {(judge, " correct"): 0.5, (judge, " incorrect"): 0.5}
    (ranking,) = Consensus(engine=engine).ask([Question(text="q")])
    assert (ranking.usage.sampled_tokens, ranking.usage.input_tokens, ranking.usage.forwards) == (7, 11, 1)
    assert ranking.model == "table"
