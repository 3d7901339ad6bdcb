"""`eval`: a model's scores on benchmarks are stored, and every method is compared on them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking
from langchain_consensus.cli.shared import model_settings

if TYPE_CHECKING:
    from langchain_consensus.cli.engines import ModelSettings

_WHAT, _DRAWING = "What is evaluated", "Open questions"


@taking(model_settings)
def evaluate(
    *,
    task: Annotated[
        list[str],
        typer.Option(help="A built-in task or a TOML file of your own; repeat it.", rich_help_panel=_WHAT),
    ],
    output: Annotated[Path, typer.Option(help="A folder; a run that was interrupted is continued.")],
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with TASK/dev.jsonl.", show_default="the Hugging Face hub", rich_help_panel=_WHAT),
    ] = None,
    wording: Annotated[
        list[str] | None,
        typer.Option(
            help="How the views are asked; repeat it to compare.",
            show_default="the task's own",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many items.", rich_help_panel=_WHAT)] = None,
    shuffle_seed: Annotated[
        int | None, typer.Option(help="Shuffle by Python's random.Random(SEED) before --limit.", rich_help_panel=_WHAT)
    ] = None,
    shots: Annotated[
        int | None,
        typer.Option(help="Few-shot examples.", show_default="the task's own", rich_help_panel=_WHAT),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", help="Draws a question.", show_default="the task's own", rich_help_panel=_DRAWING),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(help="Longest answer, in tokens.", show_default="the task's own", rich_help_panel=_DRAWING),
    ] = None,
    temperature: Annotated[float, typer.Option(help="Of the draws.", rich_help_panel=_DRAWING)] = 1.0,
    seed: Annotated[int, typer.Option(help="Same seed, same draws.", rich_help_panel=_DRAWING)] = 0,
    baseline: Annotated[str, typer.Option(help="The method that others are compared with.")] = "generator",
    batch_size: Annotated[int, typer.Option(help="Items scored in one call.")] = 8,
    model_settings: "ModelSettings",
    engine: Annotated[
        str | None,
        typer.Option(
            help="local or server.", show_default="server with --base-url, else local", rich_help_panel="The model"
        ),
    ] = None,
    ray: options.Ray = None,
    ray_actors: options.RayActors = None,
    verbose: options.Verbose = False,
) -> None:
    """Evaluates every method on benchmarks: one scoring pass a task, then statistics from the stored scores.

    In --output each task and wording gets TASK.WORDING.jsonl (scores) and TASK.WORDING.summary.json. The same command
    again continues what was interrupted; where all scores are there, no model is loaded. See `report` for tables.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.eval_job import EvalJob, Overrides
    from langchain_consensus.cli.eval_model import EvalModel
    from langchain_consensus.cli.passes import cluster_of

    job = EvalJob(
        tasks=tuple(task),
        wordings=tuple(wording or ()),
        data=data,
        output=output,
        limit=limit,
        shuffle_seed=shuffle_seed,
        batch_size=batch_size,
        baseline=baseline,
        cluster=cluster_of(ray, ray_actors),
        overrides=Overrides(shots=shots, draws=n, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed),
        model=EvalModel(settings=model_settings, engine=engine),
    )
    raise typer.Exit(job.run())
