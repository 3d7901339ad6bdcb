"""Outside evidence on the candidates of a game goes in with the game; a game with moved anchors comes out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import normalise
from langchain_consensus.game.game import ConsensusGame, Correctness


def with_prior(game: ConsensusGame, log_odds: Sequence[npt.ArrayLike]) -> ConsensusGame:
    """The game in which each candidate's odds of being correct are multiplied by `exp(log_odds)`, for both players.

    With r = `log_odds`: pi_G(y | correct) becomes proportional to pi_G(y | correct) exp(r(y)), pi_G(y | incorrect)
    stays, and pi_D(correct | y) / pi_D(incorrect | y) is multiplied by exp(r(y)). This is Bayes' rule where the
    evidence is independent of the model's given v. Zeros change nothing; a constant added to a game's `log_odds`
    changes the discriminator alone.

    Args:
        game: the game, or a batch.
        log_odds: for each game of the batch (one for a single game), `[N]` finite numbers.

    Raises:
        InvalidInputError: the number of games or of candidates differs, or a number is not finite.
    """
    if len(log_odds) != len(game):
        message = f"`log_odds` has {len(log_odds)} games and `game` has {len(game)}; give one array a game."
        raise InvalidInputError(message)
    moved = np.zeros((len(game), game.generator_log_anchor.shape[-1]))
    for index, (given, size) in enumerate(zip(log_odds, game.sizes, strict=True)):
        values = np.asarray(given, dtype=np.float64)
        if values.shape != (size,) or not np.isfinite(values).all():
            rule = f"it must hold {size} finite numbers, one for each candidate of the game"
            message = f"`log_odds[{index}]` is {given!r}; {rule}."
            raise InvalidInputError(message)
        moved[index, :size] = values
    generator, discriminator = game.generator_log_anchor.copy(), game.discriminator_log_anchor.copy()
    generator[:, Correctness.CORRECT] += moved
    discriminator[:, Correctness.CORRECT] += moved
    return ConsensusGame(
        generator_log_anchor=normalise.over_candidates(generator),
        discriminator_log_anchor=np.where(game.real, normalise.over_correctness(discriminator), -np.inf),
        sizes=game.sizes.copy(),
        batched=game.batched,
    )
