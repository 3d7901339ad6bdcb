"""The two updates of piKL, equations (1) and (2) of arXiv:2310.09139, on blocks: averages go in, policies come out.

With V = 2 the averaged values of the paper reduce to one number for each candidate and player:

    verdict  m(y) = mean over time of pi_D(correct | y) - pi_D(incorrect | y)    Q_G(y | v) = 1/4 +- m(y)/4
    contrast r(y) = mean over time of pi_G(y | correct) - pi_G(y | incorrect)    Q_D(correct) - Q_D(incorrect) = r(y)/2

(the 1/4 is the same for all y and cancels in the softmax), and pi_D is a logistic function of its log-odds. Of several
judges each answers the same contrast from its own anchor, and the verdict is their weighted mean (`Block.pooled`).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game.arrays import FloatArray, sum_candidates
from langchain_consensus.game.block import Block, Policies


@dataclass(slots=True, kw_only=True, eq=False)
class Averages:
    """What the players remember of each other; changed in place by the solvers."""

    verdict: FloatArray  # [N, B]
    contrast: FloatArray  # [N, B]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The regularisation of one update: 1/(eta t) + lambda for each player."""

    generator: float
    discriminator: float
    lambda_generator: float
    lambda_discriminator: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The constants of the dynamics."""

    eta: float
    lambda_generator: float
    lambda_discriminator: float

    def weights(self, time: float) -> Weights:
        """The weights of update `time`; those of the best responses for an infinite time."""
        return Weights(
            generator=1 / (self.eta * time) + self.lambda_generator,
            discriminator=1 / (self.eta * time) + self.lambda_discriminator,
            lambda_generator=self.lambda_generator,
            lambda_discriminator=self.lambda_discriminator,
        )


def respond(block: Block, averages: Averages, weights: Weights, generator: FloatArray, verdicts: FloatArray) -> None:
    """Write pi_G to `generator`, `[V, N, B]`, and pi_k(correct) - pi_k(incorrect) to `verdicts`, `[K, N, B]`."""
    generator_exponent(block, averages.verdict, weights, generator)
    softmax(generator)
    half_log_odds(block, averages.contrast, weights, verdicts)
    np.tanh(verdicts, out=verdicts)


def generator_exponent(block: Block, verdict: FloatArray, weights: Weights, out: FloatArray) -> None:
    """Write the bracket of equation (1), less its maximum over the candidates."""
    pull = verdict * (0.25 / weights.generator)
    np.multiply(block.log_generator, weights.lambda_generator / weights.generator, out=out)
    out[0] -= pull
    out[1] += pull
    out -= out.max(axis=-2, keepdims=True)


def half_log_odds(block: Block, contrast: FloatArray, weights: Weights, out: FloatArray) -> None:
    """Write half the difference of the two brackets of equation (2), `[K, N, B]`, one for each judge."""
    np.multiply(block.log_odds, 0.5 * weights.lambda_discriminator / weights.discriminator, out=out)
    out += contrast * (0.25 / weights.discriminator)


def softmax(exponent: FloatArray) -> None:
    """Normalise `[V, N, B]` over the candidates, in place; the largest exponent must be 0."""
    np.exp(exponent, out=exponent)
    exponent /= sum_candidates(exponent)


def policies(block: Block, averages: Averages, weights: Weights) -> Policies:
    """The policies that `respond` computes, with the small discriminator probabilities to full precision."""
    generator = np.empty_like(block.log_generator)
    generator_exponent(block, averages.verdict, weights, generator)
    softmax(generator)
    half = np.empty_like(block.log_odds)
    half_log_odds(block, averages.contrast, weights, half)
    return Policies(generator=generator, discriminator=logistic(2 * half))


def anchors(block: Block) -> Policies:
    """The initial policies pi^(1)."""
    return Policies(generator=np.exp(block.log_generator), discriminator=logistic(block.log_odds))


def logistic(log_odds: FloatArray) -> FloatArray:
    """Verdict probabilities `[K, V, N, B]` from log-odds `[K, N, B]`."""
    with np.errstate(over="ignore"):  # the reciprocal of infinity is the zero that is meant
        probabilities: FloatArray = 1 / (1 + np.exp(np.stack([log_odds, -log_odds], axis=1)))
    return probabilities


@dataclass(slots=True, kw_only=True, eq=False)
class Walk:
    """The state of the dynamics before update `time`: the averages up to time - 1 and the policies pi^(time)."""

    block: Block
    time: int
    averages: Averages
    generator: FloatArray  # [V, N, B]
    verdicts: FloatArray  # [K, N, B]

    @classmethod
    def start(cls, block: Block) -> "Walk":
        """Before the first update: the anchors."""
        return cls(
            block=block,
            time=1,
            averages=Averages(verdict=np.zeros_like(block.log_odds[0]), contrast=np.zeros_like(block.log_odds[0])),
            generator=np.exp(block.log_generator),
            verdicts=np.tanh(0.5 * block.log_odds),
        )

    def step(self, weights: Weights) -> None:
        """Make update `time`, in place."""
        generator, averages = self.generator, self.averages
        # mean(t) = mean(t - 1) + (new - mean(t - 1)) / t
        contrast = generator[1] - generator[0]
        contrast -= averages.contrast
        contrast /= self.time
        averages.contrast += contrast
        verdict = self.block.pooled(self.verdicts)
        verdict -= averages.verdict
        verdict /= self.time
        averages.verdict += verdict
        respond(self.block, averages, weights, generator, self.verdicts)
        self.time += 1


def check_positive(solver: object, *fields: str) -> None:
    """Raise unless every named field is a finite number above zero."""
    for field in fields:
        value: Any = getattr(solver, field)
        number = isinstance(value, (int, float, np.floating, np.integer)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0:
            message = f"`{field}` is {value!r}; it must be a finite number above 0. The published value is 0.1."
            raise InvalidInputError(message)


def check_count(solver: object, field: str, least: int) -> None:
    """Raise unless the named field is a whole number of at least `least`."""
    value: Any = getattr(solver, field)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        message = f"`{field}` is {value!r}; it must be a whole number of at least {least}."
        raise InvalidInputError(message)
