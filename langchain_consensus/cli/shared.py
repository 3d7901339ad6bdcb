"""The groups of options that commands share, and what each makes: the model, the draws, the whole pipeline."""

from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking

if TYPE_CHECKING:
    from langchain_consensus.cli.engines import ModelSettings
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.engine.base import SamplingSettings

__all__ = ["model_settings", "run_settings", "sampling_settings"]

_DRAWING = "Drawing candidates"


def model_settings(
    *,
    model: options.Model = options.DEFAULT_MODEL,
    dtype: options.Dtype = "auto",
    device_map: options.DeviceMap = None,
    token_budget: options.TokenBudget = 512,
    cache_dir: options.CacheDir = None,
    base_url: options.BaseUrl = None,
    tokenizer: options.Tokenizer = None,
    api_key: options.ApiKey = None,
) -> "ModelSettings":
    """The model, in this process or on a server."""
    from langchain_consensus.cli.engines import ModelSettings, ServerSettings

    return ModelSettings(
        name=model,
        dtype=dtype,
        device_map=device_map,
        token_budget=token_budget,
        cache_dir=cache_dir,
        server=ServerSettings(base_urls=tuple(base_url or ()), tokenizer=tokenizer, api_key=api_key),
    )


def sampling_settings(
    *,
    n: Annotated[int, typer.Option("--n", help="Draws for each question.", rich_help_panel=_DRAWING)] = 8,
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.", rich_help_panel=_DRAWING)] = 32,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", rich_help_panel=_DRAWING)] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus; 1 keeps all tokens.", rich_help_panel=_DRAWING)] = 0.9,
    top_k: Annotated[int, typer.Option(help="0 keeps all tokens.", rich_help_panel=_DRAWING)] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same draws.", rich_help_panel=_DRAWING)] = 0,
) -> "SamplingSettings":
    """How candidates are drawn."""
    from langchain_consensus.engine.base import SamplingSettings

    return SamplingSettings(
        n=n, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed
    )


@taking(model_settings)
def run_settings(
    *,
    model_settings: "ModelSettings",
    wording: options.WordingName = "auto",
    rule: options.RuleName = "er_discriminator",
    solver: options.SolverName = "pikl",
    min_confidence: options.MinConfidence = None,
    anchors: options.Anchors = "paper",
    profile: options.ProfileFile = None,
    max_risk: options.MaxRisk = None,
    judge: options.Judges = None,
    rivals: options.Rivals = 0,
) -> "RunSettings":
    """The model, its views, the game over them, and when an answer is withheld."""
    from langchain_consensus.cli.pipeline import RunSettings

    return RunSettings(
        model=model_settings,
        wording=wording,
        rule=rule,
        solver=solver,
        min_confidence=min_confidence,
        anchors=anchors,
        profile=profile,
        max_risk=max_risk,
        judges=tuple(judge or ()),
        rivals=rivals,
    )
