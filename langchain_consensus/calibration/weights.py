"""How much each view counts: evidence and `Weights` go in, the belief of each player comes out.

`F` features, `N` candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.evidence import GENERATOR_SIDE, Feature
from langchain_consensus.game import ConsensusGame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.calibration.evidence import Evidence

    FloatArray = NDArray[np.float64]

__all__ = ["Beliefs", "Weights"]

_LARGEST = 60.0
_NEUTRAL_GENERATOR = 0.5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Beliefs:
    """Which candidate each player holds for the right one, before the game: `[N]` log-odds up to a constant."""

    generator: FloatArray
    discriminator: FloatArray

    @property
    def shares(self) -> FloatArray:
        """`[N]` probability of each candidate to be the right one by both together, as independent evidence."""
        return np.asarray(np.exp(_log_softmax(self.generator + self.discriminator)))

    def game(self) -> ConsensusGame:
        """The signalling game of players with these beliefs, by its own rule of play.

        Asked for the correct answer, the generator sends y as often as it believes that y is the right one, p_G(y).
        Asked for an incorrect one, it sends any of the others: (1 - p_G(y)) / (N - 1). The discriminator, who sees y
        and holds both conditions for equally likely, guesses "correct" by Bayes' rule with its own belief:
        p_D(y) : (1 - p_D(y)) / (N - 1). With one candidate both anchors are without content, as in
        `ConsensusGame.from_log_scores`.
        """
        size = len(self.generator)
        if size == 1:
            return ConsensusGame.from_anchors(generator=np.ones((2, 1)), discriminator=np.full((2, 1), 0.5))
        sent = np.stack(_both_conditions(self.generator))
        guessed = np.stack(_both_conditions(self.discriminator))
        with np.errstate(under="ignore"):
            guesses = np.exp(guessed - np.logaddexp.reduce(guessed, axis=0))
            return ConsensusGame.from_anchors(generator=np.exp(sent), discriminator=guesses)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weights:
    """How much a standard deviation of each view counts, and how strongly each player is tied to its belief.

    Attributes:
        scales: `[F]` spread of each view over the candidates of a question; above 0.
        weights: `[F]` log-odds for one such spread.
        tie_generator: Times the neutral lambda_G of 1/2.
        tie_discriminator: Times the neutral lambda_D of 1/(2N); see `lambdas`.
    """

    scales: FloatArray
    weights: FloatArray
    tie_generator: float = 1.0
    tie_discriminator: float = 1.0

    def beliefs(self, evidence: Evidence) -> Beliefs:
        """The beliefs of both players over the candidates of a question."""
        weighted = (self.weights / self.scales)[:, None] * evidence.centred
        weighted = np.clip(weighted, -_LARGEST, _LARGEST)
        return Beliefs(
            generator=np.asarray(weighted[list(GENERATOR_SIDE)].sum(axis=0)),
            discriminator=np.asarray(weighted[Feature.VERDICT]),
        )

    def lambdas(self, size: int) -> tuple[float, float]:
        """Lambda_G and lambda_D for a game of `size` candidates.

        Neutral is what makes the discriminator's policy at equilibrium, to first order, the pooled evidence of both:
        lambda_D = 1/(2N). Lambda_G = 1/2 keeps the loop between the players at half of where the equilibrium stops
        being stable. See docs/design/0007-informed-anchors.md.
        """
        return _NEUTRAL_GENERATOR * self.tie_generator, self.tie_discriminator / (2 * size)


def _both_conditions(belief: FloatArray) -> tuple[FloatArray, FloatArray]:
    """`[N]` log of (1 - p) / (N - 1), and log p, for p the softmax of the belief; exact where p is close to 1."""
    size = len(belief)
    log_share = _log_softmax(belief)
    others = np.where(np.eye(size, dtype=bool), -np.inf, log_share)
    return np.logaddexp.reduce(others, axis=1) - np.log(size - 1), log_share


def _log_softmax(values: FloatArray) -> FloatArray:
    return np.asarray(values - np.logaddexp.reduce(values))
