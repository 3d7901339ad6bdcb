"""Step 4: every rule by hand and by the oracle, ties, agreement, confidence, and how a ranking reads."""

from math import inf, log

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from langchain_consensus.candidates import given
from langchain_consensus.engine import Usage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, solve
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import Rule, ranked, raw_verdict, rule_named
from langchain_consensus.results import ConsensusResult
from tests import oracle
from tests.rankings import rank, views

# P(y | incorrect), P(y | correct); P("incorrect" | y), P("correct" | y).
BY_HAND = views(np.log([[0.2, 0.6], [0.6, 0.2]]), np.log([[0.1, 0.5], [0.9, 0.5]]))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("generator", [log(0.6), log(0.2)]),
        # d(correct, y) = 0.9/1.4, 0.5/1.4; d(incorrect, y) = 0.1/0.6, 0.5/0.6;
        # y1: (9/14) / (9/14 + 1/6) = 27/34, y2: (5/14) / (5/14 + 5/6) = 3/10.
        ("discriminator", [27 / 34, 3 / 10]),
        ("mutual_information", [log(0.6 * 0.9), log(0.2 * 0.5)]),
        # g(y, correct) = 0.6/0.8, 0.2/0.8, which sum to one already.
        ("self_contrastive", [0.75, 0.25]),
        ("normalised_product", [0.75 * 27 / 34, 0.25 * 3 / 10]),
        ("majority", [2.0, 3.0]),
    ],
)
def test_the_rules_that_need_no_solver_by_hand(rule, expected):
    found = {one.text: one.scores[Rule(rule)] for one in rank(BY_HAND, counts=[2, 3]).candidates}
    assert [found["y1"], found["y2"]] == pytest.approx(expected, abs=1e-12)


def test_one_update_of_the_game_by_hand():
    # Update t = 1 divides by 1/(0.1 * 1) + 0.1 = 10.1; Q is half the other player's anchor, lambda = 0.1.
    # ER-G: the exponents of y1 and y2 under "correct" differ by
    #     (27/68 - 3/20 + 0.1 log 3) / 10.1 = (0.397059 - 0.150000 + 0.109861) / 10.1 = 0.0353386;
    #     1 / (1 + exp(-0.0353386)) = 0.5088337.
    # ER-D of y1: ((3/4 - 1/4)/2 + 0.1 log(27/7)) / 10.1 = (0.25 + 0.1349927) / 10.1 = 0.0381181; -> 0.5095284.
    best = rank(BY_HAND, steps=1).candidates[0]
    assert best.text == "y1"
    assert best.scores[Rule.ER_GENERATOR] == pytest.approx(0.5088337, abs=1e-7)
    assert best.scores[Rule.ER_DISCRIMINATOR] == pytest.approx(0.5095284, abs=1e-7)


def test_agreement_by_hand():
    # pi_G(. | correct) = (0.75, 0.25). pi_D(correct | .) = (27/34, 3/10) as shares: 27/34 / (27/34 + 3/10) = 45/62.
    # What they have in common: 45/62 + 0.25.
    assert rank(BY_HAND).agreement == pytest.approx(45 / 62 + 0.25)


def test_agreement_is_one_for_equal_views_and_falls_to_zero_for_opposite_ones():
    assert rank(views([[0, 0], [0, 0]], [[-1, -1], [-1, -1]])).agreement == pytest.approx(1)
    sure = views([[-50, 0], [0, -50]], [[0, -50], [-50, 0]])
    assert rank(sure).agreement < 1e-9


def test_margin_and_confidence_by_hand():
    found = rank(BY_HAND, rule="discriminator")
    assert found.margin == pytest.approx(27 / 34 - 3 / 10)
    assert found.confidence == pytest.approx(0.9)  # the raw verdict on y1, not the game's
    assert rank(BY_HAND, rule="majority", counts=[1, 3]).confidence == pytest.approx(0.5)


@settings(derandomize=True, deadline=None, max_examples=25)
@over(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from(["mean", "sum"]), st.integers(0, 60))
def test_every_rule_can_be_recomputed_from_the_output(seed, n, length, steps):
    random = np.random.default_rng(seed)
    view = views(
        -10 * random.random((2, n)),
        -5 * random.random((2, n)),
        tokens=random.integers(1, 9, size=n),
        length=length,
    )
    ranking = rank(view, counts=random.integers(1, 5, size=n).tolist(), steps=steps)
    item = ConsensusResult.of(ranking).model_dump(mode="json")
    for rule, expected in oracle.scores(item, length=length, steps=steps).items():
        assert [one["scores"][rule] for one in item["candidates"]] == pytest.approx(expected, abs=1e-9), rule


@pytest.mark.parametrize("rule", list(Rule))
def test_candidates_are_ordered_by_the_rule(rule):
    random = np.random.default_rng(1)
    view = views(-10 * random.random((2, 6)), -5 * random.random((2, 6)))
    ranking = rank(view, rule=rule, counts=[1, 4, 2, 9, 3, 7], steps=99)
    scores = [one.scores[rule] for one in ranking.candidates]
    assert scores == sorted(scores, reverse=True)
    assert ranking.rule is rule
    assert ranking.answer == ranking.candidates[0].text
    assert ranking.margin == pytest.approx(scores[0] - scores[1])


