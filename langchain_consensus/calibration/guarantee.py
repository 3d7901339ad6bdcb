"""Abstention with a guarantee: labelled confidences and a promise go in, the least confidence to answer at comes out.

Learn-then-Test (Angelopoulos et al., arXiv:2110.01052) over a fixed sequence of thresholds t_1 > t_2 > ...: the
hypothesis "among answers of confidence at least t_j, more than `max_risk` are wrong" is tested on the labelled items
that t_j answers, until one is not rejected; the threshold is the last that was. Given how many items a threshold
answers, its errors are binomial, so each test is exact, and a fixed sequence tests each at the full level. The
sequence must not depend on the labelled items that it is tested on. The error rate among answered items need not fall
as the threshold rises, which is why it is tested and not interpolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["Promise", "Threshold", "certified_threshold", "threshold_sequence"]

_STEPS = 20
_ROOM = 1.5
"""The first threshold should answer this many times the fewest items that can pass, so that chance rarely stops it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """With probability `certainty` over the labelled questions, at most `max_risk` of the answers given are wrong.

    Attributes:
        max_risk: The largest share of wrong answers among those given, between 0 and 1.
        certainty: How sure the promise is, between 0 and 1.

    Raises:
        InvalidInputError: If either is not strictly between 0 and 1.
    """

    max_risk: float
    certainty: float = 0.9

    def __post_init__(self) -> None:
        for name, value in (("max_risk", self.max_risk), ("certainty", self.certainty)):
            if not 0 < value < 1:
                msg = f"`{name}` is {value!r}; it must be strictly between 0 and 1."
                raise InvalidInputError(msg)

    @property
    def fewest(self) -> int:
        """The fewest answered labelled questions, all right, on which the promise can be made."""
        return math.ceil(math.log(1 - self.certainty) / math.log(1 - self.max_risk) - 1e-9)

    def kept_by(self, wrong: int, answered: int) -> bool:
        """Whether `wrong` errors among `answered` items prove it: P(Bin(answered, max_risk) <= wrong) is small."""
        return answered > 0 and _binomial_tail(wrong, answered, self.max_risk) <= 1 - self.certainty


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """The least confidence at which the promise holds, and on what it was proved.

    Attributes:
        value: Answer at this confidence and above; infinite if nothing can be promised.
        answered: How many of the labelled items it answers.
        wrong: How many of those are wrong.
        of: How many labelled items there are.
    """

    value: float
    answered: int
    wrong: int
    of: int


def threshold_sequence(confidence: FloatArray) -> tuple[float, ...]:
    """Thresholds from strict to lax that answer 1/20, 2/20, ... and all of the items with these confidences `[n]`.

    The items must not be those that the thresholds are tested on afterwards. Fewer are returned where items tie.
    """
    ordered = np.sort(confidence)[::-1]
    places = [max(math.ceil(len(ordered) * step / _STEPS), 1) - 1 for step in range(1, _STEPS)]
    return (*sorted({float(ordered[place]) for place in places if ordered[place] > 0}, reverse=True), 0.0)


def certified_threshold(
    confidence: FloatArray, right: NDArray[np.bool_], sequence: Sequence[float], shares: Sequence[float], *, to: Promise
) -> Threshold:
    """The laxest threshold of the sequence that keeps the promise.

    Args:
        confidence: `[n]` of the labelled items, drawn from the same source as the questions to come, and used for
            nothing before.
        right: `[n]` whether their answers are right.
        sequence: Thresholds, falling.
        shares: For each threshold the share of items that it is expected to answer, known without these items.
        to: The promise.

    Raises:
        InvalidInputError: If there are too few items for any threshold to pass; the message says how many are needed.
    """
    if len(right) < to.fewest:
        msg = (
            f"`max_risk` is {to.max_risk:g} at {to.certainty:.0%} certainty, which needs at least {to.fewest} labelled "
            f"questions that nothing was fitted on, and there are {len(right)}; label {to.fewest - len(right)} more of "
            "that part (twice as many in all, where half is kept apart), or ask for less."
        )
        raise InvalidInputError(msg)
    found = Threshold(value=math.inf, answered=0, wrong=0, of=len(right))
    for value in sequence[_first(shares, len(right), to.fewest) :]:
        answered = confidence >= value
        count, wrong = int(answered.sum()), int((answered & ~right).sum())
        if not to.kept_by(wrong, count):
            break
        found = Threshold(value=float(value), answered=count, wrong=wrong, of=len(right))
    return found


def _first(shares: Sequence[float], items: int, fewest: int) -> int:
    """Where the sequence begins: at the first threshold with room for an error or two, else at the last."""
    enough = [place for place, share in enumerate(shares) if share * items >= _ROOM * fewest]
    return enough[0] if enough else len(shares) - 1


@lru_cache(maxsize=65536)
def _binomial_tail(most: int, trials: int, chance: float) -> float:
    """P(Bin(trials, chance) <= most); SciPy, which has it too, is no dependency of the surfaces."""
    log_odds = math.log(chance) - math.log1p(-chance)
    term = trials * math.log1p(-chance)
    terms = [term]
    for successes in range(1, most + 1):
        term += math.log(trials - successes + 1) - math.log(successes) + log_odds
        terms.append(term)
    return min(math.fsum(map(math.exp, terms)), 1.0)
