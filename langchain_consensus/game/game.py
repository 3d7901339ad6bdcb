"""The game: log-scores of the two views go in, a `ConsensusGame` with the anchors of both players comes out.

`B` games, `V` = 2 correctness values, `N` candidates. Nature draws the correctness v uniformly; the generator sees v
and sends a candidate y; the discriminator sees y and guesses v; both are paid 1/2 where the guess is right.
Knows nothing of solvers.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import normalise
from langchain_consensus.game.arrays import (
    ArrayInput,
    BoolArray,
    FloatArray,
    IntArray,
    Table,
    check_entries,
    mask,
    read,
)
from langchain_consensus.game.panel import Panel

Scalar = TypeVar("Scalar", bound=np.generic)


class Correctness(IntEnum):
    """The correctness parameter v: the axis V of every array."""

    INCORRECT = 0
    CORRECT = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConsensusGame:
    """A batch of games, or one. Build it with `from_log_scores` or `from_anchors`.

    The anchors are the initial policies pi^(1) of the paper, kept as logarithms: -inf is no mass, and what lies
    beyond a game's size is -inf for both players. The arrays are read-only.
    """

    generator_log_anchor: FloatArray  # [B, V, N], each row a distribution over N
    discriminator_log_anchor: FloatArray  # [B, V, N], each column a distribution over V
    sizes: IntArray  # [B], the number of candidates of each game
    batched: bool
    panel: Panel | None = None  # several judges, see `with_judges`; their mean is then the discriminator's anchor

    def __post_init__(self) -> None:
        for array in (self.generator_log_anchor, self.discriminator_log_anchor, self.sizes):
            array.setflags(write=False)

    @classmethod
    def of_panel(
        cls, generator_log_anchor: FloatArray, panel: Panel, *, sizes: IntArray, batched: bool
    ) -> "ConsensusGame":
        """The game of a generator and the judges of a panel; `with_judges` checks what it is made of."""
        return cls(
            generator_log_anchor=generator_log_anchor,
            discriminator_log_anchor=panel.pooled_log_anchor,
            sizes=sizes,
            batched=batched,
            panel=panel,
        )

    @classmethod
    def from_log_scores(
        cls, *, generator: ArrayInput, discriminator: ArrayInput, sizes: npt.ArrayLike | None = None
    ) -> "ConsensusGame":
        """A game whose anchors are the cross-normalised scores (section 2 of arXiv:2310.09139), in log space.

        The generator is normalised over v, then over the candidates; the discriminator over the candidates, then
        over v. Any finite score is accepted. Conventions for -inf, a probability of zero:

        - A candidate that the generator cannot produce under either condition has no generator mass, ever. Under one
          condition: no mass there, and all of its contrast on the other.
        - A condition under which no candidate can be produced says nothing: uniform over the candidates with mass
          under the other one. Under neither condition is an error.
        - A verdict that no candidate can get says nothing: the same for every candidate. A candidate that can get
          neither verdict has 1/2 and 1/2. Neither verdict for any candidate is an error.

        With one candidate both anchors are without content: the generator's is 1, the discriminator's 1/2 and 1/2.

        Args:
            generator: log P(y | x, v), `[V, N]`, `[B, V, N]` or a sequence of `[V, N_i]`.
            discriminator: log P(v | x, y), of the same shape.
            sizes: how many of the `N` candidates each game of a `[B, V, N]` batch has; the rest is ignored.

        Raises:
            InvalidInputError: NaN or +inf, shapes that do not fit, or no mass at all.
        """
        tables = [read("generator", generator, sizes), read("discriminator", discriminator, sizes)]
        _check_pair(*tables)
        for name, table in zip(("generator", "discriminator"), tables, strict=True):
            bad = np.isnan(table.values) | (table.values == np.inf)
            check_entries(name, table, bad, "a log-score must be a number or -inf. Repair the scorer or drop the item.")
            massless = ~((table.values > -np.inf) & table.real).any(axis=(1, 2))
            _check_mass(name, table, np.asarray(massless))
        return cls(
            generator_log_anchor=normalise.generator_log_anchor(tables[0]),
            discriminator_log_anchor=normalise.discriminator_log_anchor(tables[1]),
            sizes=tables[0].sizes,
            batched=tables[0].batched,
        )

    @classmethod
    def from_anchors(
        cls, *, generator: ArrayInput, discriminator: ArrayInput, sizes: npt.ArrayLike | None = None
    ) -> "ConsensusGame":
        """A game with the given initial policies.

        Args:
            generator: probabilities whose rows (one for each v) sum to one over the candidates, within 1e-6.
            discriminator: probabilities whose columns (one for each candidate) sum to one over v, within 1e-6.
            sizes: as in `from_log_scores`.

        Raises:
            InvalidInputError: not probabilities, or shapes that do not fit.
        """
        tables = [read("generator", generator, sizes), read("discriminator", discriminator, sizes)]
        _check_pair(*tables)
        logs = []
        for name, table, axis in zip(("generator", "discriminator"), tables, (2, 1), strict=True):
            bad = ~((table.values >= 0) & (table.values <= 1 + 1e-6))
            check_entries(name, table, bad, "a probability must be from 0 to 1. For log-scores, use `from_log_scores`.")
            values = np.where(table.real, table.values, 0.0)
            real = np.ones_like(table.real) if axis == 2 else table.real
            off = (np.abs(values.sum(axis=axis, keepdims=True) - 1) > 1e-6) & real
            rule = f"its sum over the {'candidates' if axis == 2 else 'verdicts'} is not 1 within 1e-6; normalise it."
            check_entries(name, table, np.broadcast_to(off, values.shape), rule)
            logs.append(np.log(values, out=np.full_like(values, -np.inf), where=values > 0))
        return cls(
            generator_log_anchor=normalise.over_candidates(logs[0]),
            discriminator_log_anchor=normalise.over_correctness(logs[1]),
            sizes=tables[0].sizes,
            batched=tables[0].batched,
        )

    @property
    def generator_anchor(self) -> FloatArray:
        """pi_G^(1)(y | x, v), in the shape of the input; zero beyond a game's size."""
        return self.shaped(np.exp(self.generator_log_anchor))

    @property
    def discriminator_anchor(self) -> FloatArray:
        """pi_D^(1)(v | x, y), in the shape of the input; zero beyond a game's size. Of several judges, their mean."""
        return self.shaped(np.exp(self.discriminator_log_anchor))

    @property
    def judges(self) -> Panel:
        """The judges, one or several."""
        return Panel.of_one(self.discriminator_log_anchor) if self.panel is None else self.panel

    @property
    def real(self) -> BoolArray:
        """True where a candidate exists, `[B, 1, N]`."""
        return mask(self.sizes, self.generator_log_anchor.shape[-1])

    def shaped(self, batch: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """`[B, ...]` as it is for a batch, without the first axis for a single game."""
        return batch if self.batched else batch.reshape(batch.shape[1:])

    def __len__(self) -> int:
        """The number of games, 1 for a single one."""
        return len(self.sizes)

    def __getitem__(self, index: int) -> "ConsensusGame":
        """One game of the batch, without padding."""
        size = int(self.sizes[index])
        row = range(len(self))[index]
        panel = self.panel
        return ConsensusGame(
            generator_log_anchor=self.generator_log_anchor[row : row + 1, :, :size],
            discriminator_log_anchor=self.discriminator_log_anchor[row : row + 1, :, :size],
            sizes=self.sizes[row : row + 1],
            batched=False,
            panel=None
            if panel is None
            else Panel(log_anchors=panel.log_anchors[row : row + 1, ..., :size], weights=panel.weights[row : row + 1]),
        )


def _check_pair(generator: Table, discriminator: Table) -> None:
    same_sizes = np.array_equal(generator.sizes, discriminator.sizes)
    if generator.values.shape != discriminator.values.shape or not same_sizes:
        message = (
            f"`generator` has shape {generator.values.shape} (sizes {generator.sizes.tolist()[:8]}), `discriminator` "
            f"{discriminator.values.shape} (sizes {discriminator.sizes.tolist()[:8]}); both must hold the same "
            "candidates of the same games."
        )
        raise InvalidInputError(message)
    if generator.batched != discriminator.batched:
        message = (
            "one of `generator` and `discriminator` has a batch axis and the other does not; give both or none one."
        )
        raise InvalidInputError(message)


def _check_mass(name: str, table: Table, massless: npt.NDArray[np.bool_]) -> None:
    if massless.any():
        game = f"game {int(np.argmax(massless))}" if table.batched else "the game"
        message = (
            f"`{name}` is -inf for every candidate under both values of v in {game}; one entry at least must be "
            "finite. Repair the scorer or drop the item."
        )
        raise InvalidInputError(message)
