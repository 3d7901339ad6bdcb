"""A report in; rows of a table, Markdown and JSON out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from langchain_consensus.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from langchain_consensus.benchmarks.records import Report, WorkloadRecord

__all__ = ["COLUMNS", "FAIRNESS", "about", "limit_line", "markdown", "method_rows", "profile_line", "write_text"]

COLUMNS = (
    "workload",
    "method",
    "batch",
    "median s",
    "min-max s",
    "ratio",
    "tokens",
    "head rows",
    "forwards",
    "peak MB",
    "largest difference",
)

FAIRNESS = """\
One loaded model; methods take turns (A B C A B C ...), and medians and ratios are over complete rounds alone. \
Ratio: the method's median time over ours. A run may go on in another session on the same machine, with the same \
versions, code and settings.
All methods score the same distinct token strings. Ours starts from texts, and its time includes rendering and \
tokenising; the peers are handed token ids.
Ours starts every repetition with a fresh engine: nothing is kept from an earlier call.
`padded`: plain transformers, sorted by length, right padding, no mask and no cache (causal attention needs neither), \
full logits; log-softmax only where a score needs it. `lm-eval`: `HFLM` as it is, with its own sorting and its sharing \
of one-token continuations (both verdict words cost it one string).
`generate`: `num_return_sequences`, top-p, top-k and temperature as ours; no side has an end token, so every side \
draws all of its tokens.
Batch sizes of peers: the fastest of 1, 4, 16, 32 on a block from the middle of the lengths; sizes whose batches do \
not fit the free memory are left out.
Tokens, head rows and forwards are counted by hooks on the decoder and the projection, padding included. Peak: \
anonymous memory above what was in use before the call, weights included in the latter, sampled every 20 ms (CUDA: the \
allocator's figure).
"""
"""What a reader must know to judge the numbers; printed below every Markdown table."""


def method_rows(workload: WorkloadRecord) -> list[tuple[str, ...]]:
    """The cells of each method, as `COLUMNS` names them."""
    rows: list[tuple[str, ...]] = []
    for number, one in enumerate(workload.methods):
        ratio = workload.ratios.get(one.name)
        rows.append(
            (
                f"{workload.name} ({workload.questions})" if number == 0 else "",
                one.name,
                "-" if one.batch_size is None else str(one.batch_size),
                f"{one.median:.3g}",
                f"{min(one.seconds):.3g}-{max(one.seconds):.3g}",
                "-" if ratio is None else f"{ratio:.1f}x",
                f"{one.tokens:,}",
                f"{one.head_rows:,}",
                f"{one.forwards:,}",
                f"{max(one.peak_bytes) / 1e6:,.0f}",
                "-" if one.difference is None else f"{one.difference:.1e}",
            )
        )
    return rows


def limit_line(workload: WorkloadRecord) -> str:
    """What the machine allows for the workload, in one sentence; empty for a series."""
    limit, ours = workload.limit, workload.methods[0]
    if limit is None:
        return ""
    return (
        f"{workload.name}: {limit.flops / 1e9:,.0f} GFLOP at {limit.matmul_flops / 1e9:,.0f} GFLOP/s take "
        f"{limit.arithmetic_seconds:.3g} s, {limit.fraction:.0%} of our {ours.median:.3g} s; reading the weights as "
        f"often as steps must follow each other, at {limit.read_bytes / 1e9:.1f} GB/s, takes "
        f"{limit.reading_seconds:.3g} s, {limit.reading_fraction:.0%}."
    )


def profile_line(workload: WorkloadRecord) -> str:
    """Where the engine's time goes, in one sentence; empty where that was not asked for."""
    if not workload.profile:
        return ""
    told = ", ".join(f"{one.kind} {one.share:.0%} ({one.calls:,} calls)" for one in workload.profile)
    return f"{workload.name}: time inside PyTorch's operators, under its profiler: {told}."


def about(report: Report) -> list[str]:
    """What ran where, a line each."""
    told = report.environment
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items() if number)
    return [
        (
            f"{report.model}, wording {report.wording}, {told['dtype']} on {told['device']}, "
            f"attention {told['attention']}; medians of {_rounds(report)}"
        ),
        (
            f"{told['processor']}, {told['processors']} processors, {told['threads']} threads, "
            f"{told['memory_bytes'] / 1e9:.0f} GB, {told['platform']}"
        ),
        f"Python {told['python']}, {versions}",
        *_loads(report),
        *(f"{name}: no complete round yet" for name in report.pending),
    ]


def markdown(report: Report) -> str:
    """The report as a section of a page."""
    parts = [f"### {report.model}", "", *(f"{line}  " for line in about(report))]
    parts += [f"`{report.environment['command']}`", ""]
    parts += [_line(COLUMNS), _line(["---", "---", *["---:"] * (len(COLUMNS) - 2)])]
    for workload in report.workloads:
        parts += [_line(row) for row in method_rows(workload)]
    parts += ["", "| workload | facts |", "|---|---|"]
    for workload in report.workloads:
        facts = {
            "distinct strings": workload.strings,
            "tokens of all strings": workload.string_tokens,
            "distinct tokens (the forest)": workload.forest_tokens,
            "rows needed": workload.forest_head_rows,
            **workload.facts,
        }
        told = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
        parts.append(_line([workload.name, "; ".join([told, *workload.notes])]))
    lines = [line for one in report.workloads for line in (limit_line(one), profile_line(one)) if line]
    parts += ["", *(f"- {line}" for line in lines), ""] if lines else [""]
    parts += ["How it was measured:", "", *(f"- {line}" for line in FAIRNESS.splitlines()), ""]
    return "\n".join(parts)


def write_text(path: Path, report: Report, *, as_json: bool) -> None:
    """Writes the report, whole or not at all."""
    text = json.dumps(report.plain(), indent=1) + "\n" if as_json else markdown(report)
    write_whole(path, text)


def _rounds(report: Report) -> str:
    """The numbers of complete rounds, such as `5 complete rounds`."""
    found = sorted({one.rounds for one in report.workloads}) or [0]
    told = str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
    return f"{told} complete round{'' if found == [1] else 's'}"


def _loads(report: Report) -> list[str]:
    """How busy the machine was with other things, if it says."""
    loads = [one for workload in report.workloads for one in workload.load]
    if not loads:
        return []
    return [f"load average of the machine before a turn, this run's own included: {min(loads):.1f} to {max(loads):.1f}"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
