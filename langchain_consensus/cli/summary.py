"""What each rule got right: records go in one by one, a table comes out. The model is not needed for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.table import Table

from langchain_consensus.ranking import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_consensus.cli.items import Item

__all__ = ["Tally"]

_RULES = tuple(rule for rule in Rule if rule is not Rule.MAJORITY)
"""Given candidates are one draw each, so a majority of them says nothing."""


class Tally:
    """Counts over the records of a run.

    Attributes:
        done: Records counted.
        failed: Those that are errors.
        abstained: Those whose answer is withheld.
        scored: Those that are no errors and whose right choice is known.
        right: For each rule, how many of `scored` it got right. Choices of equal text are the same answer, and ties
            are broken as in a ranking. Withheld answers count like others.
    """

    def __init__(self) -> None:
        self.done = self.failed = self.abstained = self.scored = 0
        self.right = dict.fromkeys(_RULES, 0)

    def add(self, record: Mapping[str, Any], item: Item) -> None:
        """Counts one record of `item`."""
        self.done += 1
        if "error" in record:
            self.failed += 1
            return
        self.abstained += record["abstained"]
        if item.gold_index is None:
            return
        self.scored += 1
        gold = item.question.choices[item.gold_index].strip()
        for rule in _RULES:
            self.right[rule] += gold in best_under(rule, record["candidates"])["members"]

    def table(self, chosen: str) -> Table:
        """The counts, the rule that gave the answers in bold."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("rule")
        for name in ("right", "of", "%"):
            table.add_column(name, justify="right")
        for rule, right in self.right.items():
            cells = (rule.value, str(right), str(self.scored), f"{100 * right / self.scored:.1f}")
            table.add_row(*cells, style="bold" if rule == chosen else "")
        return table

    def sentence(self) -> str:
        """How many records there are, and of which kind."""
        counts = ((self.failed, "failed"), (self.abstained, "below the confidence asked for"))
        return ", ".join([f"{self.done} items", *(f"{count} {what}" for count, what in counts if count)])


def best_under(rule: Rule, candidates: list[dict[str, Any]]) -> dict[str, Any]:
    """The plain candidate, no rival, that `rule` puts first; ties as in `Ranking`."""
    return min(
        (one for one in candidates if not one.get("is_rival")),
        key=lambda one: (-_score(one, rule), -one["count"], -_score(one, Rule.GENERATOR), one["position"]),
    )


def _score(candidate: Mapping[str, Any], rule: Rule) -> float:
    score = candidate["scores"][rule]
    return -math.inf if score is None else float(score)
