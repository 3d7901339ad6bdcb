import numpy as np
import pytest

from langchain_consensus.game import ConsensusGame, Correctness, Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.game.block import BlockSolution
from langchain_consensus.game.dynamics import anchors
from langchain_consensus.game.outcome import Outcome
from langchain_consensus.ranking import Rule
from langchain_consensus.report.course import course_of, favourites
from tests.rankings import rank, views

VIEWS = views(np.log([[0.2, 0.3, 0.4], [0.45, 0.35, 0.15]]), np.log([[0.3, 0.1, 0.6], [0.5, 0.8, 0.3]]))
SOLVERS = [PiKL(), PiKL(steps=3), PiKL(steps=0), LogTimeFlow(), Equilibrium(), Equilibrium(lambda_generator=1.0)]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_a_course_begins_with_the_anchors_and_ends_with_the_ranking_s_own_scores(solver):
    ranking = rank(VIEWS, solver=solver)
    course = course_of(ranking)
    for step, generator, judge in (
        (0, Rule.SELF_CONTRASTIVE, Rule.DISCRIMINATOR),
        (-1, Rule.ER_GENERATOR, Rule.ER_DISCRIMINATOR),
    ):
        assert course.generator[step] == pytest.approx([one.scores[generator] for one in ranking.candidates])
        assert course.judge[step] == pytest.approx([one.scores[judge] for one in ranking.candidates])
    assert course.agreement(0) == pytest.approx(ranking.agreement)


def test_a_course_is_sampled_evenly_in_log_time():
    times = course_of(rank(VIEWS, steps=5000)).times
    assert (times[0], times[-1]) == (1, 5001)
    assert 20 <= len(times) <= 30
    assert (np.diff(times) > 0).all()
    assert np.diff(np.log(times[8:])) == pytest.approx(np.full(len(times) - 9, np.log(5000) / 27), rel=0.2)


def test_a_course_of_the_published_dynamics_is_its_iterates():
    course = course_of(rank(VIEWS, steps=300))
    for step in (1, 5, 9):
        iterate = rank(VIEWS, steps=int(course.times[step]) - 1)
        place = {one.text: i for i, one in enumerate(rank(VIEWS, steps=300).candidates)}
        for one in iterate.candidates:
            assert course.generator[step, place[one.text]] == pytest.approx(one.scores[Rule.ER_GENERATOR])
            assert course.judge[step, place[one.text]] == pytest.approx(one.scores[Rule.ER_DISCRIMINATOR])


class Silent:
    """A user's solver that returns the anchors and keeps no path."""

    lambda_generator = lambda_discriminator = 0.1

    def solve_block(self, block, *, max_steps, record):
        games = len(block.sizes)
        return BlockSolution(policies=anchors(block), outcomes=(Outcome.EQUILIBRIUM,) * games, steps=np.full(games, 7))


def test_a_solver_that_keeps_no_path_has_a_beginning_and_an_end():
    course = course_of(rank(VIEWS, solver=Silent()))
    assert course.times.tolist() == [1, 8]
    assert course.generator[0] == pytest.approx(course.generator[1])


def test_candidates_stand_in_the_order_of_the_ranking_whatever_their_positions():
    ranking = rank(VIEWS, rule="generator")
    game = ConsensusGame.from_log_scores(generator=VIEWS.generator, discriminator=VIEWS.discriminator)
    order = [one.position for one in ranking.candidates]
    assert order == [0, 1, 2]
    worst_first = rank(VIEWS, rule="majority", counts=[1, 2, 3])
    assert [one.position for one in worst_first.candidates] == [2, 1, 0]
    expected = game.generator_anchor[Correctness.CORRECT][::-1]
    assert course_of(worst_first).generator[0] == pytest.approx(expected)


def test_favourites_are_the_largest_and_those_that_tie():
    assert favourites(np.array([0.2, 0.5, 0.3])) == {1}
    assert favourites(np.array([0.4, 0.2, 0.4 - 1e-12])) == {0, 2}
