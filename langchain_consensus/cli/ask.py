"""`ask`: questions go in, candidates are drawn and ranked, and the evidence is shown."""

from typing import Annotated

import typer

from langchain_consensus.cli import options

_DRAWING = "Drawing candidates"


def ask(
    question: Annotated[list[str], typer.Argument(help="One or more questions, each in quotes.", show_default=False)],
    *,
    n: Annotated[int, typer.Option("--n", help="Draws for each question.", rich_help_panel=_DRAWING)] = 8,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", rich_help_panel=_DRAWING)] = 32,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", rich_help_panel=_DRAWING)] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus; 1 keeps all tokens.", rich_help_panel=_DRAWING)] = 0.9,
    top_k: Annotated[int, typer.Option(help="0 keeps all tokens.", rich_help_panel=_DRAWING)] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same draws.", rich_help_panel=_DRAWING)] = 0,
    context: options.Context = None,
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
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Draws answers to a question and ranks them."""
    del verbose  # its callback has done the work
    from langchain_consensus.cli.answers import show_answers
    from langchain_consensus.cli.engines import ServerSettings
    from langchain_consensus.cli.pipeline import RunSettings, check_text
    from langchain_consensus.engine.base import SamplingSettings
    from langchain_consensus.prompts import Question

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
    passage = None if context is None else check_text("context", context)
    questions = [Question(text=check_text("question", text), context=passage) for text in question]
    consensus = settings.consensus(sampling)
    raise typer.Exit(show_answers(questions, consensus.ask, questions, consensus, settings, as_json=as_json))
