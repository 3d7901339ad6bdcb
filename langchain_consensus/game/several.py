"""Several judges in one game: games with the same candidates go in, the game in which all their judges play comes out.

The generator earns half the weighted mean of what the judges believe; every judge plays the published game against it,
with its own anchor. Equilibria, potential and proof are in docs/design/judges.md.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game.arrays import FloatArray
from langchain_consensus.game.game import ConsensusGame
from langchain_consensus.game.panel import Panel


def with_judges(games: Sequence[ConsensusGame], weights: npt.ArrayLike) -> ConsensusGame:
    """The game of the first one's generator and all the games' discriminators.

    One game is returned as it is. In a batch whose games have different numbers of judges, those that a game lacks have
    the weight 0 there: they then play no part, whatever their anchors are.

    Args:
        games: `K` of them, or `K` batches, each with one discriminator; their candidates are the same.
        weights: `[K]`, or `[B, K]` with weights for each game of the batch; finite and at least 0. They are divided by
            their sum.

    Raises:
        InvalidInputError: No game, games that do not have the same candidates or have several judges already, or
            weights that break their rule.
    """
    if not games:
        message = "no game was given; pass at least one."
        raise InvalidInputError(message)
    first = games[0]
    for place, game in enumerate(games):
        same = game.generator_log_anchor.shape == first.generator_log_anchor.shape and game.batched == first.batched
        if not same or not np.array_equal(game.sizes, first.sizes):
            message = (
                f"`games[{place}]` has the sizes {game.sizes.tolist()[:8]} and the first {first.sizes.tolist()[:8]}; "
                "all must hold the same candidates of the same games."
            )
            raise InvalidInputError(message)
        if game.panel is not None:
            message = f"`games[{place}]` has several judges already; join the games of single judges in one call."
            raise InvalidInputError(message)
    shares = _shares(weights, len(first), len(games))
    if len(games) == 1:
        return first
    panel = Panel(log_anchors=np.stack([game.discriminator_log_anchor for game in games], axis=1), weights=shares)
    return ConsensusGame.of_panel(first.generator_log_anchor, panel, sizes=first.sizes, batched=first.batched)


def _shares(weights: npt.ArrayLike, games: int, judges: int) -> FloatArray:
    """The weights as `[B, K]`, each row summing to one."""
    try:
        given = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"`weights` is {weights!r}; it must hold numbers, one for each judge."
        raise InvalidInputError(message) from error
    if given.shape not in ((judges,), (games, judges)):
        message = f"`weights` has shape {given.shape}; it must be [{judges}], or [{games}, {judges}] for the batch."
        raise InvalidInputError(message)
    given = np.broadcast_to(given, (games, judges))
    total = given.sum(axis=-1, keepdims=True)
    if not (np.isfinite(given).all() and (given >= 0).all() and (total > 0).all()):
        message = f"`weights` is {weights!r}; they must be finite, at least 0, and not all 0 for a game."
        raise InvalidInputError(message)
    return np.asarray(given / total)
