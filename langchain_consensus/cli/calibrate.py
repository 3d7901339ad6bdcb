"""`calibrate`: labelled questions go in, a profile comes out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking
from langchain_consensus.cli.shared import model_settings

if TYPE_CHECKING:
    from langchain_consensus.cli.engines import ModelSettings

_WHAT = "The labelled questions"


@taking(model_settings)
def calibrate(
    *,
    task: Annotated[
        list[str],
        typer.Option(help="A built-in task or a TOML file of your own; repeat it.", rich_help_panel=_WHAT),
    ],
    out: Annotated[Path, typer.Option(help="The profile.", metavar="FILE.json")],
    scores: Annotated[
        Path | None,
        typer.Option(
            help="A folder that eval wrote, or is to be written; where all scores are there, no model is needed.",
            show_default="beside --out",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with TASK/dev.jsonl.", show_default="the Hugging Face hub", rich_help_panel=_WHAT),
    ] = None,
    wording: Annotated[
        str | None,
        typer.Option(help="How the views are asked.", show_default="the task's own", rich_help_panel=_WHAT),
    ] = None,
    limit: Annotated[int, typer.Option(help="Labelled questions of each task.", rich_help_panel=_WHAT)] = 200,
    shuffle_seed: Annotated[
        int, typer.Option(help="Which questions, and which of them are kept apart.", rich_help_panel=_WHAT)
    ] = 0,
    kept: Annotated[
        float,
        typer.Option(
            help="Share of the questions that nothing is fitted on: --max-risk is proved with them.",
            rich_help_panel=_WHAT,
        ),
    ] = 0.5,
    batch_size: Annotated[int, typer.Option(help="Questions scored in one call.")] = 8,
    model_settings: "ModelSettings",
    verbose: options.Verbose = False,
) -> None:
    """Fits a profile to 50 to 200 labelled questions: what each view counts, and what a confidence is worth.

    Use it as `rank --profile FILE.json`, or as `calibration="FILE.json"` of a model in Python.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.calibrate_job import CalibrateJob
    from langchain_consensus.cli.eval_model import EvalModel

    CalibrateJob(
        tasks=tuple(task),
        out=out,
        scores=scores or out.with_suffix(".scores"),
        data=data,
        wording=wording,
        limit=limit,
        seed=shuffle_seed,
        kept=kept,
        batch_size=batch_size,
        model=EvalModel(settings=model_settings),
    ).run()
