"""What the pipeline tells of itself while it runs: every step, when it begins and when it ends, with what it cost.

Knows no LangChain: `tracing` shows the steps as runs, and every step is logged under the package's name.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from langchain_consensus.engine.base import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Observer", "Step", "watched"]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of the pipeline, done for all questions of a call at once.

    Attributes:
        name: `sampling` (questions to candidates), `rivals` (lone candidates to several), `scoring` (candidates to
            views), `judging` (by further judges) or `solving` (views to rankings).
        questions: How many questions it is done for.
        candidates: For each question how many distinct candidates it has; empty until they are drawn.
        usages: For each question its part of the tokens; empty where none were spent, and until the step ends.
        seconds: Wall-clock time that the whole step took; 0 until it ends.
    """

    name: Literal["sampling", "rivals", "scoring", "judging", "solving"]
    questions: int
    candidates: tuple[int, ...] = ()
    usages: tuple[Usage, ...] = ()
    seconds: float = 0.0

    @property
    def usage(self) -> Usage:
        """The tokens of all questions."""
        return sum(self.usages, Usage())


class Observer(Protocol):
    """Whoever wants to know what the pipeline is doing; called in the thread that does it."""

    def began(self, step: Step) -> None:
        """A step begins."""
        ...

    def ended(self, step: Step, error: BaseException | None) -> None:
        """The step that began last has ended, with `error` where it failed."""
        ...


@contextmanager
def watched(observer: Observer | None, step: Step) -> Iterator[Callable[..., None]]:
    """Tells `observer` and the log of a step; the block hands what it did to the function that it is given.

    Example:
        ```python
        with watched(observer, Step(name="scoring", questions=2)) as done:
            views = ...
            done(usages=[view.usage for view in views])
        ```
    """
    ended = step

    def done(*, candidates: Sequence[int] = step.candidates, usages: Sequence[Usage] = ()) -> None:
        nonlocal ended
        ended = replace(step, candidates=tuple(candidates), usages=tuple(usages))

    if observer is not None:
        observer.began(step)
    started = time.perf_counter()
    try:
        yield done
    except BaseException as error:
        ended = replace(step, seconds=time.perf_counter() - started)
        _logger.debug("%s failed after %.3f s: %s", step.name, ended.seconds, error)
        if observer is not None:
            observer.ended(ended, error)
        raise
    ended = replace(ended, seconds=time.perf_counter() - started)
    _log(ended)
    if observer is not None:
        observer.ended(ended, None)


def _log(step: Step) -> None:
    usage = step.usage
    _logger.debug(
        "%s: %d questions, %d candidates, %.3f s, %d tokens read, %d computed, %d drawn",
        step.name,
        step.questions,
        sum(step.candidates),
        step.seconds,
        usage.input_tokens,
        usage.computed_tokens,
        usage.sampled_tokens,
    )
