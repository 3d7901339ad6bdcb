"""`rank`: candidates that are there already go in, from the command line or a file, and their ranking comes out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking
from langchain_consensus.cli.shared import run_settings
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from langchain_consensus.cli.pipeline import RunSettings

_FILE = "Many questions, from a file"


@taking(run_settings)
def rank(
    question: Annotated[str | None, typer.Argument(help="A question, with --candidate.", show_default=False)] = None,
    *,
    candidate: Annotated[list[str] | None, typer.Option(help="An answer to rank; repeat it.")] = None,
    context: options.Context = None,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input", help="JSONL: question, choices; optionally id, context, answer_index.", rich_help_panel=_FILE
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="JSONL, continued if it was interrupted.", show_default="stdout", rich_help_panel=_FILE),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many.", rich_help_panel=_FILE)] = None,
    shuffle_seed: Annotated[
        int | None, typer.Option(help="Shuffle by Python's random.Random(SEED) before --limit.", rich_help_panel=_FILE)
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Items scored in one call.", rich_help_panel=_FILE)] = 8,
    run_settings: "RunSettings",
    ray: options.Ray = None,
    ray_actors: options.RayActors = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Ranks given answers: QUESTION with --candidate A --candidate B, or every item of --input FILE.

    A file's results are JSON lines, written as they are ready. The same command again continues an --output.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.passes import cluster_of

    if input_file is None:
        _refuse("needs --input FILE", output=output, limit=limit, shuffle_seed=shuffle_seed, ray=ray)
        code = _rank_one(question, candidate or [], context, run_settings, as_json=as_json)
    else:
        _refuse("has no meaning beside --input", question=question, candidate=candidate, context=context)
        from langchain_consensus.cli.rank_file import FileJob, rank_file

        job = FileJob(
            input=input_file,
            output=output,
            limit=limit,
            shuffle_seed=shuffle_seed,
            batch_size=batch_size,
            cluster=cluster_of(ray, ray_actors),
        )
        code = rank_file(job, run_settings)
    raise typer.Exit(code)


def _rank_one(
    question: str | None, texts: list[str], context: str | None, settings: "RunSettings", *, as_json: bool
) -> int:
    from langchain_consensus.candidates import given
    from langchain_consensus.cli.answers import show_answers
    from langchain_consensus.cli.pipeline import check_text
    from langchain_consensus.prompts import Question

    if question is None or not texts:
        msg = "Give a QUESTION with at least one --candidate, or --input FILE.jsonl."
        raise InvalidInputError(msg)
    asked = Question(
        text=check_text("question", question),
        context=None if context is None else check_text("context", context),
        choices=tuple(check_text("candidate", text) for text in texts),
    )
    consensus = settings.consensus()
    return show_answers([asked], consensus.rank, [given(asked, texts)], consensus, settings, as_json=as_json)


def _refuse(why: str, **options_given: object) -> None:
    for name, value in options_given.items():
        if value not in (None, []):
            shown = "QUESTION" if name == "question" else f"--{name.replace('_', '-')}"
            msg = f"{shown} {why}; see `langchain-consensus rank --help`."
            raise InvalidInputError(msg)
