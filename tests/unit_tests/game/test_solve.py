"""`solve` for every solver: shapes, symmetry, edge cases, outcomes, trajectories."""

import numpy as np
import pytest

from langchain_consensus.errors import InvalidInputError, SolverError
from langchain_consensus.game import ConsensusGame, Correctness, Equilibrium, LogTimeFlow, Outcome, PiKL, solve

SOLVERS = [PiKL(), LogTimeFlow(), Equilibrium()]
ZERO = -np.inf
each_solver = pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: type(solver).__name__)


def assert_same(one, other, atol=1e-12):
    np.testing.assert_allclose(one.generator_policy, other.generator_policy, rtol=0, atol=atol)
    np.testing.assert_allclose(one.discriminator_policy, other.discriminator_policy, rtol=0, atol=atol)


@each_solver
def test_policies_are_distributions_in_the_shape_of_the_input(draw, solver):
    batch = solve(draw(seed=0, sizes=[2, 5, 1, 9]), solver)
    assert batch.generator_policy.shape == batch.discriminator_policy.shape == (4, 2, 9)
    assert batch.gap.shape == batch.deviation.shape == batch.steps.shape == (4,)
    assert len(batch.outcomes) == len(batch) == 4
    for game, size in zip(batch, [2, 5, 1, 9], strict=True):
        assert game.generator_policy.shape == (2, size)
        assert game.gap.shape == ()
        np.testing.assert_allclose(game.generator_policy.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(game.discriminator_policy.sum(axis=0), 1, atol=1e-12)
    np.testing.assert_array_equal(batch.generator_policy[0, :, 2:], 0)
    np.testing.assert_array_equal(batch.discriminator_policy[0, :, 2:], 0)


@each_solver
def test_a_game_has_the_same_solution_alone_and_in_a_ragged_batch(draw, solver):
    game = draw(seed=1, sizes=[3, 17, 1, 2, 8, 4, 30])
    batch = solve(game, solver)
    for i in range(len(game)):
        alone = solve(game[i], solver)
        assert_same(batch[i], alone)
        assert batch[i].steps == alone.steps
        assert batch[i].outcome is alone.outcome
        assert batch[i].equilibria_found == alone.equilibria_found


def test_games_of_several_blocks_come_back_in_their_places(draw):
    sizes = [2, 3, 4] * 1100
    game = draw(seed=2, sizes=sizes)
    batch = solve(game, LogTimeFlow())
    for i in (0, 1, 2, 1700, 3299):
        assert_same(batch[i], solve(game[i], LogTimeFlow()))


@each_solver
@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_the_candidates_does_not_matter(solver, seed):
    random = np.random.default_rng(seed)
    generator, discriminator = 2 * random.normal(size=(2, 2, 12))
    order = random.permutation(12)
    one = solve(ConsensusGame.from_log_scores(generator=generator, discriminator=discriminator), solver)
    other = solve(
        ConsensusGame.from_log_scores(generator=generator[:, order], discriminator=discriminator[:, order]), solver
    )
    np.testing.assert_allclose(one.generator_policy[:, order], other.generator_policy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.discriminator_policy[:, order], other.discriminator_policy, rtol=0, atol=1e-12)


@each_solver
def test_equal_candidates_get_equal_policies(solver):
    random = np.random.default_rng(6)
    generator, discriminator = random.normal(size=(2, 2, 5))
    twice = [0, 1, 2, 3, 1, 4, 1]
    game = ConsensusGame.from_log_scores(generator=generator[:, twice], discriminator=discriminator[:, twice])
    solution = solve(game, solver)
    for copy in (4, 6):
        np.testing.assert_array_equal(solution.generator_policy[:, 1], solution.generator_policy[:, copy])
        np.testing.assert_array_equal(solution.discriminator_policy[:, 1], solution.discriminator_policy[:, copy])


@each_solver
def test_swapping_the_two_conditions_swaps_the_policies(draw, solver):
    game = draw(seed=7, sizes=[6])[0]
    swapped = ConsensusGame.from_anchors(
        generator=game.generator_anchor[::-1], discriminator=game.discriminator_anchor[::-1]
    )
    one, other = solve(game, solver), solve(swapped, solver)
    np.testing.assert_allclose(one.generator_policy[::-1], other.generator_policy, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.discriminator_policy[::-1], other.discriminator_policy, rtol=0, atol=1e-9)


@each_solver
def test_one_candidate_is_certain_and_unjudged(solver):
    # The generator has no choice, so the discriminator sees it equally often under both conditions.
    solution = solve(ConsensusGame.from_log_scores(generator=[[-3.0], [-1.0]], discriminator=[[-0.1], [-5.0]]), solver)
    np.testing.assert_array_equal(solution.generator_policy, [[1.0], [1.0]])
    np.testing.assert_allclose(solution.discriminator_policy, [[0.5], [0.5]], atol=1e-15)
    assert solution.gap == pytest.approx(0, abs=1e-15)


@each_solver
def test_a_candidate_without_generator_mass_never_gets_any_and_is_judged_by_its_anchor(solver):
    game = ConsensusGame.from_log_scores(
        generator=[[ZERO, 0.0, -1.0], [ZERO, -2.0, -1.0]], discriminator=[[-1.0, -1.0, -2.0], [0.0, -2.0, 0.0]]
    )
    solution = solve(game, solver)
    np.testing.assert_array_equal(solution.generator_policy[:, 0], 0)
    if isinstance(solver, Equilibrium):
        np.testing.assert_allclose(solution.discriminator_policy[:, 0], game.discriminator_anchor[:, 0], atol=1e-12)
    assert np.isfinite(solution.gap)


@each_solver
def test_zeros_of_both_anchors_stay_zeros_and_certainties_stay_certain(solver):
    game = ConsensusGame.from_anchors(
        generator=[[0.0, 0.5, 0.5], [0.4, 0.0, 0.6]], discriminator=[[0.0, 1.0, 0.3], [1.0, 0.0, 0.7]]
    )
    solution = solve(game, solver)
    np.testing.assert_array_equal(solution.generator_policy == 0, [[True, False, False], [False, True, False]])
    np.testing.assert_array_equal(solution.discriminator_policy[:, :2], [[0, 1], [1, 0]])
    assert np.isfinite(solution.gap)


@each_solver
def test_scores_of_minus_a_million_are_solved(solver):
    scores = np.array([[-1e6, -2e6, 0.0], [-3.0, -1e6, -1e6]])
    solution = solve(ConsensusGame.from_log_scores(generator=scores, discriminator=scores[::-1]), solver)
    assert np.isfinite(solution.generator_policy).all()
    np.testing.assert_allclose(solution.discriminator_policy.sum(axis=0), 1, atol=1e-12)


@each_solver
def test_ten_thousand_candidates_are_solved(draw, solver):
    short = PiKL(steps=100) if isinstance(solver, PiKL) else solver
    solution = solve(draw(seed=8, sizes=[10_000])[0], short)
    np.testing.assert_allclose(solution.generator_policy.sum(axis=1), 1, atol=1e-12)
    assert solution.outcome.is_success


@each_solver
def test_heavy_anchors_are_not_left(draw, solver):
    game = draw(seed=9, sizes=[4])[0]
    heavy = type(solver)(lambda_generator=1e6, lambda_discriminator=1e6)
    solution = solve(game, heavy)
    np.testing.assert_allclose(solution.generator_policy, game.generator_anchor, atol=1e-6)
    np.testing.assert_allclose(solution.discriminator_policy, game.discriminator_anchor, atol=1e-6)


def test_the_two_views_meet_on_what_both_favour():
    # y1 is the generator's and the discriminator's first choice for correct, so it is the equilibrium's.
    game = ConsensusGame.from_log_scores(
        generator=np.log([[0.1, 0.5, 0.4], [0.6, 0.2, 0.2]]), discriminator=np.log([[0.2, 0.7, 0.6], [0.8, 0.3, 0.4]])
    )
    for solver in SOLVERS:
        solution = solve(game, solver)
        assert solution.generator_policy[Correctness.CORRECT].argmax() == 0
        assert solution.discriminator_policy[Correctness.CORRECT].argmax() == 0


@each_solver
def test_a_budget_that_runs_out_is_raised_as_a_sentence_or_reported(draw, solver):
    game = draw(seed=10, sizes=[4, 5])
    with pytest.raises(SolverError, match=r"`max_steps` ran out.*\(2 of 2 games, the first of them game 0\.\)"):
        solve(game, solver, max_steps=7)
    solution = solve(game, solver, max_steps=7, throw=False)
    assert solution.outcome is Outcome.STEPS_EXHAUSTED
    assert (solution.steps == 7).all()
    # Every solver starts with the published updates.
    assert_same(solution, solve(game, PiKL(steps=7)))


@each_solver
def test_a_budget_that_suffices_changes_nothing(draw, solver):
    game = draw(seed=11, sizes=[4])[0]
    assert_same(solve(game, solver), solve(game, solver, max_steps=100_000), atol=0)


@each_solver
def test_a_recorded_path_goes_from_the_anchors_to_the_result(draw, solver):
    game = draw(seed=12, sizes=[4, 2, 3])
    solution = solve(game, solver, record=6)
    path = solution.trajectory
    assert 2 <= len(path.times) <= 6
    assert path.generator_policy.shape == (len(path.times), 3, 2, 4)
    assert (np.diff(path.times) > 0).all()
    assert path.times[0] == 1
    np.testing.assert_allclose(path.generator_policy[0], game.generator_anchor, atol=1e-14)
    np.testing.assert_allclose(path.generator_policy[-1], solution.generator_policy, atol=1e-14)
    np.testing.assert_allclose(path.discriminator_policy[-1], solution.discriminator_policy, atol=1e-14)
    assert solution[1].trajectory.generator_policy.shape == (len(path.times), 2, 2)
    assert_same(solution, solve(game, solver), atol=0)


def test_a_recorded_path_holds_the_iterates_of_its_times(draw):
    game = draw(seed=13, sizes=[4])[0]
    path = solve(game, PiKL(steps=500), record=5).trajectory
    assert len(path.times) == 5
    for time, policy in zip(path.times, path.generator_policy, strict=True):
        np.testing.assert_array_equal(policy, solve(game, PiKL(steps=int(time) - 1)).generator_policy)


def test_no_path_is_kept_unless_asked_for(draw):
    assert solve(draw(seed=14, sizes=[3]), LogTimeFlow()).trajectory is None


def test_only_an_equilibrium_says_whether_it_is_unique_and_stable(draw):
    solution = solve(draw(seed=15, sizes=[3])[0], LogTimeFlow())
    assert (solution.proved_unique, solution.equilibria_found, solution.stable) == (None, None, None)


def test_the_worst_outcome_stands_for_a_batch(draw):
    game = draw(seed=16, sizes=[3, 4])
    solution = solve(game, Equilibrium(tolerance=1e-300), throw=False)
    assert solution.outcome is max(solution.outcomes, key=lambda outcome: outcome.severity)
    assert Outcome.EQUILIBRIUM.value == ""
    assert not any(outcome.is_success for outcome in Outcome if outcome.severity > 1)


@pytest.mark.parametrize("name", ["max_steps", "record"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_budgets_must_be_whole_numbers(draw, name, value):
    with pytest.raises(InvalidInputError, match=f"`{name}` is .*; it must be a whole number"):
        solve(draw(seed=17, sizes=[3]), **{name: value})


def test_a_game_beyond_the_batch_is_an_index_error(draw):
    solution = solve(draw(seed=18, sizes=[3, 2]), LogTimeFlow())
    assert solution[-1].generator_policy.shape == (2, 2)
    with pytest.raises(IndexError):
        solution[2]
    assert solution[0][0].generator_policy.shape == (2, 3)
