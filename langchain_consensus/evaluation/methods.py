"""Every method from the same stored scores: items go in, for each method its choices and confidences come out.

Higher is better in every score; ties go to the answer drawn more often, then to the generator's score, then to the one
that came first, as in `ranking`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.evidence import Feature
from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.play import played
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.classes import answers_of
from langchain_consensus.evaluation.labelled import evidence_in
from langchain_consensus.game import ConsensusGame, Correctness, Equilibrium, LogTimeFlow, PiKL, solve
from langchain_consensus.verdicts import log_odds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.calibration.curve import Curve
    from langchain_consensus.calibration.weights import Weights
    from langchain_consensus.evaluation.classes import Answers, Length
    from langchain_consensus.evaluation.stored import StoredItem
    from langchain_consensus.game import Solution, Solver

    FloatArray = NDArray[np.float64]

__all__ = ["DRAWN_ONLY", "Decisions", "Method", "chosen", "decided", "decided_by_weights", "method_named", "solved"]

_C = Correctness.CORRECT


class Method(StrEnum):
    """How an answer is chosen; the names are those of `ranking.Rule` where it is one of them."""

    GENERATOR = "generator"
    """G: P(y | x, correct), normalised for length as asked."""
    DISCRIMINATOR_RAW = "discriminator_raw"
    """P(correct | x, y) by the two verdict words, as the model gives it."""
    DISCRIMINATOR = "discriminator"
    """D: pi_D^(1)(correct | x, y), cross-normalised."""
    MUTUAL_INFORMATION = "mutual_information"
    """MI: P(y | x, correct) P(correct | x, y)."""
    SELF_CONTRASTIVE = "self_contrastive"
    """SC: pi_G^(1)(y | x, correct)."""
    NORMALISED_PRODUCT = "normalised_product"
    """MI*: pi_G^(1)(y | x, correct) pi_D^(1)(correct | x, y)."""
    ER_GENERATOR = "er_generator"
    """ER-G: pi_G* of the published dynamics."""
    ER_DISCRIMINATOR = "er_discriminator"
    """ER-D: pi_D* of the published dynamics."""
    EQUILIBRIUM_GENERATOR = "equilibrium_generator"
    """The generator's policy at the certified equilibrium that the dynamics leads to."""
    EQUILIBRIUM_DISCRIMINATOR = "equilibrium_discriminator"
    """The discriminator's policy there."""
    INFORMED = "informed"
    """The discriminator's policy under informed anchors, whose weights the items of the run show without labels."""
    MAJORITY = "majority"
    """The answer drawn most often: self-consistency."""
    CONFIDENCE_WEIGHTED_VOTE = "confidence_weighted_vote"
    """CISC: votes weighted by exp(raw P(correct)), the softmax at temperature 1 (arXiv:2502.06233)."""
    BEST_OF_N = "best_of_n"
    """The single draw with the highest raw P(correct)."""
    GREEDY = "greedy"
    """Greedy decoding: no candidates at all."""


DRAWN_ONLY = (Method.MAJORITY, Method.CONFIDENCE_WEIGHTED_VOTE, Method.BEST_OF_N, Method.GREEDY)
"""Methods that need answers drawn from the model."""


def method_named(name: str) -> Method:
    """The method called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists them.
    """
    try:
        return Method(name)
    except ValueError:
        msg = f"`baseline` is {name!r}; it must be one of {', '.join(Method)}."
        raise InvalidInputError(msg) from None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Decisions:
    """One method over `n` items.

    Attributes:
        right: `[n]` whether its answer was right.
        confidence: `[n]` what it says of its answer, 0 to 1: the judge's P(correct) for methods that rank by it, else
            the answer's share among the candidates; NaN for greedy decoding, which says nothing.
    """

    right: NDArray[np.bool_]
    confidence: FloatArray


def solved(answers: Sequence[Answers], solver: Solver) -> Solution:
    """The games of the items, solved; a game without a certified end keeps its outcome and is not raised."""
    game = ConsensusGame.from_log_scores(
        generator=[one.generator for one in answers], discriminator=[one.discriminator for one in answers]
    )
    return solve(game, solver, throw=False)


