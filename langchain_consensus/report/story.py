"""What happened, in sentences: a ranking and the course of its game go in, paragraphs come out.

Every sentence is computed; none is chosen for effect. Texts of candidates are quoted inside Unicode isolates.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.ranking import Rule
from langchain_consensus.report.course import favourites
from langchain_consensus.report.texts import percent, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.ranking import Ranking
    from langchain_consensus.report.course import Course

    FloatArray = NDArray[np.float64]

__all__ = ["moved", "told"]

_COMPARED = 100
"""Candidates whose pairs are counted; all pairs of a thousand would take longer than the game."""
_EVEN = 0.5
_OF_THE_GAME = {Rule.ER_GENERATOR: "the generator's final policy", Rule.ER_DISCRIMINATOR: "the judge's final policy"}


def told(ranking: Ranking, course: Course) -> tuple[str, ...]:
    """Where the views disagreed and how it was resolved: before the game, on the way, after it, and the rule."""
    if len(ranking.candidates) == 1:
        verdict = percent(ranking.candidates[0].verdict)
        return (f"There is one distinct answer, so there was nothing to settle. The judge's raw verdict is {verdict}.",)
    if ranking.rivals:
        return (_beside(ranking), *moved(ranking, course), _against(ranking))
    return (_without(ranking), *moved(ranking, course), _chosen(ranking))


def moved(ranking: Ranking, course: Course) -> tuple[str, ...]:
    """The part of the story that the game tells: before it, on the way, after it."""
    told_of = (_before(ranking, course), _on_the_way(ranking, course), _after(ranking, course), _pairs(course))
    return tuple(sentence for sentence in told_of if sentence)


def _beside(ranking: Ranking) -> str:
    names = ", ".join(quoted(one.text) for one in ranking.rivals[:3])
    more = f" and {len(ranking.rivals) - 3} others" if len(ranking.rivals) > 3 else ""
    return (
        f"There is one distinct answer, {quoted(ranking.answer)}. So that it can be compared with something, the "
        f"generator was asked for incorrect answers, and said {names}{more}; none of these rivals can be the answer."
    )


def _against(ranking: Ranking) -> str:
    rival, verdict = quoted(ranking.rivals[0].text), percent(ranking.candidates[0].verdict)
    share = ranking.candidates[0].against_rivals or 0.0
    best = "a rival has the better score" if share < _EVEN else "no rival has a better score"
    return (
        f"The answer is {quoted(ranking.answer)}; by the rule `{ranking.rule}` {best}. The rule gives the answer "
        f"{percent(share)} against its best rival, {rival}. The judge's raw verdict on it is {verdict}. The lower of "
        "both is its confidence."
    )


def _without(ranking: Ranking) -> str:
    """What the model would have answered if it were only asked to."""
    likeliest = max(ranking.candidates, key=lambda one: one.scores[Rule.GENERATOR])
    often, draws = max(ranking.candidates, key=lambda one: one.draws), sum(one.draws for one in ranking.candidates)
    said = f"Without a judge the answer would be {quoted(likeliest.text)}, to which the generator gives the best score"
    if draws == len(ranking.candidates):  # given, or all different: no vote
        return f"{said}."
    which = "and which was" if often is likeliest else f"or {quoted(often.text)}, which was"
    return f"{said}, {which} drawn most often, {often.draws} times of {draws}."


def _before(ranking: Ranking, course: Course) -> str:
    generator, judge = favourites(course.generator[0]), favourites(course.judge[0])
    if generator == judge:
        return (
            f"Before the game both views put {_names(ranking, generator)} first: the generator with "
            f"{_shares(course.generator[0], generator)}, the judge with {_shares(course.judge[0], judge)}."
        )
    return (
        f"Before the game the views disagreed. The generator put {_names(ranking, generator)} first, with "
        f"{_shares(course.generator[0], generator)} where the judge gave {_shares(course.judge[0], generator)}; the "
        f"judge put {_names(ranking, judge)} first, with {_shares(course.judge[0], judge)} where the generator gave "
        f"{_shares(course.generator[0], judge)}."
    )


def _on_the_way(ranking: Ranking, course: Course) -> str:
    changes = []
    for name, policies in (("generator", course.generator), ("judge", course.judge)):
        leaders = [favourites(policy) for policy in policies]
        if leaders[0] == leaders[-1]:
            continue
        settled = max(step for step, leader in enumerate(leaders) if leader != leaders[-1]) + 1
        since = f"by iteration {course.times[settled]:,.0f}" if np.isfinite(course.times[settled]) else "in the end"
        changes.append(f"the {name} changed to {_names(ranking, leaders[-1])} {since}")
    if not changes:
        return "On the way neither view changed which answer it puts first."
    said = " and ".join(changes)
    held = "" if len(changes) > 1 else f"; the {'judge' if changes[0].startswith('the gen') else 'generator'} held"
    return f"On the way {said}{held}."


def _after(ranking: Ranking, course: Course) -> str:
    generator, judge = favourites(course.generator[-1]), favourites(course.judge[-1])
    agreement = f"Their agreement went from {course.agreement(0):.2f} to {course.agreement(-1):.2f} (1 is full)."
    if generator == judge:
        return (
            f"After it both put {_names(ranking, generator)} first: the generator with "
            f"{_shares(course.generator[-1], generator)}, the judge with {_shares(course.judge[-1], judge)}. "
            f"{agreement}"
        )
    return (
        f"After it they still disagree: the generator puts {_names(ranking, generator)} first "
        f"({_shares(course.generator[-1], generator)}), the judge {_names(ranking, judge)} "
        f"({_shares(course.judge[-1], judge)}). {agreement}"
    )


def _pairs(course: Course) -> str:
    n = min(course.generator.shape[1], _COMPARED)
    if n < 3:
        return ""
    pairs = list(combinations(range(n), 2))
    before, after = (_crossed(course.generator[step], course.judge[step], pairs) for step in (0, -1))
    which = "the candidates" if n == course.generator.shape[1] else f"the first {n} candidates"
    return (
        f"Of the {len(pairs)} pairs among {which}, the two views ordered {before} differently before the game and "
        f"{after} after it."
    )


def _crossed(generator: FloatArray, judge: FloatArray, pairs: list[tuple[int, int]]) -> int:
    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    return int(((generator[first] - generator[second]) * (judge[first] - judge[second]) < 0).sum())


def _chosen(ranking: Ranking) -> str:
    best = quoted(ranking.answer)
    if ranking.rule in _OF_THE_GAME:
        return f"The answer is {best}, the first by {_OF_THE_GAME[ranking.rule]}. {_confidence(ranking)}"
    equilibrium = max(ranking.candidates, key=lambda one: one.scores[Rule.ER_DISCRIMINATOR])
    verdict = "" if equilibrium is ranking.candidates[0] else f"; by the game it would be {quoted(equilibrium.text)}"
    by = f"the rule `{ranking.rule}`, which does not use the game{verdict}"
    return f"The answer is {best}, the first by {by}. {_confidence(ranking)}"


def _confidence(ranking: Ranking) -> str:
    verdict = ranking.candidates[0].verdict
    said = f"The judge's raw verdict on it, before any normalisation, is {percent(verdict)}"
    below = ": it prefers this answer to the others and does not vouch for it" if verdict < _EVEN else ""
    if ranking.profile is None:
        return f"{said}{below}."
    return f"{said}{below}. By the profile the answer is right with a probability of {percent(ranking.confidence)}."


def _names(ranking: Ranking, places: frozenset[int]) -> str:
    first, *rest = sorted(places)
    name = quoted(ranking.candidates[first].text)
    if not rest:
        return name
    others = quoted(ranking.candidates[rest[0]].text) if len(rest) == 1 else f"{len(rest)} others"
    return f"{name} and {others} equally"


def _shares(policy: FloatArray, places: frozenset[int]) -> str:
    """The probability of the first of them, by whichever view; in their own, those that tie have the same."""
    return percent(float(policy[min(places)]))
