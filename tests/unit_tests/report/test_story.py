"""Each sentence against a game in which it must be said."""

import numpy as np

from langchain_consensus.game import Equilibrium
from langchain_consensus.report.course import course_of
from langchain_consensus.report.story import told
from tests.rankings import rank, views


def story(view, **options):
    ranking = rank(view, **options)
    text = " ".join(told(ranking, course_of(ranking)))
    return text.replace("\u2068", "").replace("\u2069", "")


# P(y | incorrect), P(y | correct); P("incorrect" | y), P("correct" | y).
ONE_MIND = views(np.log([[0.2, 0.6], [0.6, 0.2]]), np.log([[0.1, 0.5], [0.9, 0.5]]))
JUDGE_WINS = views(np.log([[0.4, 0.5], [0.5, 0.4]]), np.log([[0.9, 0.1], [0.1, 0.9]]))


def test_views_that_agree_from_the_start():
    text = story(ONE_MIND)
    # The anchors, by hand in test_ranking.py: pi_G = 0.75, pi_D = 27/34.
    assert "Before the game both views put “y1” first: the generator with 75.0%, the judge with 79.4%." in text
    assert "On the way neither view changed which answer it puts first." in text
    assert "After it both put “y1” first" in text
    assert text.endswith(
        "The answer is “y1”, the first by the judge's final policy. The judge's raw verdict on it, before any "
        "normalisation, is 90.0%."
    )
    assert "pairs" not in text


def test_what_plain_decoding_would_say():
    # log P(y | correct): y1 0.6, y2 0.2.
    text = "Without a judge the answer would be “y1”, to which the generator gives the best score"
    assert f"{text}. Before" in story(ONE_MIND)
    assert f"{text}, and which was drawn most often, 3 times of 5. Before" in story(ONE_MIND, counts=[3, 2])
    assert f"{text}, or “y2”, which was drawn most often, 3 times of 5. Before" in story(ONE_MIND, counts=[2, 3])


def test_views_that_disagree_and_come_to_agree():
    ranking = rank(JUDGE_WINS, steps=5000)
    course = course_of(ranking)
    text = story(JUDGE_WINS, steps=5000)
    # g(y, correct) = 0.5/0.9, 0.4/0.9, which sum to one; d(., y) sums to one over y already.
    assert (
        "Before the game the views disagreed. The generator put “y1” first, with 55.6% where the judge gave 10.0%; the "
        "judge put “y2” first, with 90.0% where the generator gave 44.4%."
    ) in text
    assert "On the way the generator changed to “y2” by iteration" in text
    assert "; the judge held." in text
    assert "After it both put “y2” first" in text
    # The iteration that is named is the first from which the generator prefers y2 for good.
    leads = course.generator[:, 0] > course.generator[:, 1]
    since = int(np.flatnonzero(~leads).max()) + 1 if not leads.all() else 0
    assert f"by iteration {course.times[since]:,.0f};" in text


def test_views_that_disagree_to_the_end():
    # So strong anchors that the game moves nobody.
    text = story(JUDGE_WINS, solver=Equilibrium(lambda_generator=9.0, lambda_discriminator=9.0), rule="er_generator")
    assert "After it they still disagree: the generator puts “y1” first" in text
    assert "the judge “y2”" in text
    assert "The answer is “y1”, the first by the generator's final policy." in text
    assert text.endswith("is 10.0%: it prefers this answer to the others and does not vouch for it.")


def test_a_change_that_only_the_equilibrium_shows_has_no_iteration():
    text = story(JUDGE_WINS, solver=Equilibrium(lambda_generator=0.5, lambda_discriminator=0.5))
    assert "inf" not in text


def test_ties_are_said():
    even = views(np.log([[0.3, 0.3, 0.3]] * 2), np.log([[0.5, 0.5, 0.5]] * 2))
    assert "both views put “y1” and 2 others equally first" in story(even)
    pair = views(np.log([[0.3, 0.3]] * 2), np.log([[0.5, 0.5]] * 2))
    assert "both views put “y1” and “y2” equally first" in story(pair)


def test_pairs_are_counted():
    # Anchors: pi_G(. | correct) ~ (4, 1, 1/4), so y1 > y2 > y3; the judge has y3 > y1 > y2: 2 of 3 pairs differ.
    view = views(np.log([[0.2, 0.5, 0.8], [0.8, 0.5, 0.2]]), np.log([[0.5, 0.6, 0.1], [0.5, 0.4, 0.9]]))
    assert "Of the 3 pairs among the candidates, the two views ordered 2 differently before the game and" in story(view)


def test_a_rule_that_does_not_use_the_game_is_said_with_what_the_game_chooses():
    text = story(ONE_MIND, rule="majority", counts=[1, 9])
    assert "The answer is “y2”, the first by the rule `majority`, which does not use the game; by the game it" in text
    assert "would be “y1”." in text
    text = story(ONE_MIND, rule="generator")
    assert "which does not use the game. The judge" in text


def test_one_candidate_has_nothing_to_settle():
    assert story(views([[-3], [-1]], np.log([[0.2], [0.6]]))) == (
        "There is one distinct answer, so there was nothing to settle. The judge's raw verdict is 75.0%."
    )
