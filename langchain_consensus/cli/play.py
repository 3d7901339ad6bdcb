"""`play`: a page on this machine on which one asks, watches the game and changes its weights."""

from typing import Annotated

import typer

from langchain_consensus.cli import options

_DRAWING = "Drawing candidates"


def play(
    *,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page at once.")] = True,
    n: Annotated[int, typer.Option("--n", help="Draws for each question.", rich_help_panel=_DRAWING)] = 8,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", rich_help_panel=_DRAWING)] = 32,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", rich_help_panel=_DRAWING)] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus; 1 keeps all tokens.", rich_help_panel=_DRAWING)] = 0.9,
    top_k: Annotated[int, typer.Option(help="0 keeps all tokens.", rich_help_panel=_DRAWING)] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same draws.", rich_help_panel=_DRAWING)] = 0,
    model: options.Model = options.DEFAULT_MODEL,
    wording: options.WordingName = "auto",
    dtype: options.Dtype = "auto",
    device_map: options.DeviceMap = None,
    token_budget: options.TokenBudget = 512,
    cache_dir: options.CacheDir = None,
    base_url: options.BaseUrl = None,
    tokenizer: options.Tokenizer = None,
    api_key: options.ApiKey = None,
    verbose: options.Verbose = False,
) -> None:
    """Serves a page, to this machine alone, on which one asks and watches the game. Ctrl-C ends it."""
    del verbose  # its callback has done the work
    from langchain_consensus.cli.engines import ServerSettings
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.cli.play_job import serve
    from langchain_consensus.engine.base import SamplingSettings

    settings = RunSettings(
        model=model,
        wording=wording,
        rule="er_discriminator",
        solver="log_time_flow",
        dtype=dtype,
        device_map=device_map,
        token_budget=token_budget,
        cache_dir=cache_dir,
        min_confidence=None,
        server=ServerSettings(base_urls=tuple(base_url or ()), tokenizer=tokenizer, api_key=api_key),
    )
    sampling = SamplingSettings(
        n=n, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed
    )
    serve(settings.consensus(sampling), settings, port=port, browser=browser)
