"""What the page shows, as records of text: a ranking and the course of its game go in; templates only place them."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from langchain_consensus.ranking import Rule
from langchain_consensus.report import chart
from langchain_consensus.report.texts import log_probability, percent, shortened, visible

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from langchain_consensus.ranking import RankedCandidate, Ranking
    from langchain_consensus.report.course import Course

    FloatArray = NDArray[np.float64]

__all__ = ["Charts", "Cost", "Head", "Row", "Share", "Step", "charts_of", "costs_of", "head_of", "rows_of", "steps_of"]

RULES = {
    Rule.GENERATOR: "G",
    Rule.DISCRIMINATOR: "D",
    Rule.MUTUAL_INFORMATION: "MI",
    Rule.SELF_CONTRASTIVE: "SC",
    Rule.NORMALISED_PRODUCT: "MI*",
    Rule.MAJORITY: "draws",
    Rule.ER_GENERATOR: "ER-G",
    Rule.ER_DISCRIMINATOR: "ER-D",
}
_LONGEST = 240
_VERDICT = "the judge's own verdict on it, not calibrated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A probability: as text, and as a number for bars."""

    value: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The question and the answer; `answer` is the best candidate even where it is withheld."""

    question: str
    context: str | None
    answer: str
    withheld: str | None
    model: str
    wording: str
    rule: str
    facts: tuple[tuple[str, str, str], ...]  # name, value, what it means


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A candidate with both views before and after the game; `whole` is its text where `text` is cut."""

    place: int
    drawn: bool  # whether it has a line in the charts
    text: str
    whole: str | None
    members: tuple[str, ...]
    draws: int
    rival: bool  # drawn as an incorrect answer, and never the answer
    generator: tuple[Share, Share]  # before, after
    judge: tuple[Share, Share]
    raw: tuple[tuple[str, str], ...]  # every score, under the names of the command line


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One snapshot: the iteration, and both views of the candidates that are drawn."""

    time: str
    generator: tuple[Share, ...]
    judge: tuple[Share, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Charts:
    """Both charts as SVG, how many candidates they draw, how many there are, and whether the first step evens them."""

    generator: str
    judge: str
    drawn: int
    candidates: int
    levelled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Something that was spent, how much, and what it counts."""

    name: str
    value: str
    meaning: str


def head_of(ranking: Ranking, min_confidence: float | None) -> Head:
    """The head of the page; below `min_confidence` the answer is withheld."""
    below = min_confidence is not None and ranking.confidence < min_confidence
    share = ranking.candidates[0].against_rivals
    over = "the best rival" if ranking.rivals else "the second candidate"
    margin = f"{ranking.margin:.3f}" if isfinite(ranking.margin) else "none"
    if ranking.views == "sampled":
        margin += f" ± {ranking.margin_error:.3f} from sampling"
    return Head(
        question=visible(ranking.question.text),
        context=None if ranking.question.context is None else visible(ranking.question.context),
        answer=visible(shortened(ranking.answer)),
        withheld=f"its confidence is below {min_confidence:g}" if below else None,
        model=visible(ranking.model),
        wording=visible(ranking.wording),
        rule=RULES[ranking.rule],
        facts=(
            ("Confidence", percent(ranking.confidence), _meaning(ranking)),
            ("Agreement", f"{ranking.agreement:.2f}", "of the two views before the game, 1 is full"),
            ("Margin", margin, f"over {over}, by {RULES[ranking.rule]}"),
            *(() if share is None else (("Against the best rival", percent(share), "if one of the two is right"),)),
        ),
    )


def rows_of(ranking: Ranking, course: Course | None) -> tuple[Row, ...]:
    """The candidates, best first. Shares are the ranking's own scores; the course only says which are drawn."""
    drawn = 0 if course is None else chart.DRAWN
    return tuple(_row(one, place, place <= drawn) for place, one in enumerate(ranking.candidates, start=1))