# --- ties: draws, then the generator's score, then the first ---


def order(view, **options):
    return [one.text for one in rank(view, **options).candidates]


EVEN = [[-1, -1, -1], [-1, -1, -1]]


def test_a_tie_goes_to_the_candidate_drawn_more_often():
    # The verdicts are equal, and the generator prefers y1.
    view = views([[-1, -1, -1], [-0.5, -1, -2]], EVEN)
    assert order(view, rule="discriminator", counts=[1, 3, 2]) == ["y2", "y3", "y1"]


def test_a_tie_of_draws_goes_to_the_generator_s_score():
    view = views([[-1, -1, -1], [-2, -0.5, -1]], EVEN)
    assert order(view, rule="majority", counts=[2, 2, 2]) == ["y2", "y3", "y1"]


def test_a_tie_of_everything_goes_to_the_first():
    for rule in Rule:
        assert order(views(EVEN, EVEN), rule=rule, steps=9) == ["y1", "y2", "y3"]


# --- one candidate ---


def test_one_candidate_has_the_raw_verdict_as_its_confidence_and_the_reader_is_told():
    ranking = rank(views([[-3], [-1]], np.log([[0.2], [0.6]])))
    assert ranking.confidence == pytest.approx(0.75)
    assert ranking.margin == inf
    assert ranking.agreement == pytest.approx(1)
    assert [one for one in ranking.warnings if "the game says nothing" in one]
    best = ranking.candidates[0].scores
    assert (best[Rule.SELF_CONTRASTIVE], best[Rule.DISCRIMINATOR]) == pytest.approx((1, 0.5))


# --- probabilities of zero, and large scores ---


def test_two_impossible_candidates_are_a_tie_without_a_margin_of_nan():
    view = views([[-1, -1, -1], [-inf, -inf, -inf]], EVEN)
    ranking = rank(view, rule="generator", counts=[1, 2, 1])
    assert ranking.answer == "y2"
    assert ranking.margin == 0.0


def test_a_possible_candidate_is_infinitely_above_an_impossible_one():
    assert rank(views([[-1, -1], [-inf, -1]], [[-1, -1], [-1, -1]]), rule="generator").margin == inf


@pytest.mark.parametrize(
    ("correct", "incorrect", "expected"),
    [(log(0.3), log(0.1), 0.75), (0.0, -2000.0, 1.0), (-2000.0, 0.0, 0.0), (-inf, 0.0, 0.0), (-inf, -inf, 0.5)],
)
def test_the_raw_verdict_never_overflows(correct, incorrect, expected):
    assert raw_verdict(correct, incorrect) == pytest.approx(expected)


# --- the record ---


def test_a_ranking_carries_its_evidence():
    ranking = rank(BY_HAND, counts=[2, 3])
    assert (ranking.solver.name, ranking.solver.outcome, ranking.solver.steps) == ("PiKL", "fixed_time", 200)
    assert ranking.solver.gap >= 0
    assert (ranking.wording, ranking.model) == ("qa", "m")
    assert ranking.usage == Usage(sampled_tokens=8, input_tokens=100, forwards=1)  # drawing and scoring
    best = ranking.candidates[0]
    assert (best.generator_correct, best.generator_incorrect) == pytest.approx((log(0.6), log(0.2)))
    assert (best.verdict, best.verdict_mass) == pytest.approx((0.9, 1.0))


def test_members_and_positions_survive_the_ranking():
    merged = given("Why?", ["no", "Yes", "yes"], answer_key=str.lower)
    game = ConsensusGame.from_log_scores(generator=BY_HAND.generator, discriminator=BY_HAND.discriminator)
    ranking = ranked(merged, BY_HAND, solve(game), rule=Rule.MAJORITY, wording=wording_named("qa"), model="m")
    best = ranking.candidates[0]
    assert (best.text, best.members, best.position, best.draws) == ("Yes", ("Yes", "yes"), 1, 2)


def test_a_printed_ranking_is_a_table_that_explains_itself():
    # Columns: draws, log P(y | correct), raw verdict, both anchors, both policies after 0 updates (the anchors again).
    ranking = rank(BY_HAND, rule="self_contrastive", counts=[2, 3], steps=0, texts=["Canberra", "Sydney"])
    assert str(ranking).splitlines() == [
        "Why?",
        "-> Canberra  (rule self_contrastive, confidence 0.90, agreement 0.98)",
        "",
        "          draws  log P(y|correct)  P(correct|y)     SC      D   ER-G   ER-D",
        "Canberra      2             -0.51          0.90  0.750  0.794  0.750  0.794",
        "Sydney        3             -1.61          0.50  0.250  0.300  0.250  0.300",
    ]


def test_a_printed_ranking_shortens_long_answers_and_shows_every_warning():
    text = str(rank(views([[-3], [-1]], [[-1], [-1]]), texts=["w" * 60]))
    assert "w" * 39 + "…" in text
    assert "w" * 61 not in text
    assert "\n! There is one distinct answer" in text


def test_rules_are_found_by_their_names_alone():
    assert [rule_named(rule.value) for rule in Rule] == list(Rule)
    with pytest.raises(InvalidInputError, match=r"`rule` is 'er'; it must be one of \['generator', 'discriminator',"):
        rule_named("er")
