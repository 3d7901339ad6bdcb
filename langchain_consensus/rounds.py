"""Step 1 in rounds: a question whose winner further draws could hardly change is not drawn for any more.

The draws of all rounds together are those of one call with as many candidates, so that a question that goes through
every round gets exactly the answer that it would get without rounds.

With `r` draws left, a question is settled when one of two probabilities is at most `risk`:

-   That any of them is an answer not seen yet: at most `1 - S^r`, where `S` is the model's own probability of the
    distinct answers seen so far. Without a new answer there is nothing that could win, under any rule that does not
    count draws. It is a bound where answers are drawn at temperature 1: cutting the tail by top-p, top-k or min-p only
    makes what is kept more probable.
-   That the most drawn answer is less probable than the second: `P(Beta(a + 1, b + 1) < 1/2)` for their `a` and `b`
    draws, under a uniform prior (Adaptive-Consistency, arXiv:2305.11860, section 3). It counts for the rule `majority`,
    and for any other rule only where the ranking so far has the same winner. For those it is a heuristic and no bound:
    an answer that is drawn less often may still be judged better.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, exp
from typing import TYPE_CHECKING, Protocol

from langchain_consensus.engine.base import Usage
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.ranking import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.engine.base import Sample, SampleResult
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking import Ranking

__all__ = [
    "Drawing",
    "Rounds",
    "asked_in_rounds",
    "new_answer_probability",
    "wrong_leader",
    "wrong_leader_probability",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """How draws are spread over rounds, and when a question needs no more of them.

    Attributes:
        sizes: Draws of each round; together they are the most candidates that a question gets.
        risk: The probability, above 0 and below 1, at which a question is settled; see the module.
        token_budget: Sampled tokens after which a question gets no further round; `None` for no such limit. It ends a
            question that is not settled, and a round that has begun is drawn whole.
    """

    sizes: tuple[int, ...] = (4, 4, 8)
    risk: float = 0.05
    token_budget: int | None = None

    def __post_init__(self) -> None:
        whole = all(isinstance(size, int) and not isinstance(size, bool) and size >= 1 for size in self.sizes)
        if not self.sizes or not whole:
            msg = f"`sizes` is {self.sizes!r}; it must hold at least one whole number, each at least 1."
            raise InvalidInputError(msg)
        if not 0 < self.risk < 1:
            msg = f"`risk` is {self.risk!r}; it must be above 0 and below 1."
            raise InvalidInputError(msg)
        if self.token_budget is not None and self.token_budget < 1:
            msg = f"`token_budget` is {self.token_budget!r}; it must be at least 1, or `None` for no limit."
            raise InvalidInputError(msg)


class Drawing(Protocol):
    """What rounds need of the pipeline."""

    def draw_some(self, questions: Sequence[Question], *, first: int, n: int) -> SampleResult:
        """The draws `first` to `first + n - 1` of every question."""
        ...

    def gather(self, question: Question, samples: Sequence[Sample], usage: Usage) -> Candidates:
        """The candidates among a question's draws; an `EngineError` if there are none."""
        ...

    def rank(self, batch: Sequence[Candidates]) -> list[Ranking]:
        """The rankings of candidates."""
        ...


def asked_in_rounds(
    pipeline: Drawing,
    questions: Sequence[Question],
    rounds: Rounds,
    *,
    rule: Rule,
    temperature: float,
    counts_draws: bool = False,
) -> list[Ranking]:
    """Draws round after round for the questions that are not settled, and ranks all of them.

    Args:
        pipeline: Draws and ranks.
        questions: What is asked.
        rounds: The rounds.
        rule: The rule of `pipeline.rank`.
        temperature: That of the draws.
        counts_draws: Whether `pipeline.rank` weighs how often an answer was drawn also where the rule does not.

    Raises:
        EngineError: If all draws of a question are empty.
    """
    bounded = temperature == 1 and not counts_draws and rule is not Rule.MAJORITY
    asked = [_Asked(pipeline, question, bounded=bounded, votes=rule is Rule.MAJORITY) for question in questions]
    waiting, done = asked, 0
    for size in rounds.sizes:
        if not waiting:
            break
        result = pipeline.draw_some([one.question for one in waiting], first=done, n=size)
        for one, samples, share in zip(waiting, result.samples, result.usage.split(len(waiting)), strict=True):
            one.add(samples, share)
        done += size
        waiting = [one for one in waiting if one.needs_more(rounds, left=sum(rounds.sizes) - done)]
    unranked = [one for one in asked if one.ranking is None]
    for one, ranking in zip(unranked, pipeline.rank([one.candidates() for one in unranked]), strict=True):
        one.ranking = ranking
    return [one.ranking for one in asked if one.ranking is not None]


def new_answer_probability(candidates: Candidates, left: int) -> float:
    """At most how probable it is that one of `left` further draws at temperature 1 is an answer not seen so far.

    Only draws that ended by themselves count as seen: the probability of one that was cut is that of all its ends.
    """
    samples = [member.sample for candidate in candidates.items for member in candidate.members]
    seen = sum(exp(one.logprob + one.end_logprob) for one in samples if one and one.end_logprob is not None)
    return 1.0 - min(seen, 1.0) ** left


def wrong_leader_probability(candidates: Candidates) -> float:
    """How probable it is, after these draws, that the model gives the second answer more often than the first."""
    first, second, *_ = *sorted((one.draws for one in candidates.items), reverse=True), 0
    return wrong_leader(first, second)


def wrong_leader(first: int, second: int) -> float:
    """P(Beta(first + 1, second + 1) < 1/2): how probably the one that was drawn more often is the less probable."""
    draws = first + second + 1
    return float(sum(comb(draws, k) for k in range(first + 1, draws + 1)) / 2.0**draws)


class _Asked:
    """One question, its draws so far and what they cost."""

    def __init__(self, pipeline: Drawing, question: Question, *, bounded: bool, votes: bool) -> None:
        self.question = question
        self.ranking: Ranking | None = None
        self._pipeline, self._bounded, self._votes = pipeline, bounded, votes
        self._samples: list[Sample] = []
        self._usage = Usage()
        self._gathered: Candidates | None = None

    def add(self, samples: Sequence[Sample], usage: Usage) -> None:
        self._samples += samples
        self._usage += usage
        self._gathered = None

    def candidates(self) -> Candidates:
        if self._gathered is None:
            self._gathered = self._pipeline.gather(self.question, self._samples, self._usage)
            self._usage = self._gathered.usage
        return self._gathered

    def needs_more(self, rounds: Rounds, *, left: int) -> bool:
        if not left or (rounds.token_budget is not None and self._usage.sampled_tokens >= rounds.token_budget):
            return False
        try:
            candidates = self.candidates()
        except EngineError:
            return True  # all are empty so far
        if self._bounded and new_answer_probability(candidates, left) <= rounds.risk:
            return False
        if wrong_leader_probability(candidates) > rounds.risk:
            return True
        return not self._votes and len(candidates.items) > 1 and not self._leader_wins(candidates)

    def _leader_wins(self, candidates: Candidates) -> bool:
        [ranking] = self._pipeline.rank([candidates])
        leader = max(candidates.items, key=lambda one: one.draws)
        if ranking.candidates[0].position != leader.position:
            self._usage = ranking.usage  # what asking the judge too early took is part of the answer's cost
            return False
        self.ranking = ranking
        return True
