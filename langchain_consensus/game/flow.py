"""piKL as a flow in log time: averages at one log time go in, averages at a later one come out.

The averages m of equations (1) and (2) of arXiv:2310.09139 move as m(t) - m(t - 1) = (new - m(t - 1)) / t. These are
steps of Euler's method, of length 1/t, in s = log(t + 1/2) for the flow dm/ds = v = new(m, s) - m. Where 1/t is small,
a few Runge-Kutta steps in s do the work of thousands of updates. Euler's method with step h follows not v but
v - (h/2) dv/ds + O(h^2), the derivative taken along the flow; so that is the field here: it makes the error that the
published updates make.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from langchain_consensus.game.arrays import FloatArray, sum_candidates
from langchain_consensus.game.block import Block, Snapshot
from langchain_consensus.game.dynamics import (
    Averages,
    Rates,
    Walk,
    Weights,
    anchors,
    generator_exponent,
    half_log_odds,
    policies,
    softmax,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where on the way to stop: the log time after each step; the first `exact` steps are updates."""

    exact: int
    log_times: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """Where a plan led."""

    averages: Averages
    log_time: float
    snapshots: tuple[Snapshot, ...]


def plan(rates: Rates, *, end: float, exact_steps: int, flow_steps: int) -> Plan:
    """Updates at first, then `flow_steps` steps of the flow, or more where it is stiff, to log time `end`."""
    exact = [log_time(t) for t in range(1, exact_steps + 1) if log_time(t) <= end]
    flow = mesh(rates, exact[-1], end, flow_steps) if exact[-1] < end else []
    return Plan(exact=len(exact), log_times=(*exact, *flow[1:]))


def follow(block: Block, rates: Rates, route: Plan, *, record: int) -> Path:
    """The averages at the end of the plan, and `record` snapshots, both ends included."""
    walk = Walk.start(block)
    keep = set(np.linspace(0, len(route.log_times), record).round().astype(int).tolist())
    snapshots = [Snapshot(time=1, policies=anchors(block))] if record else []
    averages = walk.averages
    for step, (start, end) in enumerate(pairwise((-math.inf, *route.log_times)), start=1):
        if step <= route.exact:
            walk.step(rates.weights(step))
        else:
            averages = advance(block, rates, averages, start, end)
        if step in keep:
            now = policies(block, averages, rates.weights(updates(end)))
            snapshots.append(Snapshot(time=updates(end) + 1, policies=now))
    return Path(averages=averages, log_time=route.log_times[-1], snapshots=tuple(snapshots))


def log_time(updates: float) -> float:
    """The s at which the flow stands after that many updates."""
    return math.log(updates + 0.5)


def updates(s: float) -> float:
    """The number of updates after which the flow stands at log time s."""
    return math.exp(s) - 0.5


def mesh(rates: Rates, start: float, end: float, least: int) -> list[float]:
    """Log times from start to end, evenly spaced: `least` steps, or more where stability needs them.

    The flow's linear part has eigenvalues between -1 - c and -1 + c with c = 1/(4 sqrt(w_G w_D)) (see `gap.py`; w are
    the weights), and the Runge-Kutta step is stable while h (1 + c) < 2.78; 2 leaves room.
    """
    weights = rates.weights(updates(end))
    coupling = 0.25 / math.sqrt(weights.generator * weights.discriminator)
    steps = max(least, math.ceil((end - start) * (1 + coupling) / 2))
    return [start + (end - start) * i / steps for i in range(steps)] + [end]


def advance(block: Block, rates: Rates, averages: Averages, start: float, end: float) -> Averages:
    """The averages after one classical Runge-Kutta step from log time `start` to `end`."""
    step = end - start
    state = np.stack([averages.verdict, averages.contrast])  # [2, N, B]
    total = slope = _velocity(block, rates, state, start)
    for weight, share in ((2, 0.5), (2, 0.5), (1, 1.0)):
        slope = _velocity(block, rates, state + share * step * slope, start + share * step)
        total = total + weight * slope
    state += step / 6 * total
    return Averages(verdict=state[0], contrast=state[1])


def _velocity(block: Block, rates: Rates, state: FloatArray, s: float) -> FloatArray:
    """V - (h/2) dv/ds, `[2, N, B]`."""
    time = updates(s)
    weights = rates.weights(time)
    exponent = np.empty_like(block.log_generator)
    generator_exponent(block, state[0], weights, exponent)
    generator = exponent.copy()
    softmax(generator)
    half = np.empty_like(block.log_odds)
    half_log_odds(block, state[1], weights, half)
    verdicts = np.tanh(half)

    v = np.stack([block.pooled(verdicts), generator[1] - generator[0]])
    v -= state
    # The weights w = 1/(eta t) + lambda fall at the rate `decay` in s, where t = exp(s) - 1/2.
    decay = (1 + 0.5 / time) / (rates.eta * time)
    half_step = 0.5 / (time + 1)
    contrast_change = _contrast_change(exponent, generator, v[0], weights, decay)
    verdict_change = block.pooled(_verdict_change(half, verdicts, v[1], weights, decay))
    v *= 1 + half_step
    v[0] -= half_step * verdict_change
    v[1] -= half_step * contrast_change
    return v


def _contrast_change(
    exponent: FloatArray, generator: FloatArray, v: FloatArray, weights: Weights, decay: float
) -> FloatArray:
    # d pi/ds = pi (z' - sum of pi z'), with z' = (+- v/4 + decay z) / w. Overwrites both arrays.
    exponent *= decay / weights.generator
    pull = v * (0.25 / weights.generator)
    exponent[0] -= pull
    exponent[1] += pull
    exponent *= generator
    generator *= sum_candidates(exponent)
    exponent -= generator
    change: FloatArray = exponent[1] - exponent[0]
    return change


def _verdict_change(
    half: FloatArray, verdicts: FloatArray, v: FloatArray, weights: Weights, decay: float
) -> FloatArray:
    # Of each judge, d tanh(u)/ds = (1 - tanh(u)^2) u', with u' = (v/4 + decay u) / w. Overwrites `half`.
    half *= decay / weights.discriminator
    half += v * (0.25 / weights.discriminator)
    half *= 1 - verdicts**2
    return half
