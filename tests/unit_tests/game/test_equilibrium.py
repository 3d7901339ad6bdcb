"""The certified equilibrium: against its definition, against SciPy, against the flow it is the limit of."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import root

from langchain_consensus.errors import InvalidInputError, SolverError
from langchain_consensus.game import (
    ConsensusGame,
    Equilibrium,
    Outcome,
    Policies,
    best_response,
    deviation,
    gap,
    potential,
    solve,
)
from langchain_consensus.game.block import blocks
from langchain_consensus.game.newton import evaluate, is_stable
from langchain_consensus.game.starts import count_equilibria

PUBLISHED = {"lambda_generator": 0.1, "lambda_discriminator": 0.1}


def answers(game, discriminator, lambda_generator=0.1, lambda_discriminator=0.1):
    """Both best responses in turn, with nothing of the package but the anchors: D -> BR_D(BR_G(D))."""
    generator = game.generator_anchor * np.exp(discriminator / (2 * lambda_generator))
    generator /= generator.sum(axis=1, keepdims=True)
    answer = game.discriminator_anchor * np.exp(generator / (2 * lambda_discriminator))
    return generator, answer / answer.sum(axis=0)


def verdicts(correct):
    return np.stack([1 - correct, correct])


def spectral_radius(game, discriminator):
    """Of the derivative of D -> BR_D(BR_G(D)) in the entries D(correct | .), by central differences."""
    step, n = 1e-6, discriminator.shape[1]
    columns = []
    for unit in np.eye(n):
        ahead, behind = (answers(game, verdicts(discriminator[1] + s * step * unit))[1][1] for s in (1, -1))
        columns.append((ahead - behind) / (2 * step))
    return np.abs(np.linalg.eigvals(np.array(columns).T)).max()


def all_roots(game, tries, seed=0):
    """The equilibria that SciPy finds from many random starts, saddles included, as D(correct | .)."""
    random, found = np.random.default_rng(seed), []
    for _ in range(tries):
        start = random.uniform(0.001, 0.999, size=game.generator_anchor.shape[1])
        # In log-odds, so that no step leaves the simplex.
        result = root(
            lambda odds: np.diff(np.log(answers(game, verdicts(1 / (1 + np.exp(-odds))))[1]), axis=0)[0] - odds,
            np.log(start / (1 - start)),
            tol=1e-12,
        )
        point = 1 / (1 + np.exp(-result.x))
        settled = np.abs(answers(game, verdicts(point))[1][1] - point).max() < 1e-9
        if settled and all(np.abs(point - other).max() > 1e-6 for other in found):
            found.append(point)
    return found


@pytest.mark.parametrize("spread", [0.3, 2.0, 8.0])
def test_no_entry_is_away_from_its_best_response(draw, spread):
    game = draw(seed=0, sizes=[1, 2, 3, 4, 5, 8, 13, 50] * 15, spread=spread)
    solution = solve(game, Equilibrium(starts=2))
    assert solution.outcome is Outcome.EQUILIBRIUM
    assert solution.gap.max() <= 1e-9
    assert solution.deviation.max() <= 1e-8
    np.testing.assert_array_equal(solution.gap, gap(game, solution.policies, **PUBLISHED))
    np.testing.assert_array_equal(solution.deviation, deviation(game, solution.policies, **PUBLISHED))


@pytest.mark.parametrize("lambdas", [(0.01, 1.0), (1.0, 0.01), (0.02, 0.05), (0.001, 0.001), (3.0, 0.3)])
def test_other_weights_are_solved_too(draw, lambdas):
    weights = {"lambda_generator": lambdas[0], "lambda_discriminator": lambdas[1]}
    game = draw(seed=1, sizes=[2, 3, 4, 6] * 5)
    solution = solve(game, Equilibrium(**weights, starts=4))
    assert solution.deviation.max() <= 1e-8
    for one in solution:
        _, answer = answers(one.game, one.discriminator_policy, *lambdas)
        np.testing.assert_allclose(one.discriminator_policy, answer, atol=1e-8)


def test_it_is_the_limit_of_the_published_path(draw, literal_pikl):
    # Independent: 100 literal updates, then SciPy on dQ_G/ds = pi_D/2 - Q_G, dQ_D/ds = pi_G/2 - Q_D to s = log t = 30.
    # Averages after 100 updates stand at s = log 100.5: Euler's method with step 1/t ends half a step early.
    settled_by_30 = 0
    for seed, n in enumerate([2, 2, 3, 3, 4, 4, 5, 6]):
        game = draw(seed=100 + seed, sizes=[n])[0]
        log_g, log_d = np.log(game.generator_anchor), np.log(game.discriminator_anchor)

        def policies(s, q, log_g=log_g, log_d=log_d, n=n):
            q_g, q_d = q.reshape(2, 2, n)
            weight = 1 / (0.1 * (np.exp(s) - 0.5)) + 0.1
            g, d = np.exp((q_g + 0.1 * log_g) / weight), np.exp((q_d + 0.1 * log_d) / weight)
            return g / g.sum(axis=1, keepdims=True), d / d.sum(axis=0)

        def slope(s, q, policies=policies):
            g, d = policies(s, q)
            return np.concatenate([d.ravel(), g.ravel()]) / 2 - q

        past = [literal_pikl(game, steps=t) for t in range(100)]  # pi^(1), ..., pi^(100)
        start = np.concatenate([np.mean([p[i] for p in past], axis=0).ravel() / 2 for i in (1, 0)])
        path = solve_ivp(slope, (np.log(100.5), 30), start, rtol=1e-9, atol=1e-12)
        if np.abs(slope(30, path.y[:, -1])).max() < 1e-6:
            settled_by_30 += 1
        else:
            path = solve_ivp(slope, (30, 300), path.y[:, -1], method="LSODA", rtol=1e-9, atol=1e-12)
        g, d = policies(path.t[-1], path.y[:, -1])
        solution = solve(game, Equilibrium())
        np.testing.assert_allclose(solution.generator_policy, g, atol=1e-5)
        np.testing.assert_allclose(solution.discriminator_policy, d, atol=1e-5)
    assert settled_by_30 >= 3


@pytest.mark.parametrize("seed", range(6))
def test_scipy_finds_the_same_point_and_as_many_stable_ones(draw, seed):
    n = 2 + seed % 2
    game = draw(seed=200 + seed, sizes=[n], spread=1.0)[0]
    solution = solve(game, Equilibrium())
    roots = all_roots(game, tries=60)
    correct = solution.discriminator_policy[1]
    assert min(np.abs(correct - point).max() for point in roots) < 1e-8
    # Best responses in turn come to rest only at stable equilibria; the returned one is stable here.
    stable = [point for point in roots if spectral_radius(game, verdicts(point)) < 1]
    assert solution.stable
    assert solution.equilibria_found == len(stable)


def test_stability_is_that_of_the_best_responses_at_every_equilibrium(draw):
    radii = []
    for seed in range(6):
        game = draw(seed=300 + seed, sizes=[2 + seed % 3], spread=1.0)[0]
        block = next(blocks(game))
        for correct in all_roots(game, tries=40):
            # At an equilibrium the shift of the log-odds from the anchor is what the discriminator has learnt.
            shift = np.log(correct / (1 - correct)) - np.diff(game.discriminator_log_anchor[0], axis=0)[0]
            point = evaluate(block, Equilibrium().rates, shift[block.order[0]][:, None])
            radii.append(spectral_radius(game, verdicts(correct)))
            assert is_stable(point, Equilibrium().rates)[0] == (radii[-1] < 1)
    assert sum(radius > 1 for radius in radii) >= 3
    assert sum(radius < 1 for radius in radii) >= 6


def test_a_stable_equilibrium_takes_back_small_changes(draw):
    game = draw(seed=2, sizes=[2, 3, 4, 5])
    random = np.random.default_rng(0)
    for one in solve(game, Equilibrium()):
        assert one.stable
        correct = one.discriminator_policy[1]
        moved = verdicts(np.clip(correct + 1e-4 * random.uniform(-1, 1, size=len(correct)), 0, 1))
        for _ in range(3000):
            _, moved = answers(one.game, moved)
        np.testing.assert_allclose(moved, one.discriminator_policy, atol=1e-9)


def test_a_stable_equilibrium_is_a_local_maximum_of_the_potential(draw):
    game = draw(seed=3, sizes=[4])[0]
    solution = solve(game, Equilibrium())
    top = potential(game, solution.policies, **PUBLISHED)
    random = np.random.default_rng(0)
    for _ in range(50):
        generator = solution.generator_policy * np.exp(1e-3 * random.normal(size=(2, 4)))
        discriminator = solution.discriminator_policy * np.exp(1e-3 * random.normal(size=(2, 4)))
        near = Policies(
            generator=generator / generator.sum(axis=1, keepdims=True),
            discriminator=discriminator / discriminator.sum(axis=0),
        )
        assert potential(game, near, **PUBLISHED) < top


def test_best_responses_in_turn_never_lower_the_potential(draw):
    game = draw(seed=4, sizes=[5])[0]
    now = Policies(generator=game.generator_anchor, discriminator=game.discriminator_anchor)
    last = -np.inf
    for turn in range(40):
        answer = best_response(game, now, **PUBLISHED)
        now = Policies(
            generator=answer.generator if turn % 2 else now.generator,
            discriminator=now.discriminator if turn % 2 else answer.discriminator,
        )
        value = potential(game, now, **PUBLISHED)
        assert value >= last - 1e-15
        last = value


def test_symmetry_can_keep_the_path_at_an_unstable_equilibrium():
    # Two equal candidates and no other information: nothing ever moves. The derivative of the best responses has the
    # eigenvalue k w = (1 / (8 * 0.01)) * (1/2) = 6.25 along (1, -1): unstable, with a stable equilibrium on each side.
    half = np.full((2, 2), 0.5)
    game = ConsensusGame.from_anchors(generator=half, discriminator=half)
    solution = solve(game, Equilibrium())
    np.testing.assert_allclose(solution.generator_policy, half, atol=1e-15)
    assert spectral_radius(game, half) == pytest.approx(6.25, abs=1e-6)
    assert solution.outcome is Outcome.EQUILIBRIUM
    assert not solution.stable
    assert solution.equilibria_found == 3
    # The other two, by hand: x = tanh((G(y1) - G(y2)) / (4 * 0.1)), G(y1) - G(y2) = tanh(x / (4 * 0.1)), x > 0.
    x = 1.0
    for _ in range(100):
        x = np.tanh(np.tanh(x / 0.4) / 0.4)
    points = sorted(point[0] for point in all_roots(game, tries=30))
    np.testing.assert_allclose(points, [(1 - x) / 2, 0.5, (1 + x) / 2], atol=1e-8)


@pytest.mark.parametrize(
    ("lambdas", "proved"),
    [((0.25, 0.25), False), ((0.2501, 0.25), True), ((0.05, 1.3), True), ((0.05, 1.2), False), ((0.1, 0.1), False)],
)
def test_uniqueness_is_proved_where_the_product_is_above_a_sixteenth(draw, lambdas, proved):
    game = draw(seed=5, sizes=[2, 3, 4, 5] * 5, spread=1.0)
    weights = {"lambda_generator": lambdas[0], "lambda_discriminator": lambdas[1]}
    solution = solve(game, Equilibrium(**weights))
    assert solution.proved_unique is proved
    if proved:
        assert (solution.equilibria_found == 1).all()
        assert solution.stable.all()


def test_where_uniqueness_is_proved_a_search_finds_no_other(draw):
    solver = Equilibrium(lambda_generator=0.2501, lambda_discriminator=0.25)
    for spread in (0.0, 0.3, 2.0):
        game = draw(seed=6, sizes=[2, 3, 4, 5] * 5, spread=spread)
        solution = solve(game, solver)
        for block in blocks(game):
            found = solution.discriminator_policy[block.games[:, None], :, block.order]  # [B, N, V]
            count = count_equilibria(block, solver.rates, (found[..., 1] - found[..., 0]).T, starts=30, seed=1)
            np.testing.assert_array_equal(count, 1)


def test_the_bound_of_a_sixteenth_is_sharp():
    # For the game without information the derivative's largest eigenvalue is 1 / (16 lambda_G lambda_D).
    half = np.full((2, 2), 0.5)
    game = ConsensusGame.from_anchors(generator=half, discriminator=half)
    assert solve(game, Equilibrium(lambda_generator=0.2501, lambda_discriminator=0.25)).stable
    assert not solve(game, Equilibrium(lambda_generator=0.2499, lambda_discriminator=0.25)).stable


def test_several_equilibria_are_common_at_the_published_weights(draw):
    found = solve(draw(seed=7, sizes=[2] * 60, spread=0.3), Equilibrium()).equilibria_found
    assert (found >= 2).mean() > 0.5


def test_more_starts_never_find_fewer(draw):
    game = draw(seed=8, sizes=[4] * 40, spread=1.0)
    few, many = (solve(game, Equilibrium(starts=n)).equilibria_found for n in (4, 40))
    assert (few <= many).all()
    np.testing.assert_array_equal(solve(game, Equilibrium(starts=0)).equilibria_found, 1)


def test_the_count_depends_on_the_seed_alone(draw):
    game = draw(seed=9, sizes=[3, 4, 5] * 5, spread=1.0)
    np.random.seed(0)  # noqa: NPY002  the global state must not matter
    one = solve(game, Equilibrium()).equilibria_found
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(one, solve(game, Equilibrium()).equilibria_found)


def test_a_tolerance_out_of_reach_is_reported_with_what_was_reached(draw):
    game = draw(seed=10, sizes=[50] * 5)
    solution = solve(game, Equilibrium(tolerance=1e-320, max_rounds=300), throw=False)
    assert solution.outcome is Outcome.NOT_CERTIFIED
    assert solution.deviation.max() < 1e-12
    with pytest.raises(SolverError, match="misses the tolerance"):
        solve(game, Equilibrium(tolerance=1e-320, max_rounds=0))


def slow_game():
    # Close to a point where two equilibria merge: the path slows down like 1/s.
    return ConsensusGame.from_anchors(
        generator=[[0.446, 0.383, 0.038, 0.133], [0.086, 0.139, 0.427, 0.348]],
        discriminator=[[0.784, 0.384, 0.587, 0.470], [0.216, 0.616, 0.413, 0.530]],
    )


def test_a_slow_path_is_followed_to_its_end_or_reported():
    slow = solve(slow_game(), Equilibrium())
    assert slow.outcome is Outcome.EQUILIBRIUM
    assert slow.steps > 100
    cut = solve(slow_game(), Equilibrium(max_rounds=0), throw=False)
    assert cut.outcome is Outcome.NOT_SETTLED
    assert cut.equilibria_found == 0
    assert not cut.stable
    assert solve(slow_game(), Equilibrium(), max_steps=100, throw=False).outcome is Outcome.STEPS_EXHAUSTED
    assert solve(slow_game(), Equilibrium(), max_steps=75, throw=False).outcome is Outcome.STEPS_EXHAUSTED


@pytest.mark.parametrize("field", ["starts", "seed", "max_rounds"])
def test_counts_must_be_whole(field):
    with pytest.raises(InvalidInputError, match=f"`{field}` is -1; it must be a whole number"):
        Equilibrium(**{field: -1})


def test_weights_that_make_the_flow_too_stiff_are_refused():
    with pytest.raises(InvalidInputError, match=r"is 1e-08; it must be at least 1e-6"):
        Equilibrium(lambda_generator=1e-4, lambda_discriminator=1e-4)
    with pytest.raises(InvalidInputError, match="`tolerance` is 0; it must be a finite number above 0"):
        Equilibrium(tolerance=0)
