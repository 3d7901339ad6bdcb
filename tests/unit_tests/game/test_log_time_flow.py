"""The flow against the published updates: the same answer, many times faster."""

import time

import numpy as np
import pytest

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import LogTimeFlow, PiKL, solve
from langchain_consensus.game.flow import mesh
from langchain_consensus.game.log_time_flow import Rates


def largest_difference(game, flow, published):
    one, other = solve(game, flow), solve(game, published)
    generator = np.abs(one.generator_policy - other.generator_policy).max()
    return max(generator, np.abs(one.discriminator_policy - other.discriminator_policy).max())


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0, 10.0])
def test_every_entry_is_within_3e_3_of_5000_published_updates(draw, spread):
    # Log-scores are independent normals with standard deviation `spread`; N = 2, ..., 50, small N more often.
    sizes = [*range(2, 51, 6), *[2, 3, 4, 5, 6] * 20]
    assert largest_difference(draw(seed=0, sizes=sizes, spread=spread), LogTimeFlow(), PiKL()) < 3e-3


@pytest.mark.parametrize("eta", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("lambdas", [(0.01, 1.0), (0.3, 0.05), (0.02, 0.02)])
def test_other_constants_are_followed_too(draw, eta, lambdas):
    constants = {"eta": eta, "lambda_generator": lambdas[0], "lambda_discriminator": lambdas[1]}
    game = draw(seed=1, sizes=[2, 3, 4, 6] * 5)
    # A small lambda is a strong coupling: errors grow along the path, and 3e-3 is not promised.
    assert largest_difference(game, LogTimeFlow(time=2000, **constants), PiKL(steps=2000, **constants)) < 3e-2


def test_a_short_time_is_walked_update_by_update(draw):
    game = draw(seed=2, sizes=[4])[0]
    flow, published = solve(game, LogTimeFlow(time=12)), solve(game, PiKL(steps=12))
    np.testing.assert_allclose(flow.generator_policy, published.generator_policy, atol=1e-13)
    assert flow.steps == 12


def test_more_steps_come_closer(draw):
    game = draw(seed=3, sizes=[2, 3, 4] * 10)
    coarse = largest_difference(game, LogTimeFlow(exact_steps=10, flow_steps=12), PiKL())
    fine = largest_difference(game, LogTimeFlow(exact_steps=200, flow_steps=100), PiKL())
    assert fine < coarse / 20


def test_it_is_twenty_times_faster_in_a_batch(draw):
    game = draw(seed=4, sizes=[4] * 1000)

    def seconds(solver):
        start = time.process_time()
        solve(game, solver)
        return time.process_time() - start

    # The published updates cost the same whatever their number, so a fifth of them is timed.
    published = 5 * seconds(PiKL(steps=1000))
    assert published > 20 * min(seconds(LogTimeFlow()) for _ in range(5))


def test_a_stiff_flow_gets_more_steps():
    gentle = Rates(eta=0.1, lambda_generator=0.1, lambda_discriminator=0.1)
    stiff = Rates(eta=0.1, lambda_generator=0.001, lambda_discriminator=0.001)
    assert len(mesh(gentle, 3.0, 8.5, 16)) == 17
    # Both weights end at w = 0.001 + 1/(eta t) with t = exp(8.5) - 1/2; c = 1/(4 w); steps of at most 2/(1 + c).
    weight = 0.001 + 1 / (0.1 * (np.exp(8.5) - 0.5))
    assert len(mesh(stiff, 3.0, 8.5, 16)) == 1 + np.ceil(5.5 * (1 + 0.25 / weight) / 2)


@pytest.mark.parametrize("field", ["time", "exact_steps", "flow_steps"])
@pytest.mark.parametrize("value", [0, 1.5, None])
def test_numbers_of_steps_must_be_whole(field, value):
    with pytest.raises(InvalidInputError, match=f"`{field}` is .*; it must be a whole number of at least 1"):
        LogTimeFlow(**{field: value})