def decided(
    items: Sequence[StoredItem],
    *,
    length: Length,
    metric: str,
    published: Solver | None = None,
    certified: Solver | None = None,
) -> dict[Method, Decisions]:
    """What every method that applies chose; votes and greedy decoding only where answers were drawn.

    Args:
        items: With at least one candidate each.
        length: How the generator's log-probabilities are normalised.
        metric: What "right" means; a key of `StoredCandidate.right`.
        published: The solver of ER-G and ER-D, `PiKL()` by default.
        certified: The solver of the equilibrium, `Equilibrium(starts=0)` by default.
    """
    answers = [answers_of(item, length=length, metric=metric) for item in items]
    path = solved(answers, published or PiKL())
    # One solver for both is asked once.
    end = path if certified and certified is published else solved(answers, certified or Equilibrium(starts=0))
    drawn = all(item.greedy is not None for item in items)
    scored = [method for method in Method if method is not Method.INFORMED]
    methods = [method for method in scored if drawn or method not in DRAWN_ONLY]
    found: dict[Method, list[tuple[bool, float]]] = {method: [] for method in methods}
    for number, (item, one) in enumerate(zip(items, answers, strict=True)):
        scores = _scores(one, path, end, number, drawn=drawn)
        for method, values in scores.items():
            place = chosen(values, one)
            found[method].append((bool(one.right[place]), _confidence(values, place)))
        if item.greedy is not None and drawn:
            best = int(np.argmax(one.string_verdict))
            found[Method.BEST_OF_N].append((bool(one.string_right[best]), float(one.string_verdict[best])))
            found[Method.GREEDY].append((item.greedy.right[metric], np.nan))
    informed = InformedAnchors().weights([evidence_in(one) for one in answers])
    return {
        method: Decisions(right=np.array([r for r, _ in pairs]), confidence=np.array([c for _, c in pairs]))
        for method, pairs in found.items()
    } | {Method.INFORMED: decided_by_weights(answers, informed)}


def decided_by_weights(answers: Sequence[Answers], weights: Weights, curve: Curve | None = None) -> Decisions:
    """What ER-D chooses in games of weighted views.

    Args:
        answers: Of each item.
        weights: What the views count.
        curve: From an answer's share and verdict to its confidence; the share itself by default.
    """
    evidence = [evidence_in(one) for one in answers]
    right, confidence = [], []
    for one, seen, game in zip(answers, evidence, played(evidence, weights, LogTimeFlow(), throw=False), strict=True):
        with np.errstate(divide="ignore"):
            place = chosen(np.log(game.solution.discriminator_policy), one)
        shares = game.beliefs.shares
        found = shares if curve is None else curve.probability(shares, seen.features[Feature.VERDICT])
        right.append(bool(one.right[place]))
        confidence.append(float(found[place]))
    return Decisions(right=np.array(right), confidence=np.array(confidence))


def _scores(one: Answers, path: Solution, end: Solution, number: int, *, drawn: bool) -> dict[Method, FloatArray]:
    """Each method's scores `[V, K]` where it ranks by the odds of a verdict, else `[K]`; logarithms throughout."""
    count = len(one.draws)
    generator = path.game.generator_log_anchor[number, :, :count]
    discriminator = path.game.discriminator_log_anchor[number, :, :count]
    with np.errstate(divide="ignore"):
        policies = {
            Method.ER_GENERATOR: np.log(path.generator_policy[number, _C, :count]),
            Method.ER_DISCRIMINATOR: np.log(path.discriminator_policy[number, :, :count]),
            Method.EQUILIBRIUM_GENERATOR: np.log(end.generator_policy[number, _C, :count]),
            Method.EQUILIBRIUM_DISCRIMINATOR: np.log(end.discriminator_policy[number, :, :count]),
        }
    votes = {Method.MAJORITY: np.log(one.draws), Method.CONFIDENCE_WEIGHTED_VOTE: _weighted_votes(one)} if drawn else {}
    return {
        Method.GENERATOR: one.generator[_C],
        Method.DISCRIMINATOR_RAW: one.discriminator,
        Method.DISCRIMINATOR: discriminator,
        Method.MUTUAL_INFORMATION: one.generator[_C] + one.discriminator[_C],
        Method.SELF_CONTRASTIVE: generator[_C],
        Method.NORMALISED_PRODUCT: generator[_C] + discriminator[_C],
        **policies,
        **votes,
    }


def _weighted_votes(one: Answers) -> FloatArray:
    weights = one.string_draws * np.exp(one.string_verdict)
    return np.log(np.bincount(one.owner, weights=weights, minlength=len(one.draws)))


def chosen(values: FloatArray, one: Answers) -> int:
    """The place of the best answer, by scores `[K]` or the odds of log-probabilities `[V, K]`; ties as said above."""
    order_by = log_odds(values) if values.ndim == 2 else values
    return min(
        range(len(one.draws)),
        key=lambda k: (-order_by[k], -one.draws[k], -one.generator[_C, k], one.position[k]),
    )


def _confidence(values: FloatArray, place: int) -> float:
    if values.ndim == 2:
        return float(0.5 + 0.5 * np.tanh(log_odds(values)[place] / 2))
    total = np.logaddexp.reduce(values)
    return float(np.exp(values[place] - total)) if np.isfinite(total) else 1 / len(values)
