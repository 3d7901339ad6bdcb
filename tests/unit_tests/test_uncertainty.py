"""The error of a lead: none for exact views; for sampled ones as large as runs really differ."""

import math

import numpy as np
import pytest

from langchain_consensus import Consensus, ConsensusResult, FakeEngine, Question, Rule, given
from langchain_consensus.game import Equilibrium, PiKL
from tests.chats import CategoricalEngine
from tests.engines import BELIEFS, CAPITAL

ANSWERS = ["Canberra", "Sydney", "Perth"]


def ranking_of(engine, answers=ANSWERS, **options):
    return Consensus(engine=engine, **options).rank([given(CAPITAL, answers)])[0]


def test_exact_views_have_no_error_and_say_so():
    ranking = ranking_of(FakeEngine(BELIEFS), ["Canberra", "Sydney"])
    assert (ranking.views, ranking.margin_error, ranking.is_certain) == ("exact", 0, True)
    assert all(one.errors is None for one in ranking.candidates)
    result = ConsensusResult.of(ranking)
    assert (result.views, result.margin_error, result.certain) == ("exact", None, None)


def test_sampled_views_say_so_and_carry_their_errors():
    ranking = ranking_of(CategoricalEngine(draws=64, verdict_draws=32))
    assert ranking.views == "sampled"
    for one in ranking.candidates:
        assert 0 < one.errors.generator_correct < 2
        assert 0 < one.errors.generator_incorrect < 2
        assert 0 < one.errors.verdict < 2
        assert one.tokens == 0
    assert "views sampled, lead" in str(ranking)


def test_the_result_keeps_them_and_comes_back_from_json():
    result = ConsensusResult.of(ranking_of(CategoricalEngine(draws=8)))
    assert result.views == "sampled"
    assert result.margin_error > 0
    assert result.certain is not None
    assert result.candidates[0].errors.generator_correct > 0
    assert ConsensusResult.model_validate_json(result.model_dump_json()) == result


def test_the_error_of_a_difference_of_logarithms_is_the_multinomial_s():
    # Delta method by hand: Var(log p1 - log p2) = 1 / (n p1) + 1 / (n p2) for two classes of one multinomial.
    engine = CategoricalEngine(draws=400)
    ranking = ranking_of(engine, ["Canberra", "Sydney"], rule=Rule.GENERATOR)
    by_hand = math.sqrt(sum(1 / (400 * math.exp(one.generator_correct)) for one in ranking.candidates))
    assert ranking.margin_error == pytest.approx(by_hand, rel=0.15)


@pytest.mark.parametrize("rule", [Rule.SELF_CONTRASTIVE, Rule.DISCRIMINATOR, Rule.ER_DISCRIMINATOR])
def test_the_error_is_how_much_runs_differ(rule):
    # Forty runs of the same model, each with its own error: the errors are as large as the spread of the leads.
    rankings = [
        ranking_of(CategoricalEngine(draws=64, verdict_draws=64, seed=seed), rule=rule, solver=PiKL(steps=100))
        for seed in range(40)
    ]
    leads = [_lead(one, "Canberra") for one in rankings]
    errors = [one.margin_error for one in rankings if one.answer == "Canberra"]
    assert len(errors) > 30
    assert np.median(errors) == pytest.approx(np.std(leads), rel=0.5)


def _lead(ranking, answer):
    scores = {one.text: one.scores[ranking.rule] for one in ranking.candidates}
    return scores.pop(answer) - max(scores.values())


def test_a_lead_within_its_error_is_not_called_certain_and_the_reader_is_told():
    even = {"Canberra": 0.5, "Sydney": 0.5}
    engine = CategoricalEngine(correct=even, incorrect=even, verdicts={"Canberra": 0.5, "Sydney": 0.5})
    ranking = ranking_of(engine, ["Canberra", "Sydney"])
    assert not ranking.is_certain
    assert any("it is not certain" in warning for warning in ranking.warnings)
    assert ConsensusResult.of(ranking).certain is False


def test_a_lead_beyond_its_error_is_certain():
    engine = CategoricalEngine(
        draws=64,
        tells=True,
        correct={"Canberra": 0.95, "Sydney": 0.05},
        incorrect={"Canberra": 0.02, "Sydney": 0.98},
        verdicts={"Canberra": 0.95, "Sydney": 0.05},
    )
    ranking = ranking_of(engine, ["Sydney", "Canberra"])
    assert ranking.answer == "Canberra"
    assert ranking.is_certain
    assert not any("certain" in warning for warning in ranking.warnings)


def test_even_models_are_called_certain_rarely():
    # Nothing to choose between the two: a certain answer is an error of the first kind, 5% and a little.
    even = {"Canberra": 0.5, "Sydney": 0.5}
    engine = CategoricalEngine(
        draws=64, verdict_draws=64, correct=even, incorrect=even, verdicts={"Canberra": 0.5, "Sydney": 0.5}
    )
    consensus = Consensus(engine=engine, rule=Rule.DISCRIMINATOR, solver=PiKL(steps=20))
    rankings = consensus.rank([given(f"{CAPITAL} {i}", ["Canberra", "Sydney"]) for i in range(100)])
    assert sum(one.is_certain for one in rankings) <= 12


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize(
    "solver", [PiKL(steps=0), PiKL(steps=50), Equilibrium()], ids=["anchors", "pikl", "equilibrium"]
)
def test_every_rule_and_solver_has_an_error(rule, solver):
    engine = CategoricalEngine(draws=16)
    (ranking,) = Consensus(engine=engine, rule=rule, solver=solver).rank(
        [given(Question(text=CAPITAL), ["Canberra", "Sydney"])]
    )
    assert math.isfinite(ranking.margin_error)
    assert ranking.margin_error > 0


def test_a_single_candidate_has_no_rival():
    ranking = ranking_of(CategoricalEngine(), ["Canberra"])
    assert (ranking.margin, ranking.margin_error) == (math.inf, 0)
    assert ConsensusResult.of(ranking).margin is None


def test_the_same_counts_have_the_same_error():
    one, other = (ranking_of(CategoricalEngine(seed=3)) for _ in range(2))
    assert one.margin_error == other.margin_error
