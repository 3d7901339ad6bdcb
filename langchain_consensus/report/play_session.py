"""What the play page asks for: a question goes in, events come out; weights go in, a game solved again comes out.

Knows no HTTP. One question at a time uses the model; solving stored scores waits for nobody.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_consensus.errors import ConsensusError, InvalidInputError
from langchain_consensus.game import Equilibrium, LogTimeFlow
from langchain_consensus.prompts import Question
from langchain_consensus.report import shown
from langchain_consensus.report.certificate import certified
from langchain_consensus.report.course import course_of, favourites, played
from langchain_consensus.report.render import render
from langchain_consensus.report.story import moved
from langchain_consensus.report.texts import quoted, shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_consensus.consensus import Consensus
    from langchain_consensus.game import Solver
    from langchain_consensus.ranking import Ranking

__all__ = ["Event", "PlaySession"]

_KEPT = 16
"""Games that are remembered, the latest ones."""
_WEIGHTS = (0.01, 100.0)
_LONGEST_QUESTION = 20_000
_MOST_DRAWS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened: its name, and what is known of it as JSON-like values."""

    name: str
    data: dict[str, Any]


class PlaySession:
    """One pipeline and the games that were played with it."""

    def __init__(self, consensus: Consensus) -> None:
        """Plays with `consensus`; its solver is not used, the page's sliders choose."""
        self._consensus = consensus
        self._model = threading.Lock()
        self._games: OrderedDict[str, Ranking] = OrderedDict()
        self._games_lock = threading.Lock()

    def ask(self, asked: dict[str, Any]) -> Iterator[Event]:
        """Answers a question, telling what happens: `drawing`, `candidates`, `scored` with the game, or `error`.

        Args:
            asked: `question`, and optionally `context` and `draws`.

        Raises:
            InvalidInputError: If something of it breaks a rule; before any event.
        """
        question = Question(text=_text(asked, "question"), context=_text(asked, "context") or None)
        draws = asked.get("draws", self._consensus.sampling.n)
        if not isinstance(draws, int) or isinstance(draws, bool) or not 1 <= draws <= _MOST_DRAWS:
            msg = f"`draws` is {draws!r}; it must be a whole number from 1 to {_MOST_DRAWS}."
            raise InvalidInputError(msg)
        return self._answered(question, draws)

    def solve(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """The game of stored scores under other weights, as an HTML fragment and the milliseconds that it took.

        Args:
            wanted: `game`, the id that `scored` gave; `generator` and `judge`, the weights of the anchors, 0.01 to
                100; `solver`: `published` or `equilibrium`.

        Raises:
            InvalidInputError: If something of it breaks a rule, or the game is forgotten.
        """
        with self._games_lock:
            ranking = self._games.get(str(wanted.get("game")))
        if ranking is None:
            msg = "This game is not remembered any more; ask the question again."
            raise InvalidInputError(msg)
        return _solved(ranking, _solver(wanted))

    def _answered(self, question: Question, draws: int) -> Iterator[Event]:
        if not self._model.acquire(blocking=False):
            yield Event(name="error", data={"message": "Another question is being answered; wait for it."})
            return
        try:
            yield Event(name="drawing", data={"draws": draws})
            before = time.perf_counter()
            sampling = replace(self._consensus.sampling, n=draws)
            [drawn] = replace(self._consensus, sampling=sampling).draw([question])
            texts = [{"text": visible(shortened(one.text)), "draws": one.draws} for one in drawn.items]
            yield Event(name="candidates", data={"candidates": texts, "seconds": time.perf_counter() - before})
            [ranking] = self._consensus.rank([drawn])
            seconds = time.perf_counter() - before
            game = self._remember(ranking)
            solved = _solved(ranking, _solver({}))
            yield Event(name="scored", data={"game": game, "seconds": seconds, **solved})
        except ConsensusError as error:
            yield Event(name="error", data={"message": str(error)})
        finally:
            self._model.release()

    def _remember(self, ranking: Ranking) -> str:
        with self._games_lock:
            game = str(int(next(reversed(self._games), "0")) + 1)
            self._games[game] = ranking
            while len(self._games) > _KEPT:
                self._games.popitem(last=False)
        return game


def _solved(ranking: Ranking, solver: Solver) -> dict[str, Any]:
    before = time.perf_counter()
    solution = played(ranking, solver)
    milliseconds = 1000 * (time.perf_counter() - before)
    course = course_of(ranking, solution)
    first = [quoted(ranking.candidates[place].text) for place in sorted(favourites(course.judge[-1]))]
    html = render(
        "played.html.jinja",
        rows=shown.rows_of(ranking, course),
        charts=shown.charts_of(course),
        steps=shown.steps_of(course),
        story=moved(ranking, course) if len(ranking.candidates) > 1 else (),
        certificate=certified(solution),
        answer=first[0] if len(first) == 1 else "a tie",
        warnings=ranking.warnings,
    )
    return {"html": html, "milliseconds": milliseconds}


def _solver(wanted: dict[str, Any]) -> Solver:
    weights = [wanted.get(name, 0.1) for name in ("generator", "judge")]
    for name, weight in zip(("generator", "judge"), weights, strict=True):
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not _WEIGHTS[0] <= weight <= _WEIGHTS[1]:
            msg = f"`{name}` is {weight!r}; it must be a number from {_WEIGHTS[0]:g} to {_WEIGHTS[1]:g}."
            raise InvalidInputError(msg)
    kind = wanted.get("solver", "published")
    solvers: dict[object, type[Equilibrium | LogTimeFlow]] = {"published": LogTimeFlow, "equilibrium": Equilibrium}
    if not isinstance(kind, str) or kind not in solvers:
        msg = f"`solver` is {kind!r}; it must be one of {sorted(map(str, solvers))}."
        raise InvalidInputError(msg)
    return solvers[kind](lambda_generator=float(weights[0]), lambda_discriminator=float(weights[1]))


def _text(asked: dict[str, Any], name: str) -> str:
    text = asked.get(name) or ""
    if not isinstance(text, str) or len(text) > _LONGEST_QUESTION:
        msg = f"`{name}` must be a text of at most {_LONGEST_QUESTION:,} characters."
        raise InvalidInputError(msg)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        msg = f"`{name}` holds half a surrogate pair, which is no Unicode text. Take it out."
        raise InvalidInputError(msg)
    return text
