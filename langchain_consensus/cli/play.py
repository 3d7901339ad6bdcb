"""`play`: a page on this machine on which one asks, watches the game and changes its weights."""

from typing import TYPE_CHECKING, Annotated

import typer

from langchain_consensus.cli import options
from langchain_consensus.cli.groups import taking
from langchain_consensus.cli.shared import model_settings, sampling_settings

if TYPE_CHECKING:
    from langchain_consensus.cli.engines import ModelSettings
    from langchain_consensus.engine.base import SamplingSettings


@taking(model_settings, sampling_settings)
def play(
    *,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8765,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page at once.")] = True,
    sampling_settings: "SamplingSettings",
    model_settings: "ModelSettings",
    wording: options.WordingName = "auto",
    verbose: options.Verbose = False,
) -> None:
    """Serves a page, to this machine alone, on which one asks and watches the game. Ctrl-C ends it."""
    del verbose  # its callback has done the work
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.cli.play_job import serve

    settings = RunSettings(
        model=model_settings, wording=wording, rule="er_discriminator", solver="log_time_flow", min_confidence=None
    )
    serve(settings.consensus(sampling_settings), settings, port=port, browser=browser)