def charts_of(course: Course) -> Charts:
    """The course of both views."""
    candidates = course.generator.shape[1]
    generator, judge = (
        chart.as_text(chart.panel(course.times, policy, name=name, title=title, described_by="steps"))
        for policy, name, title in (
            (course.generator, "generator", "The generator's probability of each answer, by iteration"),
            (course.judge, "judge", "The judge's probability that each answer is correct, by iteration"),
        )
    )
    return Charts(
        generator=generator,
        judge=judge,
        drawn=min(candidates, chart.DRAWN),
        candidates=candidates,
        levelled=all(_levelled(policy) for policy in (course.generator, course.judge)),
    )


def steps_of(course: Course) -> tuple[Step, ...]:
    """The snapshots, as the table beside the charts and the stepper show them."""
    return tuple(
        Step(
            time=f"{time:,.0f}" if isfinite(time) else "equilibrium",
            generator=tuple(_share(value) for value in generator[: chart.DRAWN]),
            judge=tuple(_share(value) for value in judge[: chart.DRAWN]),
        )
        for time, generator, judge in zip(course.times, course.generator, course.judge, strict=True)
    )


def costs_of(ranking: Ranking, seconds: float | None) -> tuple[Cost, ...]:
    """Tokens, passes and, where it is known, time."""
    usage = ranking.usage
    spared = max(0, usage.input_tokens - usage.computed_tokens)
    counts = (
        Cost(name="Tokens drawn", value=f"{usage.sampled_tokens:,}", meaning="of all candidates, end tokens included"),
        Cost(name="Tokens asked about", value=f"{usage.input_tokens:,}", meaning="of every string, each in full"),
        Cost(
            name="Tokens computed",
            value=f"{usage.computed_tokens:,}",
            meaning=f"went through the network; {spared:,} were shared and not computed again",
        ),
        Cost(name="Passes", value=f"{usage.forwards:,}", meaning="through the network"),
    )
    time = "" if seconds is None else f"{seconds:.1f} s"
    return (*counts, *((Cost(name="Time", value=time, meaning="drawing and scoring, model loaded"),) if time else ()))


def _row(one: RankedCandidate, place: int, drawn: bool) -> Row:  # noqa: FBT001 - a field of the record
    logs = (
        ("log P(y|correct)", log_probability(one.generator_correct)),
        ("log P(y|incorrect)", log_probability(one.generator_incorrect)),
        ("tokens", str(one.tokens) if one.errors is None else "none: counted, of draws"),
        ("raw verdict P(correct|y)", percent(one.verdict)),
        ("verdict mass", percent(min(one.verdict_mass, 1.0))),
    )
    probabilities = set(RULES) - {Rule.GENERATOR, Rule.MUTUAL_INFORMATION, Rule.MAJORITY}
    scores = tuple(
        (name, percent(one.scores[rule]) if rule in probabilities else log_probability(one.scores[rule]))
        for rule, name in RULES.items()
        if rule is not Rule.MAJORITY
    )
    return Row(
        place=place,
        drawn=drawn,
        text=visible(shortened(one.text, _LONGEST)),
        whole=visible(one.text) if len(one.text) > _LONGEST else None,
        members=tuple(visible(shortened(member, _LONGEST)) for member in one.members if member != one.text),
        draws=one.draws,
        rival=one.is_rival,
        generator=(_share(one.scores[Rule.SELF_CONTRASTIVE]), _share(one.scores[Rule.ER_GENERATOR])),
        judge=(_share(one.scores[Rule.DISCRIMINATOR]), _share(one.scores[Rule.ER_DISCRIMINATOR])),
        raw=(*logs, *scores),
    )


def _meaning(ranking: Ranking) -> str:
    """What the confidence is."""
    if ranking.rivals:
        return "the judge's own verdict on it or what the rule gives it against rivals, the lower one; not calibrated"
    calibrated = ranking.profile is not None
    return "the probability that it is right, by the profile" if calibrated else _VERDICT


def _levelled(policy: FloatArray) -> bool:
    """Whether the differences between the candidates fall to a tenth and less at the second snapshot."""
    if len(policy) == 1:
        return False
    first, second = (float(values.max() - values.min()) for values in policy[:2])
    return first > 0 and second < first / 10


def _share(value: float) -> Share:
    return Share(value=round(float(value), 6), text=percent(float(value)))
