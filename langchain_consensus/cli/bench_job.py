"""A benchmark run: options are checked, the model is loaded, workloads are measured one by one, files are written.

The journal gets every timing at once; the other files are written anew after each workload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.benchmarks.data import rows
from langchain_consensus.benchmarks.journal import Journal
from langchain_consensus.benchmarks.plot import write_plot
from langchain_consensus.benchmarks.race import Clock
from langchain_consensus.benchmarks.records import Report, WorkloadRecord
from langchain_consensus.benchmarks.report import COLUMNS, about, limit_line, method_rows, profile_line, write_text
from langchain_consensus.benchmarks.run import Run, run_sampling, run_scoring
from langchain_consensus.benchmarks.series import run_batches, run_candidates
from langchain_consensus.benchmarks.setting import environment, setting_of
from langchain_consensus.benchmarks.subject import load_subject
from langchain_consensus.benchmarks.workloads import DEFAULT_QUESTIONS, WORKLOADS
from langchain_consensus.cli import engines, logs
from langchain_consensus.cli.show import messages, print_lines, print_table, say
from langchain_consensus.dependencies import require
from langchain_consensus.engine.loading import LoadOptions, require_local
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.benchmarks.subject import Subject

__all__ = ["BenchJob"]

_SERIES = ("candidates", "batch")
_PEERS = {"padded": None, "lm-eval": "lm_eval", "generate": None, "none": None}
_FILES = {
    "arc": ("arc_easy/dev.jsonl",),
    "batch": ("arc_easy/dev.jsonl",),
    "mmlu5": ("mmlu/dev.jsonl", "mmlu/fewshot.jsonl"),
    "rag": ("scifact/dev.jsonl", "scifact/docs.jsonl"),
    "sample": ("scifact/dev.jsonl", "scifact/docs.jsonl"),
    "candidates": ("scifact/dev.jsonl", "scifact/docs.jsonl"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchJob:
    """What the options say; see `bench`."""

    data: Path
    workloads: tuple[str, ...]
    peers: tuple[str, ...]
    questions: int | None
    repeats: int
    model: str
    dtype: str
    device_map: str | None
    token_budget: int | None
    cache_dir: Path | None
    out: Path | None
    minutes: float | None
    profile: bool
    json_file: Path | None
    markdown_file: Path | None
    plot_file: Path | None

    def run(self) -> None:
        """Checks everything, loads the model, measures, shows and writes.

        Raises:
            InvalidInputError: If an option or a file of `data` breaks a rule.
            MissingDependencyError: If the extra `bench` is not installed.
        """
        self._check()
        with messages().status(f"loading {self.model} ..."):
            if not logs.is_verbose():
                engines.quieten()
            options = LoadOptions(dtype=self.dtype, device_map=self.device_map, cache_dir=self.cache_dir)
            subject = load_subject(self.model, options, token_budget=self.token_budget)
            subject.fresh_engine()
        report = Report(
            model=self.model,
            wording=subject.wording.name,
            repeats=self.repeats,
            environment=environment(subject.model),
        )
        setting = setting_of(
            subject.model, name=self.model, wording=subject.wording.name, token_budget=self.token_budget
        )
        clock = Clock(seconds=None if self.minutes is None else 60 * self.minutes)
        with Journal.opened(self.out, setting) as journal:
            run = Run(rounds=self.repeats, journal=journal, clock=clock, say=say, profile=self.profile)
            for name in self.workloads:
                record = self._measured(name, subject, run)
                if record is None:
                    report.pending.append(name)
                else:
                    report.workloads.append(record)
                self._write(report)
        _show(report)

    def _measured(self, name: str, subject: Subject, run: Run) -> WorkloadRecord | None:
        count = self.questions or DEFAULT_QUESTIONS.get(name, 0)
        if name == "candidates":
            return run_candidates(subject, self.data, count, run=run)
        if name == "batch":
            return run_batches(subject, self.data, run=run)
        workload = WORKLOADS[name](subject, self.data, count)
        runner = run_scoring if workload.requests else run_sampling
        return runner(subject, workload, peers=self.peers, run=run)

    def _check(self) -> None:
        for option, names, known in (
            ("workload", self.workloads, (*WORKLOADS, *_SERIES)),
            ("peer", self.peers, tuple(_PEERS)),
        ):
            for name in names:
                if name not in known:
                    msg = f"`{option}` is {name!r}; it must be one of {', '.join(known)}."
                    raise InvalidInputError(msg)
                if names.count(name) > 1 or ("none" in names and len(names) > 1):
                    msg = f"`{option}` is {', '.join(names)}; name each once, and `none` alone."
                    raise InvalidInputError(msg)
        for option, value in (("questions", self.questions), ("repeats", self.repeats)):
            if value is not None and value < 1:
                msg = f"`{option}` is {value}; it must be a whole number of at least 1."
                raise InvalidInputError(msg)
        if self.minutes is not None and not self.minutes > 0:
            msg = f"`minutes` is {self.minutes}; it must be more than 0."
            raise InvalidInputError(msg)
        for path in (self.out, self.json_file, self.markdown_file, self.plot_file):
            if path is not None and not path.parent.is_dir():
                msg = f"{path}: cannot be written, there is no folder {path.parent}; make it first."
                raise InvalidInputError(msg)
        if self.plot_file is not None and self.plot_file.suffix not in {".png", ".svg", ".pdf"}:
            msg = f"`plot` is {self.plot_file}; it must end in .png, .svg or .pdf."
            raise InvalidInputError(msg)
        self._check_installed()
        for file in dict.fromkeys(file for name in self.workloads for file in _FILES[name]):
            rows(self.data, file)

    def _check_installed(self) -> None:
        require_local()
        needed = ["psutil", *(module for name in self.peers if (module := _PEERS[name]) is not None)]
        if self.plot_file is not None:
            needed.append("matplotlib")
        require("bench", *needed)

    def _write(self, report: Report) -> None:
        if self.json_file is not None:
            write_text(self.json_file, report, as_json=True)
        if self.markdown_file is not None:
            write_text(self.markdown_file, report, as_json=False)
        if self.plot_file is not None:
            write_plot(self.plot_file, report)


def _show(report: Report) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(COLUMNS):
        table.add_column(name.replace(" ", "\n"), justify="left" if number < 2 else "right")
    for workload in report.workloads:
        for row in method_rows(workload):
            table.add_row(*row)
    print_table(table)
    told = (line for one in report.workloads for line in (limit_line(one), profile_line(one)) if line)
    print_lines("", *told)
    print_lines(*(f"! {note}" for one in report.workloads for note in one.notes), *about(report))
