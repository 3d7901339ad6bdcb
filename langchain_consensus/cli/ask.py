"""`ask`: questions go in, candidates are drawn and ranked, and the evidence is shown."""

from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking
from langchain_consensus.cli.shared import run_settings, sampling_settings

if TYPE_CHECKING:
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.engine.base import SamplingSettings


@taking(run_settings, sampling_settings)
def ask(
    question: Annotated[list[str], typer.Argument(help="One or more questions, each in quotes.", show_default=False)],
    *,
    sampling_settings: "SamplingSettings",
    context: options.Context = None,
    run_settings: "RunSettings",
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Draws answers to a question and ranks them."""
    del verbose  # its callback has done the work
    from langchain_consensus.cli.answers import show_answers
    from langchain_consensus.cli.pipeline import check_text
    from langchain_consensus.prompts import Question

    passage = None if context is None else check_text("context", context)
    questions = [Question(text=check_text("question", text), context=passage) for text in question]
    consensus = run_settings.consensus(sampling_settings)
    raise typer.Exit(show_answers(questions, consensus.ask, questions, consensus, run_settings, as_json=as_json))
