"""Several judges in one game: against the definition, by hand, and as one judge where they say the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import (
    ConsensusGame,
    Equilibrium,
    LogTimeFlow,
    Outcome,
    PiKL,
    Policies,
    best_response,
    deviation,
    gap,
    potential,
    solve,
    with_judges,
    with_prior,
)

LAMBDAS = {"lambda_generator": 0.3, "lambda_discriminator": 0.4}
SOLVERS = [PiKL(steps=300), LogTimeFlow(), Equilibrium(), Equilibrium(**LAMBDAS)]


def drawn(seed, sizes, judges, *, spread=2.0):
    """A batch of games for each judge, with the same generator."""
    random = np.random.default_rng(seed)
    generator = [spread * random.normal(size=(2, n)) for n in sizes]
    verdicts = [[spread * random.normal(size=(2, n)) for n in sizes] for _ in range(judges)]
    return [ConsensusGame.from_log_scores(generator=generator, discriminator=one) for one in verdicts]


def naive(g0, judges, weights, *, steps, eta=0.1, lambda_g=0.1, lambda_d=0.1):
    """Equations (1) and (2) for one generator `[V, N]` and several judges, each `[V, N]`, as they are written."""
    g, d = g0, [one.copy() for one in judges]
    sum_g, sum_d = np.zeros_like(g0), np.zeros_like(g0)
    for t in range(1, steps + 1):
        sum_g += g
        sum_d += sum(w * one for w, one in zip(weights, d, strict=True))
        tied_g, tied_d = 1 / (eta * t) + lambda_g, 1 / (eta * t) + lambda_d
        g = np.exp((sum_d / (2 * t) + lambda_g * np.log(g0)) / tied_g)
        g = g / g.sum(axis=1, keepdims=True)
        d = [np.exp((sum_g / (2 * t) + lambda_d * np.log(one)) / tied_d) for one in judges]
        d = [one / one.sum(axis=0) for one in d]
    return g, d


@pytest.mark.parametrize("steps", [1, 2, 60])
def test_the_dynamics_is_the_published_one_for_every_judge_against_their_weighted_mean(steps):
    games, weights = drawn(1, [4], 3), [0.5, 0.3, 0.2]
    solution = solve(with_judges(games, weights), PiKL(steps=steps))[0]
    generator, judges = naive(
        games[0][0].generator_anchor, [one[0].discriminator_anchor for one in games], weights, steps=steps
    )
    np.testing.assert_allclose(solution.generator_policy, generator, atol=1e-12)
    np.testing.assert_allclose(solution.judge_policies, judges, atol=1e-12)
    mean = sum(w * one for w, one in zip(weights, judges, strict=True))
    np.testing.assert_allclose(solution.discriminator_policy, mean, atol=1e-12)


def test_one_update_of_two_candidates_and_two_judges_by_hand():
    # The generator's anchor is uniform. The first judge says 3/4 and 1/4, the second 1/2 of both; they weigh 2 : 1.
    # Mean: 2/3 3/4 + 1/3 1/2 = 2/3 and 1/3. After one update the weights are 1/0.1 + 0.1 = 10.1, and the generator's
    # log-odds (2/3 - 1/3) / 2 / 10.1 = 1/60.6. It had no contrast, so the judges' log-odds are 0.1 log 3 / 10.1 and 0.
    half = np.full((2, 2), 0.5)
    first = ConsensusGame.from_anchors(generator=half, discriminator=[[0.25, 0.75], [0.75, 0.25]])
    second = ConsensusGame.from_anchors(generator=half, discriminator=half)
    game = with_judges([first, second], [2, 1])
    np.testing.assert_allclose(game.discriminator_anchor, [[1 / 3, 2 / 3], [2 / 3, 1 / 3]], atol=1e-15)
    solution = solve(game, PiKL(steps=1))
    sent, sure = expit(1 / 60.6), expit(0.1 * np.log(3) / 10.1)
    np.testing.assert_allclose(solution.generator_policy, [[1 - sent, sent], [sent, 1 - sent]], atol=1e-15)
    np.testing.assert_allclose(solution.judge_policies[0], [[1 - sure, sure], [sure, 1 - sure]], atol=1e-15)
    np.testing.assert_allclose(solution.judge_policies[1], half, atol=1e-15)
    np.testing.assert_allclose(solution.discriminator_policy[1], [(2 * sure + 0.5) / 3, 0.5 + (0.5 - sure) * 2 / 3])


def test_a_single_judge_is_the_published_game_itself():
    [game] = drawn(2, [3, 5], 1)
    assert with_judges([game], [0.2]) is game
    assert solve(game).judge_policies is None


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10**6), weights=st.lists(st.floats(0.01, 10), min_size=2, max_size=4))
def test_judges_that_say_the_same_are_one_judge(solver, seed, weights):
    [game] = drawn(seed, [2, 5, 1], 1, spread=1.0)
    one = solve(game, solver, throw=False)
    several = solve(with_judges([game] * len(weights), weights), solver, throw=False)
    np.testing.assert_allclose(several.generator_policy, one.generator_policy, atol=1e-10)
    np.testing.assert_allclose(several.discriminator_policy, one.discriminator_policy, atol=1e-10)
    for judge in range(len(weights)):
        np.testing.assert_allclose(several.judge_policies[:, judge], one.discriminator_policy, atol=1e-10)
    np.testing.assert_allclose(several.gap, one.gap, atol=1e-9)
    assert several.outcomes == one.outcomes


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_a_judge_without_weight_changes_no_bit(solver):
    first, second = drawn(3, [4, 2, 3], 2)
    alone = solve(first, solver, throw=False)
    with_other = solve(with_judges([first, second], [1, 0]), solver, throw=False)
    for name in ("generator_policy", "discriminator_policy", "gap", "deviation"):
        np.testing.assert_array_equal(getattr(with_other, name), getattr(alone, name))


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_games_with_different_numbers_of_candidates_and_judges_have_the_solutions_they_have_alone(solver):
    sizes, judges = [4, 2, 3], drawn(4, [4, 2, 3], 3)
    weights = np.array([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0], [1.0, 0.0, 0.0]])
    batch = solve(with_judges(judges, weights), solver, throw=False)
    for place in range(len(sizes)):
        count = place_judges = int((weights[place] > 0).sum())
        alone = solve(
            with_judges([one[place] for one in judges[:place_judges]], weights[place, :count]), solver, throw=False
        )
        np.testing.assert_allclose(batch[place].generator_policy, alone.generator_policy, atol=1e-12)
        np.testing.assert_allclose(batch[place].discriminator_policy, alone.discriminator_policy, atol=1e-12)
        assert batch.deviation[place] == pytest.approx(alone.deviation, abs=1e-12)


def test_the_order_of_the_candidates_changes_no_bit():
    games, order = drawn(5, [5], 2), [3, 0, 4, 2, 1]
    turned = [
        ConsensusGame.from_anchors(
            generator=one[0].generator_anchor[:, order], discriminator=one[0].discriminator_anchor[:, order]
        )
        for one in games
    ]
    straight = [
        ConsensusGame.from_anchors(generator=one[0].generator_anchor, discriminator=one[0].discriminator_anchor)
        for one in games
    ]
    solution = solve(with_judges(straight, [0.7, 0.3]), PiKL(steps=200))
    other = solve(with_judges(turned, [0.7, 0.3]), PiKL(steps=200))
    np.testing.assert_array_equal(solution.generator_policy[:, order], other.generator_policy)
    np.testing.assert_array_equal(solution.judge_policies[..., order], other.judge_policies)


def utilities(game, policies, weights):
    """The regularised utility of every player, a judge's scaled by its weight, from the definition."""

    def divergence(p, q):
        return float(np.sum(p * np.log(p / q)))

    g, ds = policies.generator, policies.discriminator
    mean = sum(w * d for w, d in zip(weights, ds, strict=True))
    first = 0.5 * (g * mean).sum() - LAMBDAS["lambda_generator"] * divergence(g, game.generator_anchor)
    anchors = np.exp(game.judges.log_anchors[0])
    judges = [
        w * (0.5 * (g * d).sum() - LAMBDAS["lambda_discriminator"] * divergence(d, d0))
        for w, d, d0 in zip(weights, ds, anchors, strict=True)
    ]
    return np.array([first, *judges])


