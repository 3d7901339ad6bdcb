"""A ranking as a table of plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.ranking.rules import Rule

if TYPE_CHECKING:
    from langchain_consensus.ranking.record import Ranking

__all__ = ["as_table"]


def as_table(ranking: Ranking) -> str:
    """The answer and its evidence, and the candidates, best first, with both views before and after the game."""
    head = ("", "draws", "log P(y|correct)", "P(correct|y)", "SC", "D", "ER-G", "ER-D")
    shown = (Rule.SELF_CONTRASTIVE, Rule.DISCRIMINATOR, Rule.ER_GENERATOR, Rule.ER_DISCRIMINATOR)
    rows = [
        (
            (one.text if len(one.text) <= 40 else one.text[:39] + "…") + " (rival)" * one.is_rival,
            str(one.draws),
            f"{one.generator_correct:.2f}",
            f"{one.verdict:.2f}",
            *(f"{one.scores[rule]:.3f}" for rule in shown),
        )
        for one in ranking.candidates
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in (head, *rows)
    ]
    best = ranking.candidates[0]
    sampled = f", views sampled, lead {ranking.margin:.2g} ± {ranking.margin_error:.2g}" * (ranking.views == "sampled")
    against = "" if best.against_rivals is None else f", {best.against_rivals:.2f} against the best rival"
    sure = f"confidence {ranking.confidence:.2f}{against}, agreement {ranking.agreement:.2f}{sampled}"
    found = f"{ranking.answer}  (rule {ranking.rule}, {sure})"
    judges = ", ".join(f"{one.name} {one.weight:.2f}" for one in ranking.candidates[0].judges)
    notes = [*([f"judges: {judges}"] if judges else []), *(f"! {warning}" for warning in ranking.warnings)]
    return "\n".join([ranking.question.text, f"-> {found}", "", *lines, *notes])
