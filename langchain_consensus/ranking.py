"""Step 4: Solution -> Ranking. Every decision rule from the same scores, the chosen order, and the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import exp, inf
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from langchain_consensus.diagnosis import warnings_of
from langchain_consensus.engine.base import Usage
from langchain_consensus.errors import InvalidInputError, MissingDependencyError
from langchain_consensus.game import Correctness

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.counts import Counts
    from langchain_consensus.diagnosis import Worded
    from langchain_consensus.game import Solution
    from langchain_consensus.prompts import Question
    from langchain_consensus.views import Views

    FloatArray = NDArray[np.float64]

__all__ = [
    "RankedCandidate",
    "Ranking",
    "Rule",
    "SolverEvidence",
    "StandardErrors",
    "ranked",
    "raw_verdict",
    "rule_named",
    "scores_of",
]

_I, _C = Correctness.INCORRECT, Correctness.CORRECT

_CERTAIN: Final = 1.96
"""Standard errors that a lead must exceed: 95% of a normal distribution are within so many on either side."""


class Rule(StrEnum):
    """By which score the candidates of a question are ranked; higher is better in each.

    `P` are the model's probabilities, `pi^(1)` the game's anchors (the views, cross-normalised), `pi*` the policies
    that the solver returns; arXiv:2310.09139, section 4.
    """

    GENERATOR = "generator"
    """G: log P(y | x, correct), as the wording normalises its length."""
    DISCRIMINATOR = "discriminator"
    """D: pi_D^(1)(correct | x, y)."""
    MUTUAL_INFORMATION = "mutual_information"
    """MI: log P(y | x, correct) + log P(correct | x, y)."""
    SELF_CONTRASTIVE = "self_contrastive"
    """SC: pi_G^(1)(y | x, correct)."""
    NORMALISED_PRODUCT = "normalised_product"
    """MI*: pi_G^(1)(y | x, correct) pi_D^(1)(correct | x, y)."""
    MAJORITY = "majority"
    """How often the candidate was drawn."""
    ER_GENERATOR = "er_generator"
    """ER-G: pi_G*(y | x, correct)."""
    ER_DISCRIMINATOR = "er_discriminator"
    """ER-D: pi_D*(correct | x, y)."""


def rule_named(name: str) -> Rule:
    """The rule called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists them.
    """
    try:
        return Rule(name)
    except ValueError:
        msg = f"`rule` is {name!r}; it must be one of {[rule.value for rule in Rule]}."
        raise InvalidInputError(msg) from None


def raw_verdict(correct: float, incorrect: float) -> float:
    """P(correct) by the log-probabilities of the two verdict words alone; 1/2 if neither has any."""
    logodds = 0.0 if correct == incorrect else correct - incorrect
    return 1 / (1 + exp(-logodds)) if logodds > 0 else exp(logodds) / (1 + exp(logodds))


@dataclass(frozen=True, kw_only=True, slots=True)
class StandardErrors:
    """How far sampled views of a candidate may be off, in nats; see `counts`.

    Attributes:
        generator_correct: Of `generator_correct`.
        generator_incorrect: Of `generator_incorrect`.
        verdict: Of the verdict's log-odds; 0 where the model told the words' probabilities.
    """

    generator_correct: float
    generator_incorrect: float
    verdict: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedCandidate:
    """A candidate with everything that is known of it.

    Attributes:
        text: The answer.
        members: All distinct strings that were merged into it.
        position: Index of its first occurrence among the answers that were given or drawn, from 0.
        draws: How often it was drawn.
        generator_correct: log P(text given question, correct), summed over tokens.
        generator_incorrect: The same under the incorrect condition.
        tokens: How many tokens the sums are over; 0 where the probability was counted, of draws.
        verdict_correct: Log-probability of the verdict word for "correct".
        verdict_incorrect: Log-probability of the verdict word for "incorrect".
        scores: The candidate's score under every rule.
        errors: Standard errors of these views, if they were sampled.
    """

    text: str
    members: tuple[str, ...]
    position: int
    draws: int
    generator_correct: float
    generator_incorrect: float
    tokens: int
    verdict_correct: float
    verdict_incorrect: float
    scores: Mapping[Rule, float]
    errors: StandardErrors | None = None

    @property
    def verdict(self) -> float:
        """The judge's raw probability that the answer is correct, from the two verdict words alone."""
        return raw_verdict(self.verdict_correct, self.verdict_incorrect)

    @property
    def verdict_mass(self) -> float:
        """Probability on the two verdict words together."""
        return float(np.exp(self.verdict_correct) + np.exp(self.verdict_incorrect))


