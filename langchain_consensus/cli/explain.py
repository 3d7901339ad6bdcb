"""`explain`: a question goes in, and a page that explains its answer is written."""

from pathlib import Path
from typing import Annotated

import typer

from langchain_consensus.cli import options

_DRAWING = "Drawing candidates, where none is given"


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
    n: Annotated[int, typer.Option("--n", help="Draws.", rich_help_panel=_DRAWING)] = 8,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", rich_help_panel=_DRAWING)] = 32,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", rich_help_panel=_DRAWING)] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus; 1 keeps all tokens.", rich_help_panel=_DRAWING)] = 0.9,
    top_k: Annotated[int, typer.Option(help="0 keeps all tokens.", rich_help_panel=_DRAWING)] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same draws.", rich_help_panel=_DRAWING)] = 0,
    model: options.Model = options.DEFAULT_MODEL,
    wording: options.WordingName = "auto",
    rule: options.RuleName = "er_discriminator",
    solver: options.SolverName = "pikl",
    min_confidence: options.MinConfidence = None,
    anchors: options.Anchors = "paper",
    profile: options.ProfileFile = None,
    max_risk: options.MaxRisk = None,
    judge: options.Judges = None,
    rivals: options.Rivals = 0,
    dtype: options.Dtype = "auto",
    device_map: options.DeviceMap = None,
    token_budget: options.TokenBudget = 512,
    cache_dir: options.CacheDir = None,
    base_url: options.BaseUrl = None,
    tokenizer: options.Tokenizer = None,
    api_key: options.ApiKey = None,
    verbose: options.Verbose = False,
) -> None:
    """Answers a question and writes one page that explains the answer: both views, the game between them, the prompts.

    The page needs no network. Open it in a browser; it is one file that can be sent to anybody.
    """
    del verbose  # its callback has done the work
    from langchain_consensus.cli.engines import ServerSettings
    from langchain_consensus.cli.explain_job import ExplainJob, write_explanation
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.engine.base import SamplingSettings

    settings = RunSettings(
        model=model,
        wording=wording,
        rule=rule,
        solver=solver,
        dtype=dtype,
        device_map=device_map,
        token_budget=token_budget,
        cache_dir=cache_dir,
        min_confidence=min_confidence,
        anchors=anchors,
        profile=profile,
        max_risk=max_risk,
        judges=tuple(judge or ()),
        rivals=rivals,
        server=ServerSettings(base_urls=tuple(base_url or ()), tokenizer=tokenizer, api_key=api_key),
    )
    sampling = SamplingSettings(
        n=n, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed
    )
    job = ExplainJob(question=question, candidates=tuple(candidate or ()), context=context, output=output, force=force)
    raise typer.Exit(write_explanation(job, sampling, settings))
