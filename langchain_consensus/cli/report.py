"""`report`: stored scores of evaluations go in, comparison tables and plots come out; no model is needed."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_consensus.cli import options


def report(
    results: Annotated[list[Path], typer.Argument(help="Folders or .jsonl files that eval wrote.", show_default=False)],
    *,
    baseline: Annotated[str, typer.Option(help="The method that others are compared with.")] = "generator",
    length: Annotated[
        str | None,
        typer.Option(
            help="sum, mean or per_character: how generator scores are normalised.", show_default="as the wording says"
        ),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="Also lengths, lambdas and numbers of steps, on the same scores.")
    ] = False,
    draws: Annotated[
        bool, typer.Option("--draws", help="Also with fewer of the draws, where answers were drawn.")
    ] = False,
    judges: Annotated[
        bool,
        typer.Option(
            "--judges", help="Also the judges of two runs of one task in one game, where the candidates are the same."
        ),
    ] = False,
    learned: Annotated[
        bool,
        typer.Option(
            "--learned", help="Also informed anchors, each term off, and profiles, judged on items not learned on."
        ),
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the tables to a file.", metavar="FILE.md", show_default="stdout")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw plots into this folder.")] = None,
    verbose: options.Verbose = False,
) -> None:
    """Compares every method on stored scores: Markdown tables, and plots of accuracy, calibration and risk."""
    del verbose  # its callback has done the work
    from langchain_consensus.cli.report_job import ReportJob

    ReportJob(
        results=tuple(results),
        baseline=baseline,
        length=length,
        variants=variants,
        draws=draws,
        judges=judges,
        learned=learned,
        markdown=markdown,
        plots=plots,
    ).run()
