"""`bench`: the engine beside its peers on public sets; a table is shown, and JSON, Markdown and a plot are written."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_consensus.cli import options

_WHAT, _OUT = "What is measured", "Output"


def bench(
    *,
    data: Annotated[
        Path,
        typer.Option(
            help="The folder of the sets: arc_easy/dev.jsonl, mmlu/dev.jsonl, mmlu/fewshot.jsonl, scifact/dev.jsonl, "
            "scifact/docs.jsonl.",
            rich_help_panel=_WHAT,
        ),
    ],
    workload: Annotated[
        list[str] | None,
        typer.Option(
            help="arc, mmlu5, rag, sample; candidates and batch show how the engine's cost grows. Repeat it.",
            show_default="the first four",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="padded, lm-eval, generate, or none. Repeat it.", show_default="all three", rich_help_panel=_WHAT
        ),
    ] = None,
    questions: Annotated[
        int | None,
        typer.Option(
            help="Questions, contexts or prompts.",
            show_default="arc 40, mmlu5 20, rag 4, sample 4, candidates 1; batch is always 10 and 200",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Rounds; medians are reported.", rich_help_panel=_WHAT)] = 5,
    model: options.Model = options.DEFAULT_MODEL,
    dtype: options.Dtype = "auto",
    device_map: options.DeviceMap = None,
    token_budget: Annotated[
        int | None,
        typer.Option(help="Tokens of one forward.", show_default="the engine's own", rich_help_panel="The model"),
    ] = None,
    cache_dir: options.CacheDir = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Every timing, as soon as it is made; with the same file a later run goes on.",
            metavar="FILE.jsonl",
            rich_help_panel=_OUT,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Start nothing that would not end in this time; go on later, with --out.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Also say which operators the engine's time goes to.", rich_help_panel=_WHAT),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Everything, as JSON.", metavar="FILE", rich_help_panel=_OUT)
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="The table, for a page.", metavar="FILE", rich_help_panel=_OUT)
    ] = None,
    plot_file: Annotated[
        Path | None,
        typer.Option("--plot", help="Ratios, and time against candidates.", metavar="FILE.png", rich_help_panel=_OUT),
    ] = None,
    verbose: options.Verbose = False,
) -> None:
    """Measures the engine against padded batches, lm-evaluation-harness and generate, in one process, taking turns.

    The peers come with the extra "bench" of this package.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.bench_job import BenchJob

    BenchJob(
        data=data,
        workloads=tuple(workload or ("arc", "mmlu5", "rag", "sample")),
        peers=tuple(peer or ("padded", "lm-eval", "generate")),
        questions=questions,
        repeats=repeats,
        model=model,
        dtype=dtype,
        device_map=device_map,
        token_budget=token_budget,
        cache_dir=cache_dir,
        out=out,
        minutes=minutes,
        profile=profile,
        json_file=json_file,
        markdown_file=markdown_file,
        plot_file=plot_file,
    ).run()
