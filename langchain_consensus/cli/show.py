"""What people read: records of results go in, tables on stdout come out; messages go to stderr.

Nothing that a user or a model wrote is taken for markup or sent to the terminal as a control character.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["messages", "print_lines", "print_ranking", "print_table", "say", "visible"]

_SCORES = {"self_contrastive": "SC", "discriminator": "D", "er_generator": "ER-G", "er_discriminator": "ER-D"}

_NARROWEST = 72
"""Columns that a table of candidates needs; on a narrower terminal lines wrap, which is better than losing scores."""


def messages() -> Console:
    """The console that messages, progress and summaries go to."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(message: str) -> None:
    """Prints a message on one line of stderr."""
    print(visible(message), file=sys.stderr, flush=True)  # noqa: T201 - rich would wrap the line


def visible(text: str) -> str:
    """The text on one line, with control characters and halves of surrogate pairs as escapes."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in " ".join(text.split())
    )


def print_lines(*lines: str) -> None:
    """Prints plain lines on stdout."""
    for line in lines:
        _results().print(Text(line), soft_wrap=True)


def print_table(table: Table) -> None:
    """Prints a table on stdout."""
    _results().print(table)


def print_ranking(record: Mapping[str, Any], *, question: str, min_confidence: float | None, cost: str) -> None:
    """Prints what is known of one answer.

    Args:
        record: The plain form of a `ConsensusResult`.
        question: What was asked.
        min_confidence: The threshold, if there was one.
        cost: What else shall stand beside the tokens.
    """
    best, confidence = visible(record["text"]), record["confidence"]
    share = record["candidates"][0]["against_rivals"]
    against = "" if share is None else f", {share:.2f} against the best rival"
    evidence = f"rule {record['rule']}, confidence {confidence:.2f}{against}, agreement {record['agreement']:.2f}"
    if record.get("views") == "sampled":
        lead, error = _number(record["margin"], ".2g"), _number(record["margin_error"], ".2g")
        evidence += f", views sampled, lead {lead} ± {error}"
    if record["abstained"]:
        found = f"no answer: the best, {best!r}, is below {min_confidence:g}  ({evidence})"
    else:
        found = f"{best}  ({evidence})"
    print_lines(visible(question), f"-> {found}", "")
    print_table(_candidates(record))
    solver, usage = record["solver"], record["usage"]
    print_lines(
        *(f"! {warning}" for warning in record["warnings"]),
        f"solver   {solver['name']}: {solver['outcome']}, {solver['steps']} steps, gap {_number(solver['gap'], '.1e')}",
        f"model    {record['model']}, wording {record['wording']}",
        *_judges(record),
        f"tokens   {usage['input_tokens']} asked about, {usage['computed_tokens']} computed, "
        f"{usage['sampled_tokens']} drawn; {cost}",
    )


def _results() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = max(console.width, _NARROWEST)
    return console


def _candidates(record: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("candidate", overflow="fold", ratio=1, min_width=12)
    for name in ("draws", "log P(y|\ncorrect)", "P(correct\n|y)", *_SCORES.values()):
        table.add_column(name, justify="right", overflow="fold")
    for place, one in enumerate(record["candidates"]):
        scores = [_number(one["scores"][rule], ".3f") for rule in _SCORES]
        cells = [
            str(one["count"]),
            _number(one["generator"]["correct"], ".2f"),
            _verdict(one),
            *scores,
        ]
        name = visible(one["text"]) + " (rival)" * one["is_rival"]
        table.add_row(Text(name), *cells, style="bold" if place == 0 else "")
    return table


def _verdict(candidate: Mapping[str, Any]) -> str:
    """The probability of the word for "correct" among the two; of several judges the weighted mean."""
    judges = candidate.get("judges") or [{"weight": 1.0, **candidate["discriminator"]}]
    if any(one["correct"] is None or one["incorrect"] is None for one in judges):
        return "-"
    mean = sum(one["weight"] * (0.5 + 0.5 * math.tanh((one["correct"] - one["incorrect"]) / 2)) for one in judges)
    return f"{mean:.2f}"


def _judges(record: Mapping[str, Any]) -> list[str]:
    judges = record["candidates"][0].get("judges") or []
    weights = ", ".join(f"{one['name']} {one['weight']:.2f}" for one in judges)
    return [f"judges   {visible(weights)}"] if judges else []


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
