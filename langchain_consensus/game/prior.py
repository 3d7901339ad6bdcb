"""Outside evidence on the candidates of a game goes in with the game; a game with moved anchors comes out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import normalise
from langchain_consensus.game.arrays import BoolArray, FloatArray
from langchain_consensus.game.game import ConsensusGame, Correctness
from langchain_consensus.game.panel import Panel

_C, _I = Correctness.CORRECT, Correctness.INCORRECT


def with_prior(game: ConsensusGame, evidence: Sequence[npt.ArrayLike], *, weight: float = 1.0) -> ConsensusGame:
    """The game in which outside evidence z on the candidates counts `weight` times as much as each player's own view.

    The odds of being correct are multiplied for both players:

        pi_G(y | correct)                         becomes proportional to pi_G(y | correct) exp(weight s_G z(y)),
        pi_D(correct | y) / pi_D(incorrect | y)   is multiplied by exp(weight s_D z(y)),

    where s_G and s_D (of each judge its own) are the standard deviations over the candidates of log pi_G(y | correct)
    and of the log-odds of pi_D: how far the player's own view tells the candidates apart. So a weight means the same
    whatever the scale of the model's scores, provided that z has deviation 1. A view that tells nothing apart stays as
    it is, pi_G(y | incorrect) stays too, and so does every probability of zero.

    Args:
        game: the game, or a batch.
        evidence: for each game of the batch (one for a single game), `[N]` finite numbers, more is better.
        weight: at least 0, finite.

    Raises:
        InvalidInputError: the number of games or of candidates differs, or a number is not finite.
    """
    if not (np.isfinite(weight) and weight >= 0):
        message = f"`weight` is {weight!r}; it must be a finite number of at least 0."
        raise InvalidInputError(message)
    moved = weight * _checked(game, evidence)
    generator, judges = game.generator_log_anchor.copy(), game.judges
    generator[:, _C] += moved * _spread(generator[:, _C], game.real[:, 0])
    moved_judges = [_judge(game, judges.log_anchors[:, k], moved) for k in range(judges.weights.shape[1])]
    panel = Panel(log_anchors=np.stack(moved_judges, axis=1), weights=judges.weights)
    return ConsensusGame(
        generator_log_anchor=normalise.over_candidates(generator),
        discriminator_log_anchor=moved_judges[0] if game.panel is None else panel.pooled_log_anchor,
        sizes=game.sizes.copy(),
        batched=game.batched,
        panel=None if game.panel is None else panel,
    )


def _judge(game: ConsensusGame, log_anchor: FloatArray, moved: FloatArray) -> FloatArray:
    """The anchor `[B, V, N]` of one judge, moved by `[B, N]` times its own spread."""
    with np.errstate(invalid="ignore"):
        log_odds = log_anchor[:, _C] - log_anchor[:, _I]
    anchor = log_anchor.copy()
    anchor[:, _C] += moved * _spread(log_odds, game.real[:, 0])
    return np.where(game.real, normalise.over_correctness(anchor), -np.inf)


def _checked(game: ConsensusGame, evidence: Sequence[npt.ArrayLike]) -> FloatArray:
    """The evidence as `[B, N]`, zero beyond a game's size."""
    if len(evidence) != len(game):
        message = f"`evidence` has {len(evidence)} games and `game` has {len(game)}; give one array a game."
        raise InvalidInputError(message)
    found = np.zeros((len(game), game.generator_log_anchor.shape[-1]))
    for index, (given, size) in enumerate(zip(evidence, game.sizes, strict=True)):
        values = np.asarray(given, dtype=np.float64)
        if values.shape != (size,) or not np.isfinite(values).all():
            rule = f"it must hold {size} finite numbers, one for each candidate of the game"
            message = f"`evidence[{index}]` is {given!r}; {rule}."
            raise InvalidInputError(message)
        found[index, :size] = values
    return found


def _spread(values: FloatArray, real: BoolArray) -> FloatArray:
    """`[B, 1]` standard deviation over the candidates whose value is finite."""
    counted = real & np.isfinite(values)
    number = np.maximum(counted.sum(axis=-1, keepdims=True), 1)
    kept = np.where(counted, values, 0.0)
    off = np.where(counted, kept - kept.sum(axis=-1, keepdims=True) / number, 0.0)
    return np.asarray(np.sqrt((off**2).sum(axis=-1, keepdims=True) / number))
