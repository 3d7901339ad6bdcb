"""Newton's method on a block: points close to equilibria go in, equilibria and their stability come out.

An equilibrium is a zero of one number for each candidate, the shift c of the discriminator's log-odds (all that its
policy differs from its anchor by; finite even where the anchor is 0 or 1):

    x = tanh((log-odds + c)/2)        pi_D(correct) - pi_D(incorrect), of several judges their weighted mean
    G_v ~ anchor_v exp(+- x/(4 lambda_G))        the generator's best response to it
    h(c) = (G_correct - G_incorrect)/(2 lambda_D) - c

The derivative of h is K - 1 with K = k (diag(g) - sum_v G_v G_v^T) diag(w), g = G_correct + G_incorrect,
w = (1 - x^2)/2 (of several judges the mean of theirs), k = 1/(8 lambda_G lambda_D): diagonal plus rank two, solved in
O(N) by Woodbury's formula.
K has the eigenvalues of a symmetric matrix without negative ones, and the flow's are -1 +- sqrt(those of K). So an
equilibrium is stable, and a strict local maximum of the potential, if and only if all eigenvalues of K are below 1.
"""

from dataclasses import dataclass

import numpy as np

from langchain_consensus.game.arrays import BoolArray, FloatArray, sum_candidates
from langchain_consensus.game.block import Block, Policies
from langchain_consensus.game.dynamics import Rates, generator_exponent, half_log_odds, logistic, softmax

# Below this a pivot is taken as this, lest rounding decide a step.
SMALLEST_PIVOT = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Point:
    """A shift with what follows from it."""

    shift: FloatArray  # [N, B], c
    verdict: FloatArray  # [N, B], x
    slope: FloatArray  # [N, B], w
    generator: FloatArray  # [V, N, B], the best response G
    residual: FloatArray  # [N, B], h(c)

    @property
    def error(self) -> FloatArray:
        """How far the shift is from its answer, in a game's worst candidate, `[B]`."""
        worst: FloatArray = np.abs(self.residual).max(axis=0)
        return worst

    def where(self, chosen: BoolArray, other: "Point") -> "Point":
        """This point in the games that are chosen, `[B]`, the other one elsewhere."""
        return Point(
            shift=np.where(chosen, self.shift, other.shift),
            verdict=np.where(chosen, self.verdict, other.verdict),
            slope=np.where(chosen, self.slope, other.slope),
            generator=np.where(chosen, self.generator, other.generator),
            residual=np.where(chosen, self.residual, other.residual),
        )


def evaluate(block: Block, rates: Rates, shift: FloatArray) -> Point:
    """The point with this shift."""
    weights = rates.weights(np.inf)
    verdicts = np.tanh(0.5 * (block.log_odds + shift))
    verdict, slope = block.pooled(verdicts), block.pooled(0.5 * (1 - verdicts**2))
    generator = np.empty_like(block.log_generator)
    generator_exponent(block, verdict, weights, generator)
    softmax(generator)
    answer = (generator[1] - generator[0]) / (2 * rates.lambda_discriminator)
    return Point(shift=shift, verdict=verdict, slope=slope, generator=generator, residual=answer - shift)


def ascend(block: Block, rates: Rates, point: Point, rounds: int) -> Point:
    """The point after so many rounds of best responses in turn, none of which lowers the potential."""
    for _ in range(rounds):
        point = evaluate(block, rates, point.shift + point.residual)
    return point


def polish(block: Block, rates: Rates, point: Point, rounds: int) -> Point:
    """The point after so many Newton steps, with best responses where a step does not bring the error down."""
    for _ in range(rounds):
        trial = evaluate(block, rates, point.shift + _newton_step(point, rates))
        better = trial.error < point.error
        # At the floor of rounding neither helps, and both leave the error where it is.
        fallback = evaluate(block, rates, point.shift + point.residual)
        point = trial.where(better, fallback.where(fallback.error < 2 * point.error, point))
        if (point.error <= 1e-13 / rates.lambda_discriminator).all():
            break
    return point


def point_policies(block: Block, rates: Rates, point: Point) -> Policies:
    """The policies of a point: the generator answers the shift, the discriminator the generator."""
    half = np.empty_like(block.log_odds)
    half_log_odds(block, point.generator[1] - point.generator[0], rates.weights(np.inf), half)
    return Policies(generator=point.generator, discriminator=logistic(2 * half))


def is_stable(point: Point, rates: Rates) -> BoolArray:
    """Whether all eigenvalues of K are below 1, `[B]`.

    Haynsworth's inertia formula on the symmetric form: 1 - K has as many negative eigenvalues as its diagonal part
    has, less those of a 2 x 2 matrix.
    """
    diagonal, small = _pivots(point, rates)
    determinant = small[0, 0] * small[1, 1] - small[0, 1] ** 2
    trace = small[0, 0] + small[1, 1]
    negative = np.where(determinant < 0, 1, np.where(trace < 0, 2, 0))
    stable: BoolArray = (diagonal < 0).sum(axis=0) == negative
    return stable


def _coupling(rates: Rates) -> float:
    return 1 / (8 * rates.lambda_generator * rates.lambda_discriminator)


def _pivots(point: Point, rates: Rates) -> tuple[FloatArray, FloatArray]:
    # The diagonal of 1 - K without its rank-two part, [N, B], and the 2 x 2 matrix of Woodbury's formula, [2, 2, B].
    k, w, g = _coupling(rates), point.slope, point.generator
    diagonal = 1 - k * w * (g[0] + g[1])
    diagonal = np.where(np.abs(diagonal) < SMALLEST_PIVOT, SMALLEST_PIVOT, diagonal)
    small = np.array([[_total(k * w * g[i] * g[j] / diagonal) + (i == j) for j in (0, 1)] for i in (0, 1)])
    return diagonal, small


def _newton_step(point: Point, rates: Rates) -> FloatArray:
    # (D + k U W^T) step = h: with a = h/D, step = a - k (U/D) s where (1 + k W^T U/D) s = W^T a.
    k, w, g = _coupling(rates), point.slope, point.generator
    diagonal, small = _pivots(point, rates)
    plain = point.residual / diagonal
    right = _total(w * g[0] * plain), _total(w * g[1] * plain)
    determinant = small[0, 0] * small[1, 1] - small[0, 1] * small[1, 0]
    determinant = np.where(np.abs(determinant) < SMALLEST_PIVOT, SMALLEST_PIVOT, determinant)
    first = (small[1, 1] * right[0] - small[0, 1] * right[1]) / determinant
    second = (small[0, 0] * right[1] - small[1, 0] * right[0]) / determinant
    step: FloatArray = plain - k * (g[0] * first + g[1] * second) / diagonal
    return step


def _total(values: FloatArray) -> FloatArray:
    total: FloatArray = sum_candidates(values)[0]
    return total