def some_policies(seed, n, judges):
    random = np.random.default_rng(seed)
    return Policies(
        generator=random.dirichlet(np.ones(n), size=2),
        discriminator=np.moveaxis(random.dirichlet([1, 1], size=(judges, n)), -1, 1),
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_gap_is_what_all_players_could_gain_alone_and_the_potential_moves_with_whoever_moves(seed):
    weights = np.array([0.6, 0.4])
    game = with_judges([one[0] for one in drawn(seed, [4], 2)], weights)
    now, other = some_policies(seed, 4, 2), some_policies(seed + 50, 4, 2)
    answer = best_response(game, now, **LAMBDAS)
    before, gain = utilities(game, now, weights), 0.0
    for player in range(3):
        for target in (answer, other):
            generator = target.generator if player == 0 else now.generator
            judged = now.discriminator.copy()
            if player:
                judged[player - 1] = target.discriminator[player - 1]
            moved = Policies(generator=generator, discriminator=judged)
            change = utilities(game, moved, weights)[player] - before[player]
            gain += change if target is answer else 0.0
            expected = potential(game, moved, **LAMBDAS) - potential(game, now, **LAMBDAS)
            assert change == pytest.approx(expected, abs=1e-12)
    assert gap(game, now, **LAMBDAS) == pytest.approx(gain, abs=1e-12)
    worst = max(np.abs(now.generator - answer.generator).max(), np.abs(now.discriminator - answer.discriminator).max())
    assert deviation(game, now, **LAMBDAS) == pytest.approx(worst, abs=1e-15)


def test_the_certified_equilibrium_is_scipy_s_maximum_of_the_potential():
    # 16 * 0.3 * 0.4 > 1: the potential is strictly concave, whatever the judges are.
    weights = [0.7, 0.3]
    game = with_judges([one[0] for one in drawn(7, [3], 2)], weights)
    solution = solve(game, Equilibrium(**LAMBDAS))

    def policies(x):
        judged = expit(x[6:].reshape(2, 3))
        return Policies(
            generator=np.exp(log_softmax(x[:6].reshape(2, 3), axis=1)),
            discriminator=np.stack([1 - judged, judged], axis=1),
        )

    found = minimize(lambda x: -potential(game, policies(x), **LAMBDAS), np.zeros(12), method="BFGS", tol=1e-10)
    assert solution.outcome is Outcome.EQUILIBRIUM
    assert solution.proved_unique
    assert potential(game, solution.policies, **LAMBDAS) == pytest.approx(-found.fun, abs=1e-9)
    np.testing.assert_allclose(solution.generator_policy, policies(found.x).generator, atol=1e-4)
    np.testing.assert_allclose(solution.judge_policies, policies(found.x).discriminator, atol=1e-4)


def test_an_equilibrium_of_the_published_lambdas_is_certified_for_every_judge():
    weights = [0.5, 0.25, 0.25]
    game = with_judges(drawn(8, [4, 6, 3], 3, spread=1.0), weights)
    solution = solve(game, Equilibrium())
    answer = best_response(game, solution.policies, lambda_generator=0.1, lambda_discriminator=0.1)
    np.testing.assert_allclose(solution.judge_policies, answer.discriminator, atol=1e-8)
    np.testing.assert_allclose(solution.generator_policy, answer.generator, atol=1e-8)
    assert (solution.gap <= 1e-9).all()
    assert (solution.equilibria_found >= 1).all()
    path = solve(game, LogTimeFlow(time=10**14))  # where the published path leads, slowly
    np.testing.assert_allclose(path.generator_policy, solution.generator_policy, atol=1e-2)


def test_the_flow_follows_the_dynamics():
    game = with_judges(drawn(9, [4, 3], 2), [0.6, 0.4])
    flow, walk = solve(game, LogTimeFlow(time=1000), record=3), solve(game, PiKL(steps=1000))
    np.testing.assert_allclose(flow.generator_policy, walk.generator_policy, atol=2e-3)
    np.testing.assert_allclose(flow.judge_policies, walk.judge_policies, atol=2e-3)
    np.testing.assert_allclose(flow.trajectory.discriminator_policy[0], game.discriminator_anchor, atol=1e-15)
    np.testing.assert_array_equal(flow.trajectory.discriminator_policy[-1], flow.discriminator_policy)


def test_outside_evidence_moves_every_judge_by_its_own_spread():
    first, second = drawn(10, [3], 2)
    evidence = [[1.0, 0.0, -1.0]]
    moved = with_prior(with_judges([first, second], [0.5, 0.5]), evidence)
    for judge, one in enumerate((first, second)):
        alone = with_prior(one, evidence)
        np.testing.assert_allclose(moved.judges.log_anchors[:, judge], alone.discriminator_log_anchor, atol=1e-15)
    mean = 0.5 * (with_prior(first, evidence).discriminator_anchor + with_prior(second, evidence).discriminator_anchor)
    np.testing.assert_allclose(moved.discriminator_anchor, mean, atol=1e-15)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"shape \(1,\); it must be \[2\], or \[1, 2\]"),
        ([1.0, -1.0], "finite, at least 0"),
        ([0.0, 0.0], "not all 0"),
        ([1.0, np.nan], "finite"),
        (["a", "b"], "must hold numbers"),
    ],
)
def test_weights_that_break_their_rule_are_refused(weights, message):
    with pytest.raises(InvalidInputError, match=message):
        with_judges(drawn(0, [3], 2), weights)


def test_games_that_do_not_belong_together_are_refused():
    with pytest.raises(InvalidInputError, match="no game was given"):
        with_judges([], [])
    with pytest.raises(InvalidInputError, match=r"`games\[1\]` has the sizes \[4\] and the first \[3\]"):
        with_judges([drawn(0, [3], 1)[0], drawn(0, [4], 1)[0]], [1, 1])
    pair = with_judges(drawn(0, [3], 2), [1, 1])
    with pytest.raises(InvalidInputError, match="several judges already"):
        with_judges([pair, pair], [1, 1])
    with pytest.raises(
        InvalidInputError, match=r"`policies.discriminator` has shape \(2, 3\); the game's is \(2, 2, 3\)"
    ):
        gap(pair[0], Policies(generator=np.ones((2, 3)) / 3, discriminator=np.full((2, 3), 0.5)), **LAMBDAS)
