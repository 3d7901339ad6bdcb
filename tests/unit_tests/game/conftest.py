"""Random games, and a second implementation of the published dynamics to hold the first against."""

from collections.abc import Callable
from math import exp, log

import numpy as np
import pytest

from langchain_consensus.game import ConsensusGame

Draw = Callable[..., ConsensusGame]


@pytest.fixture
def draw() -> Draw:
    """A batch of games whose log-scores are independent normals with standard deviation `spread`."""

    def games(*, seed: int, sizes: list[int], spread: float = 2.0) -> ConsensusGame:
        random = np.random.default_rng(seed)
        return ConsensusGame.from_log_scores(
            generator=[spread * random.normal(size=(2, n)) for n in sizes],
            discriminator=[spread * random.normal(size=(2, n)) for n in sizes],
        )

    return games


@pytest.fixture(scope="session")
def literal_pikl() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Equations (1) and (2) of arXiv:2310.09139, one entry at a time, from nothing but the anchors."""

    def softmax(exponents: list[float]) -> list[float]:
        top = max(exponents)
        weights = [exp(e - top) for e in exponents]
        return [w / sum(weights) for w in weights]

    def run(game: ConsensusGame, *, steps: int, eta=0.1, lambda_generator=0.1, lambda_discriminator=0.1):
        first_g, first_d = game.generator_anchor.tolist(), game.discriminator_anchor.tolist()
        g, d = first_g, first_d
        n = len(g[0])
        sum_g = [[0.0] * n, [0.0] * n]
        sum_d = [[0.0] * n, [0.0] * n]
        for t in range(1, steps + 1):
            for v in range(2):
                for y in range(n):
                    sum_g[v][y] += g[v][y]
                    sum_d[v][y] += d[v][y]
            weight_g, weight_d = 1 / (eta * t) + lambda_generator, 1 / (eta * t) + lambda_discriminator
            # Q_G(y | v) = sum of pi_D(v | y) / 2t, Q_D(v | y) = sum of pi_G(y | v) / 2t
            g = [
                softmax([(sum_d[v][y] / (2 * t) + lambda_generator * log(first_g[v][y])) / weight_g for y in range(n)])
                for v in range(2)
            ]
            columns = [
                softmax(
                    [(sum_g[v][y] / (2 * t) + lambda_discriminator * log(first_d[v][y])) / weight_d for v in range(2)]
                )
                for y in range(n)
            ]
            d = [[columns[y][v] for y in range(n)] for v in range(2)]
        return np.array(g), np.array(d)

    return run
