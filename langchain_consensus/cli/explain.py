"""`explain`: a question goes in, and a page that explains its answer is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking
from langchain_consensus.cli.shared import run_settings, sampling_settings

if TYPE_CHECKING:
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.engine.base import SamplingSettings


@taking(run_settings, sampling_settings)
def explain(
    question: Annotated[str, typer.Argument(help="A question, in quotes.", show_default=False)],
    *,
    candidate: Annotated[
        list[str] | None, typer.Option(help="An answer to rank instead of drawing; repeat it.")
    ] = None,
    context: options.Context = None,
    output: Annotated[Path, typer.Option(help="The page.", rich_help_panel="Output")] = Path("consensus.html"),
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite --output even if it is no such page.", rich_help_panel="Output")
    ] = False,
    sampling_settings: "SamplingSettings",
    run_settings: "RunSettings",
    verbose: options.Verbose = False,
) -> None:
    """Answers a question and writes one page that explains the answer: both views, the game between them, the prompts.

    The page needs no network. Open it in a browser; it is one file that can be sent to anybody.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.explain_job import ExplainJob, write_explanation

    job = ExplainJob(question=question, candidates=tuple(candidate or ()), context=context, output=output, force=force)
    raise typer.Exit(write_explanation(job, sampling_settings, run_settings))
