"""What was learned, as Markdown: summaries in, tables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.evaluation import markdown
from langchain_consensus.evaluation.learned import ABLATIONS
from langchain_consensus.evaluation.markdown import difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_consensus.evaluation.learned import LearnedSummary

__all__ = ["learned_tables"]

_NAMES = {
    "er_discriminator": "ER-D (the paper)",
    "profile": "profile, 100 labels",
    "other_tasks": "profile, other tasks",
}


def learned_tables(found: Sequence[LearnedSummary]) -> str:
    """Accuracies with differences, means over the tasks, confidences, and promises."""
    names = ["er_discriminator", *ABLATIONS, "profile", "other_tasks"]
    tables = [_accuracies(found, names), _differences(found), _confidences(found), _promises(found)]
    return "\n## Learned weights\n\n" + "\n".join(table for table in tables if table)


def _accuracies(found: Sequence[LearnedSummary], names: Sequence[str]) -> str:
    head = ["rule", *(f"{one.task} (n={one.items})" for one in found), "mean"]
    views = [f"{100 * one.accuracies['best_view'].value:.1f} ({one.best_view})" for one in found]
    rows = [["best view of the task", *views, _mean([one.accuracies["best_view"].value for one in found])]]
    for name in names:
        values = [one.accuracies[name].value if name in one.accuracies else None for one in found]
        if any(value is not None for value in values):
            shown = ["" if value is None else f"{100 * value:.1f}" for value in values]
            rows.append([_NAMES.get(name, name), *shown, "" if None in values else _mean(values)])
    return markdown.table(head, rows)


def _differences(found: Sequence[LearnedSummary]) -> str:
    head = ["task", "rule", "minus the best view", "minus ER-D"]
    rows = [
        [
            one.task,
            _NAMES.get(name, name),
            difference(one.against_view[name]),
            difference(one.against_er[name]),
        ]
        for one in found
        for name in ("er_discriminator", "informed", "profile", "other_tasks")
        if name in one.accuracies
    ]
    return markdown.table(head, rows)


def _confidences(found: Sequence[LearnedSummary]) -> str:
    head = ["task", "confidence of", *markdown.QUALITY]
    rows = [
        [
            one.task,
            _NAMES.get(name, name),
            *markdown.quality(worth),
        ]
        for one in found
        for name, worth in one.confidence.items()
        if worth is not None
    ]
    return markdown.table(head, rows)


def _promises(found: Sequence[LearnedSummary]) -> str:
    head = ["task", "max_risk", "broken", "promised", "coverage", "coverage of the raw verdict"]
    rows = [
        [
            one.task,
            f"{trial.max_risk:g}",
            *(f"{100 * x:.1f}%" for x in (trial.broken, trial.promised, trial.coverage, trial.raw_coverage)),
        ]
        for one in found
        for trial in one.risks
    ]
    return markdown.table(head, rows) if rows else ""


def _mean(values: Iterable[float | None]) -> str:
    return f"{100 * float(np.mean([value for value in values if value is not None])):.1f}"
