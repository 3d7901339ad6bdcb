"""Summaries in, Markdown tables out: an overview of all runs, then every run in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.evaluation import markdown
from langchain_consensus.evaluation.judges import SETTINGS
from langchain_consensus.evaluation.markdown import difference, percent
from langchain_consensus.evaluation.methods import Method

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_consensus.evaluation.across import RunComparison
    from langchain_consensus.evaluation.fewer_draws import FewerDraws
    from langchain_consensus.evaluation.judges import JudgesComparison
    from langchain_consensus.evaluation.mean_over_tasks import MeanOverTasks
    from langchain_consensus.evaluation.summary import MetricSummary, RunSummary
    from langchain_consensus.evaluation.variants import Variant

__all__ = ["across_table", "comparison_tables", "draws_table", "judges_table", "means_table", "variant_table"]

_SHORT = {
    Method.GENERATOR: "G",
    Method.DISCRIMINATOR_RAW: "D raw",
    Method.DISCRIMINATOR: "D",
    Method.MUTUAL_INFORMATION: "MI",
    Method.SELF_CONTRASTIVE: "SC",
    Method.NORMALISED_PRODUCT: "MI*",
    Method.ER_GENERATOR: "ER-G",
    Method.ER_DISCRIMINATOR: "ER-D",
    Method.EQUILIBRIUM_GENERATOR: "Eq-G",
    Method.EQUILIBRIUM_DISCRIMINATOR: "Eq-D",
    Method.INFORMED: "informed",
    Method.MAJORITY: "MV",
    Method.CONFIDENCE_WEIGHTED_VOTE: "CISC",
    Method.BEST_OF_N: "BoN",
    Method.GREEDY: "greedy",
}


def comparison_tables(summaries: Sequence[RunSummary]) -> str:
    """An overview of all runs and a section for each."""
    rows = [row for one in summaries for row in _overview_rows(one)]
    names = [_SHORT[method] for method in Method if any(row.get(_SHORT[method]) for row in rows)]
    head = ["task", "wording", "model", "n", *names, "ER-D minus the best view"]
    overview = markdown.table(head, [[row.get(name, "") for name in head] for row in rows])
    note = (
        "Percent right; 95% intervals (Wilson; paired bootstrap for differences). The best view is chosen on these "
        "very items, so the comparison favours it.\n"
    )
    return "\n".join([overview, note, *(_section(one) for one in summaries)])


def across_table(comparisons: Sequence[RunComparison]) -> str:
    """Runs of one task beside the first of them; empty without any."""
    if not comparisons:
        return ""
    methods = list(comparisons[0].accuracies)
    head = ["task", "run", "minus", "n", *(_SHORT[method] for method in methods)]
    rows = [
        [one.task, one.name, one.reference, str(one.items)]
        + [f"{100 * one.accuracies[m].value:.1f}: {difference(one.differences[m])}" for m in methods]
        for one in comparisons
    ]
    return f"\n## Runs of one task, on the items that both have\n\n{markdown.table(head, rows)}"


def judges_table(comparisons: Sequence[JudgesComparison]) -> str:
    """Judges alone and together; empty without any."""
    if not comparisons:
        return ""
    head = ["task", "first", "second", "n", "informed weights", *SETTINGS]
    rows = [
        [one.task, one.first, one.second, str(one.items), " : ".join(f"{weight:.2f}" for weight in one.informed)]
        + [markdown.accuracy(one.accuracies["first"])]
        + [f"{100 * one.accuracies[name].value:.1f}: {difference(one.differences[name])}" for name in SETTINGS[1:]]
        for one in comparisons
    ]
    return f"\n## ER-D with one judge and with two, by the first run's generator\n\n{markdown.table(head, rows)}"


def means_table(means: Sequence[MeanOverTasks]) -> str:
    """Every model over its tasks; empty without any."""
    parts = []
    for one in means:
        rows = [
            [
                f"{_SHORT[method]} ({method})",
                f"{100 * value:.1f}",
                "" if method not in one.gains else difference(one.gains[method]),
            ]
            for method, value in one.accuracies.items()
        ]
        counted = ", ".join(f"{task} ({count})" for task, count in zip(one.tasks, one.items, strict=True))
        table = markdown.table(["method", "mean of the tasks", "ER-D minus it"], rows)
        parts.append(f"\n## {one.model}, the mean of {len(one.tasks)} tasks\n\n{counted}.\n\n{table}")
    return "".join(parts)


def variant_table(summary: RunSummary, variants: Iterable[Variant]) -> str:
    """The variants of one run."""
    rows = [
        [
            one.name,
            *(markdown.accuracy(one.accuracies[method]) for method in (Method.ER_GENERATOR, Method.ER_DISCRIMINATOR)),
            difference(one.gain),
            f"{100 * one.changed:.1f}",
        ]
        for one in variants
    ]
    head = ["setting", "ER-G", "ER-D", "ER-D minus published", "% of items changed"]
    return f"\n## {_title(summary)}: other constants, same scores\n\n{markdown.table(head, rows)}"


def draws_table(summary: RunSummary, found: Sequence[FewerDraws]) -> str:
    """One run with fewer of its draws; empty where nothing was drawn."""
    if not found:
        return ""
    methods = list(found[0].accuracies)
    head = ["draws", "answers", "covered", *(_SHORT[method] for method in methods)]
    rows = [
        [str(one.draws), f"{one.candidates:.1f}", percent(one.covered)]
        + [f"{100 * one.accuracies[method]:.1f}" for method in methods]
        + [difference(one.over_majority), difference(one.over_fewest)]
        for one in found
    ]
    table = markdown.table([*head, "ER-D minus MV", "ER-D minus itself with the fewest"], rows)
    return f"\n## {_title(summary)}: with fewer of the draws\n\n{table}"


def _overview_rows(summary: RunSummary) -> list[dict[str, str]]:
    rows = []
    for metric, found in summary.metrics.items():
        name = summary.task if metric == "accuracy" else f"{summary.task} ({metric})"
        about = {"task": name, "wording": summary.wording, "model": summary.model, "n": str(summary.items)}
        best = max(one.accuracy.value for one in found.methods.values())
        cells = {
            _SHORT[Method(method)]: f"**{text}**" if one.accuracy.value == best else text
            for method, one in found.methods.items()
            for text in [f"{100 * one.accuracy.value:.1f}"]
        }
        gain = difference(found.methods[Method.ER_DISCRIMINATOR].against[found.best_view])
        view = f"{gain} ({_SHORT[Method(found.best_view)]})"
        rows.append({**about, **cells, "ER-D minus the best view": view})
    return rows


def _section(summary: RunSummary) -> str:
    failed = f", {summary.failed} failed" if summary.failed else ""
    lines = [f"## {_title(summary)}", "", f"n = {summary.items}{failed}; generator scores: {summary.length}.", ""]
    for metric, found in summary.metrics.items():
        lines += [f"Metric: {metric}.", ""] if metric != "accuracy" else []
        lines += [_method_table(found), _facts(found), ""]
    return "\n".join(lines)


def _method_table(found: MetricSummary) -> str:
    others = list(next(iter(found.methods.values())).against)
    against = [f"minus {_SHORT[Method(other)]}" for other in others]
    head = [
        "method",
        "right",
        *against,
        f"p ({_SHORT[Method(others[0])]})",
        *markdown.QUALITY,
        "AURC",
    ]
    rows = []
    for name, one in found.methods.items():
        worth = one.confidence
        quality = [""] * 5 if worth is None else [*markdown.quality(worth), f"{worth.aurc:.3f}"]
        first = one.against[others[0]]
        p_value = "" if name == others[0] else f"{first.p_value:.2g}"
        rows.append(
            [
                f"{_SHORT[Method(name)]} ({name})",
                markdown.accuracy(one.accuracy),
                *("" if name == other else difference(one.against[other]) for other in others),
                p_value,
                *quality,
            ]
        )
    return markdown.table(head, rows)


def _facts(found: MetricSummary) -> str:
    views = found.views
    agreed = "nowhere"
    if views.wrong_where_agreed is not None:
        agreed = f"{markdown.accuracy(views.wrong_where_agreed)} of {views.wrong_where_agreed.of} items"
    return (
        f"Views: {views.candidates:.1f} candidates, chance {percent(views.chance)}, some candidate right "
        f"{percent(views.covered)}; the anchors disagree on {percent(views.disagreement)} (raw: "
        f"{percent(views.raw_disagreement)}); wrong where they agree: {agreed}; mass on the verdict words "
        f"{views.label_mass:.2f}, judge silent {percent(views.judge_silent)}, flat {percent(views.judge_flat)}, "
        f"contrast flat {percent(views.contrast_flat)}, mean P(correct) {views.verdict_correct:.2f}; draws without an "
        f"answer {percent(views.without_answer)}, cut {percent(views.cut)}.\n"
    )


def _title(summary: RunSummary) -> str:
    return f"{summary.task}, {summary.wording}, {summary.model}"
