"""Reports: files of stored scores are found and summarised anew, tables are written, plots are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from langchain_consensus.cli.show import print_lines, say
from langchain_consensus.dependencies import require
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.across import compared_runs
from langchain_consensus.evaluation.classes import LENGTHS
from langchain_consensus.evaluation.fewer_draws import fewer_draws
from langchain_consensus.evaluation.judges import compared_judges
from langchain_consensus.evaluation.learned import learned
from langchain_consensus.evaluation.learned_tables import learned_tables
from langchain_consensus.evaluation.mean_over_tasks import means_over_tasks
from langchain_consensus.evaluation.methods import method_named
from langchain_consensus.evaluation.plots import draw_plots
from langchain_consensus.evaluation.stored import read_run
from langchain_consensus.evaluation.summary import summarised
from langchain_consensus.evaluation.tables import (
    across_table,
    comparison_tables,
    draws_table,
    judges_table,
    means_table,
    variant_table,
)
from langchain_consensus.evaluation.variants import compared_variants
from langchain_consensus.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.evaluation.classes import Length

__all__ = ["ReportJob"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportJob:
    """What the options say; see `report`."""

    results: tuple[Path, ...]
    baseline: str
    length: str | None
    variants: bool
    draws: bool
    judges: bool
    learned: bool
    markdown: Path | None
    plots: Path | None

    def __post_init__(self) -> None:
        method_named(self.baseline)
        if self.length is not None and self.length not in LENGTHS:
            msg = f"`length` is {self.length!r}; it must be one of {', '.join(LENGTHS)}."
            raise InvalidInputError(msg)
        if self.markdown is not None and not self.markdown.parent.is_dir():
            msg = f"{self.markdown}: cannot be written, there is no folder {self.markdown.parent}; make it first."
            raise InvalidInputError(msg)

    def run(self) -> None:
        """Summarises, writes and draws.

        Raises:
            InvalidInputError: If a file is missing or damaged.
            MissingDependencyError: If the extra `eval` is not installed.
        """
        require("eval", "scipy", "sklearn", *(["matplotlib"] if self.plots is not None else []))
        runs = [read_run(path) for path in _files(self.results)]
        length = cast("Length | None", self.length)
        summaries = [summarised(run, baseline=self.baseline, length=length) for run in runs]
        text = comparison_tables(summaries) + means_table(means_over_tasks(runs, length=length))
        text += across_table(compared_runs(runs, length=length))
        if self.variants:
            text += "".join(
                variant_table(one, compared_variants(run)) for one, run in zip(summaries, runs, strict=True)
            )
        if self.draws:
            text += "".join(
                draws_table(one, fewer_draws(run, length=length)) for one, run in zip(summaries, runs, strict=True)
            )
        if self.judges:
            text += judges_table(compared_judges(runs, length=length))
        if self.learned:
            text += learned_tables(learned(runs, length=length))
        if self.markdown is None:
            print_lines(text.rstrip("\n"))
        else:
            write_whole(self.markdown, text)
            say(f"tables of {len(runs)} runs in {self.markdown}")
        if self.plots is not None:
            self.plots.mkdir(parents=True, exist_ok=True)
            for path in draw_plots(summaries, self.plots):
                say(f"drawn: {path}")


def _files(results: tuple[Path, ...]) -> list[Path]:
    """The files of scores that `results` name, those of a folder in the order of their names."""
    found: list[Path] = []
    for path in results:
        inside = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]) if path.is_dir() else [path]
        if not inside:
            msg = f"{path}: holds no .jsonl file; give a folder or files that `eval` wrote."
            raise InvalidInputError(msg)
        found += inside
    return found