@dataclass(frozen=True, kw_only=True, slots=True)
class SolverEvidence:
    """How the game was solved: which solver, how it ended, and how far from an equilibrium (see `game.gap`)."""

    name: str
    outcome: str
    steps: int
    gap: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """The answer to one question, and why.

    Attributes:
        question: What was asked.
        candidates: Best first, under `rule`. Ties go to the candidate drawn more often, then to the generator's score,
            then to the one that came first.
        rule: By which score they are ordered.
        confidence: The judge's raw probability, 0 to 1, that the best candidate is correct. It is not calibrated.
        agreement: How much of their probability the two views put on the same candidates before the game: 1 minus the
            total variation distance of the anchors, both as distributions over the candidates; 1 if they agree.
        margin: How far the best candidate's score is above the second's; infinite for a single candidate.
        views: Whether the views are `exact` log-probabilities or were estimated from what was `sampled`.
        margin_error: Standard error of the lead from sampling; 0 for exact views.
        warnings: What a reader should know before trusting the answer.
        solver: The evidence of the game.
        wording: Name of the wording.
        model: Name of the model.
        usage: Tokens that drawing and scoring took.
        used_wording: The wording itself, from which the prompts can be made again.
        solution: The solved game, its candidates in the order of their `position`.
    """

    question: Question
    candidates: tuple[RankedCandidate, ...]
    rule: Rule
    confidence: float
    agreement: float
    margin: float
    warnings: tuple[str, ...]
    solver: SolverEvidence
    wording: str
    model: str
    usage: Usage = field(default_factory=Usage)
    views: Literal["exact", "sampled"] = "exact"
    margin_error: float = 0.0
    used_wording: Worded = field(repr=False, compare=False)
    solution: Solution = field(repr=False, compare=False)

    @property
    def answer(self) -> str:
        """The text of the best candidate."""
        return self.candidates[0].text

    @property
    def is_certain(self) -> bool:
        """Whether the answer leads by more than sampling explains (with 95% confidence); no word on its truth."""
        return self.margin > _CERTAIN * self.margin_error

    def to_html(self, *, seconds: float | None = None, min_confidence: float | None = None) -> str:
        """One self-contained page that explains this ranking; see `report.explain_html`, which this is."""
        from langchain_consensus.report import explain_html

        return explain_html(self, seconds=seconds, min_confidence=min_confidence)

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the table of `__str__`; `None`, so that it shows the text, where Jinja2 is missing."""
        from langchain_consensus.report import notebook_html

        try:
            return notebook_html(self)
        except MissingDependencyError:
            return None

    def __str__(self) -> str:
        """A table of the candidates, best first, with both views before and after the game."""
        head = ("", "draws", "log P(y|correct)", "P(correct|y)", "SC", "D", "ER-G", "ER-D")
        shown = (Rule.SELF_CONTRASTIVE, Rule.DISCRIMINATOR, Rule.ER_GENERATOR, Rule.ER_DISCRIMINATOR)
        rows = [
            (
                one.text if len(one.text) <= 40 else one.text[:39] + "…",
                str(one.draws),
                f"{one.generator_correct:.2f}",
                f"{one.verdict:.2f}",
                *(f"{one.scores[rule]:.3f}" for rule in shown),
            )
            for one in self.candidates
        ]
        widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in (head, *rows)
        ]
        sampled = f", views sampled, lead {self.margin:.2g} ± {self.margin_error:.2g}" * (self.views == "sampled")
        known = f"rule {self.rule}, confidence {self.confidence:.2f}, agreement {self.agreement:.2f}{sampled}"
        found = f"{self.answer}  ({known})"
        notes = [f"! {warning}" for warning in self.warnings]
        return "\n".join([self.question.text, f"-> {found}", "", *lines, *notes])


def ranked(
    candidates: Candidates, views: Views, solution: Solution, *, rule: Rule, wording: Worded, model: str
) -> Ranking:
    """The ranking of one question's candidates by `rule`, with their scores under every other rule.

    Args:
        candidates: `N` of them.
        views: Their views.
        solution: The solved game of the views; one game, not a batch.
        rule: What orders them.
        wording: Under which the views were taken.
        model: Whose views they are.
    """
    votes = np.array([float(one.draws) for one in candidates.items])
    scores = scores_of(views.generator, views.discriminator, solution, votes=votes)
    order_by = _unsaturated(scores[rule], rule, solution)
    order = sorted(
        range(len(candidates.items)),
        key=lambda i: (-order_by[i], -candidates.items[i].draws, -views.generator[_C, i], i),
    )
    best = tuple(_candidate(candidates, views, scores, i) for i in order)
    return Ranking(
        question=candidates.question,
        candidates=best,
        rule=rule,
        confidence=best[0].verdict,
        agreement=_agreement(scores),
        margin=_margin([float(scores[rule][i]) for i in order]),
        warnings=warnings_of(candidates, views, wording),
        solver=SolverEvidence(
            name=type(solution.solver).__name__,
            outcome=solution.outcome.name.lower(),
            steps=int(solution.steps),
            gap=float(solution.gap),
        ),
        wording=wording.name,
        model=model,
        usage=candidates.usage + views.usage,
        views="exact" if views.counts is None else "sampled",
        used_wording=wording,
        solution=solution,
    )


def scores_of(
    generator: FloatArray, discriminator: FloatArray, solution: Solution, *, votes: FloatArray
) -> dict[Rule, FloatArray]:
    """The scores of candidates under every rule: `[N]` of one game, `[B, N]` of a batch of equally large ones.

    Args:
        generator: `[V, N]` or `[B, V, N]`, as in `Views`.
        discriminator: The same.
        solution: The game of these views, or the games, solved.
        votes: `[N]` or `[B, N]` how often each candidate was drawn.
    """
    generator_anchor = solution.game.generator_anchor[..., _C, :]
    discriminator_anchor = solution.game.discriminator_anchor[..., _C, :]
    return {
        Rule.GENERATOR: generator[..., _C, :],
        Rule.DISCRIMINATOR: discriminator_anchor,
        Rule.MUTUAL_INFORMATION: generator[..., _C, :] + discriminator[..., _C, :],
        Rule.SELF_CONTRASTIVE: generator_anchor,
        Rule.NORMALISED_PRODUCT: generator_anchor * discriminator_anchor,
        Rule.MAJORITY: votes,
        Rule.ER_GENERATOR: solution.generator_policy[..., _C, :],
        Rule.ER_DISCRIMINATOR: solution.discriminator_policy[..., _C, :],
    }


def _margin(best_first: Sequence[float]) -> float:
    if len(best_first) == 1:
        return inf
    first, second = best_first[:2]
    return 0.0 if first == second else first - second


def _unsaturated(scores: FloatArray, rule: Rule, solution: Solution) -> FloatArray:
    """Scores of the same order: log-odds for probabilities, which near 0 and 1 would round to false ties."""
    policies = {
        Rule.DISCRIMINATOR: solution.game.discriminator_anchor,
        Rule.ER_DISCRIMINATOR: solution.discriminator_policy,
    }
    if rule not in policies:
        return scores
    with np.errstate(divide="ignore"):
        logs = np.log(policies[rule])
    return np.asarray(logs[_C] - logs[_I])


def _agreement(scores: Mapping[Rule, FloatArray]) -> float:
    generator, verdicts = scores[Rule.SELF_CONTRASTIVE], scores[Rule.DISCRIMINATOR]
    total = verdicts.sum()
    share = verdicts / total if total > 0 else np.full_like(verdicts, 1 / len(verdicts))
    return float(np.minimum(generator, share).sum())


def _candidate(candidates: Candidates, views: Views, scores: Mapping[Rule, FloatArray], place: int) -> RankedCandidate:
    item = candidates.items[place]
    return RankedCandidate(
        text=item.text,
        members=tuple(member.text for member in item.members),
        position=item.position,
        draws=item.draws,
        generator_correct=float(views.generator_logprobs[_C, place]),
        generator_incorrect=float(views.generator_logprobs[_I, place]),
        tokens=int(views.generator_tokens[place]),
        verdict_correct=float(views.verdict_logprobs[_C, place]),
        verdict_incorrect=float(views.verdict_logprobs[_I, place]),
        scores={rule: float(values[place]) for rule, values in scores.items()},
        errors=None if views.counts is None else _errors(views.counts, place),
    )


def _errors(counts: Counts, place: int) -> StandardErrors:
    return StandardErrors(
        generator_correct=float(counts.generator_errors[_C, place]),
        generator_incorrect=float(counts.generator_errors[_I, place]),
        verdict=float(counts.verdict_errors[place]),
    )
