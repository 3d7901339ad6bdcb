"""What waits for the device: a job with the call that asked for it, and which jobs go into a pass together."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Hashable, Sequence

    from langchain_consensus.engine.deadline import Call
    from langchain_consensus.engine.watch import Watch

__all__ = ["Ticket", "take_group"]

_PENDING = object()


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """A job that waits or is worked at.

    Attributes:
        key: Jobs with the same key may be run together.
        job: What is to be done.
        run: Gives a result, or an error, for each of several jobs.
        tokens: How large the job is.
        call: Whose it is.
        done: Set when it has its outcome, and when its call is cancelled.
        outcome: The result, or the error to be raised.
    """

    key: Hashable
    job: Any
    run: Callable[[Sequence[Any], Watch], Sequence[Any]]
    tokens: int
    call: Call
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Any = _PENDING

    @property
    def is_pending(self) -> bool:
        """Whether it has no outcome yet."""
        return self.outcome is _PENDING

    def end(self, outcome: object) -> None:
        """Gives it its outcome; an error of its call goes first."""
        self.outcome = self.call.error or outcome
        self.done.set()


def take_group(waiting: deque[Ticket], *, most_tokens: int, largest: float = math.inf) -> list[Ticket]:
    """Takes out the ticket that has waited longest and all that can go with it, up to `most_tokens` together.

    Args:
        waiting: Longest first; those that are taken leave it.
        most_tokens: Tickets are joined up to this many tokens; a first one may be larger.
        largest: Tickets with more tokens are left where they are.
    """
    group: list[Ticket] = []
    total = 0
    for ticket in waiting:
        fits = not group or (ticket.key == group[0].key and total + ticket.tokens <= most_tokens)
        if fits and ticket.tokens <= largest:
            group.append(ticket)
            total += ticket.tokens
    for ticket in group:
        waiting.remove(ticket)
    return group
