"""Which rounds are complete, and what a reader must know of how they came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.benchmarks.entries import Timing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.benchmarks.journal import Journal

__all__ = ["complete_rounds", "load_range", "notes_on"]


def complete_rounds(journal: Journal, workload: str, methods: Sequence[str]) -> dict[int, dict[str, Timing]]:
    """The rounds in which every method has had its turn, by number; medians and ratios are over those alone."""
    rounds: dict[int, dict[str, Timing]] = {}
    for one in journal.of(Timing, workload):
        rounds.setdefault(one.round, {})[one.method] = one
    return {number: found for number, found in sorted(rounds.items()) if set(methods) <= set(found)}


def load_range(timings: Sequence[Timing]) -> list[float]:
    """The lowest and the highest load of the machine before a turn; empty where the system does not say."""
    loads = [one.load for one in timings if one.load is not None]
    return [min(loads), max(loads)] if loads else []


def notes_on(timings: Sequence[Timing], *, rounds: Mapping[int, Mapping[str, Timing]], wanted: int) -> list[str]:
    """Sentences on what was not one undisturbed run.

    Args:
        timings: Those of the complete rounds.
        rounds: The complete rounds.
        wanted: How many were asked for.
    """
    notes = []
    if len(rounds) < wanted:
        notes.append(f"{len(rounds)} of {wanted} rounds are complete; the rest is not in these numbers")
    sessions = {one.session for one in timings}
    torn = [str(number) for number, found in rounds.items() if len({one.session for one in found.values()}) > 1]
    if len(sessions) > 1:
        notes.append(f"measured in {len(sessions)} sessions")
    if torn:
        notes.append(f"round {', '.join(torn)} was begun in one session and completed in another")
    for method in dict.fromkeys(one.method for one in timings):
        digests = {one.scores for one in timings if one.method == method}
        if len(digests) > 1:
            notes.append(f"the scores of {method} differ in their last digits from round to round")
    return notes
