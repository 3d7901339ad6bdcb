"""Checked arrays and sums: what comes in is whatever a caller passes, what goes out is float64 `[B, V, N]` and sizes.

`B` games, `V` = 2 correctness values, `N` candidates of the longest game. Knows nothing of anchors or solvers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from langchain_consensus.errors import InvalidInputError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ArrayInput = npt.ArrayLike | Sequence[npt.ArrayLike]

# Finite scores beyond this are clipped, so that no sum or difference of a few of them overflows.
LARGEST = 1e300


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One argument, read: its numbers, the games' sizes, and whether the caller passed a batch."""

    values: FloatArray  # [B, V, N], NaN beyond a game's size
    sizes: IntArray  # [B]
    batched: bool

    @property
    def real(self) -> BoolArray:
        """True where a candidate exists, `[B, 1, N]`."""
        return mask(self.sizes, self.values.shape[-1])


def mask(sizes: IntArray, width: int) -> BoolArray:
    """True where a candidate exists, `[B, 1, width]`."""
    real: BoolArray = np.arange(width) < sizes[:, None, None]
    return real


def read(name: str, given: ArrayInput, sizes: npt.ArrayLike | None) -> Table:
    """The argument as a table.

    Args:
        name: the argument's name, for messages.
        given: `[V, N]`, `[B, V, N]`, or a sequence of `[V, N_i]`.
        sizes: how many candidates each game of a `[B, V, N]` array really has; what lies beyond is ignored.

    Raises:
        InvalidInputError: not numbers, a wrong shape, no game, no candidate, or sizes that do not fit.
    """
    if not isinstance(given, np.ndarray) and isinstance(given, Sequence) and _is_sequence_of_games(given):
        if sizes is not None:
            message = "`sizes` was given with a list of `[V, N_i]` arrays, which have their own sizes; leave it out."
            raise InvalidInputError(message)
        return _pad([_numbers(f"{name}[{i}]", game) for i, game in enumerate(given)], name)
    values = _numbers(name, given)
    batched = values.ndim == 3
    values = values if batched else values[None]
    _check_shape(name, values)
    counts = np.full(len(values), values.shape[-1]) if sizes is None else _sizes(sizes, values, batched=batched)
    return Table(values=np.where(mask(counts, values.shape[-1]), values, np.nan), sizes=counts, batched=batched)


def check_entries(name: str, table: Table, bad: BoolArray, rule: str) -> None:
    """Raise with the first entry at which `bad` is true, among the real candidates."""
    bad = bad & table.real
    if not bad.any():
        return
    game, v, y = (int(i) for i in np.argwhere(bad)[0])
    where = f"[{game}, {v}, {y}]" if table.batched else f"[{v}, {y}]"
    message = f"`{name}` is {table.values[game, v, y]} at {where}; {rule}"
    raise InvalidInputError(message)


def sum_candidates(values: FloatArray) -> FloatArray:
    """Sum over the last axis but one, kept with length 1: `[..., N, B] -> [..., 1, B]`.

    Neighbours are added pairwise, so that zeros appended to a game change no bit of its sum: a game has the same
    solution alone and in a padded batch. `np.sum` promises no order.
    """
    while values.shape[-2] > 1:
        folded = values[..., ::2, :].copy()
        folded[..., : values.shape[-2] // 2, :] += values[..., 1::2, :]
        values = folded
    return values


def _is_sequence_of_games(given: Sequence[object]) -> bool:
    if not len(given):
        message = "no game was given (an empty list); pass at least one."
        raise InvalidInputError(message)
    first = given[0]
    if isinstance(first, Sequence):
        return len(first) > 0 and np.ndim(first[0]) > 0
    return bool(getattr(first, "ndim", 0) >= 2)


def _numbers(name: str, given: object) -> FloatArray:
    try:
        values = np.asarray(given)
        if values.dtype.kind not in "fiu":
            message = f"dtype {values.dtype}"
            raise TypeError(message)
    except (TypeError, ValueError) as error:
        message = f"`{name}` is not an array of numbers ({error}); pass `[V, N]`, `[B, V, N]` or a list of `[V, N_i]`."
        raise InvalidInputError(message) from error
    if values.ndim not in (2, 3):
        message = (
            f"`{name}` has shape {values.shape}; it must be `[V, N]` or `[B, V, N]` with V = 2 (incorrect, correct)."
        )
        raise InvalidInputError(message)
    return values.astype(np.float64)


def _check_shape(name: str, values: FloatArray) -> None:
    games, correctness, candidates = values.shape
    if correctness != 2:
        message = (
            f"`{name}` has {correctness} rows; it must have V = 2, in the order incorrect, correct. "
            "If the candidates are on the first axis, transpose it."
        )
        raise InvalidInputError(message)
    if not games or not candidates:
        message = f"`{name}` has shape {values.shape}: no game or no candidate; pass at least one of each."
        raise InvalidInputError(message)


def _sizes(sizes: npt.ArrayLike, values: FloatArray, *, batched: bool) -> IntArray:
    counts = np.asarray(sizes)
    games, _, width = values.shape
    rule = f"it must hold one whole number from 1 to {width} for each of the {games} games of a `[B, V, N]` array."
    if not batched or counts.shape != (games,) or counts.dtype.kind not in "iu":
        message = f"`sizes` has shape {counts.shape} and dtype {counts.dtype}; {rule}"
        raise InvalidInputError(message)
    if counts.min() < 1 or counts.max() > width:
        message = f"`sizes` goes from {counts.min()} to {counts.max()}; {rule}"
        raise InvalidInputError(message)
    return counts.astype(np.int64)


def _pad(games: list[FloatArray], name: str) -> Table:
    for i, game in enumerate(games):
        if game.ndim != 2:
            message = f"`{name}[{i}]` has shape {game.shape}; each game of a list must be `[V, N_i]`."
            raise InvalidInputError(message)
        _check_shape(f"{name}[{i}]", game[None])
    sizes = np.array([game.shape[-1] for game in games], dtype=np.int64)
    values = np.full((len(games), 2, int(sizes.max())), np.nan)
    for row, game in zip(values, games, strict=True):
        row[:, : game.shape[-1]] = game
    return Table(values=values, sizes=sizes, batched=True)
