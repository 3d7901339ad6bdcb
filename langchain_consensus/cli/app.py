"""The program: its commands, and the options that stand before them."""

from typing import Annotated

import typer

from langchain_consensus import __version__
from langchain_consensus.cli import options
from langchain_consensus.cli.ask import ask
from langchain_consensus.cli.bench import bench
from langchain_consensus.cli.calibrate import calibrate
from langchain_consensus.cli.eval import evaluate
from langchain_consensus.cli.exits import OneLineErrors
from langchain_consensus.cli.explain import explain
from langchain_consensus.cli.models import models
from langchain_consensus.cli.play import play
from langchain_consensus.cli.probe import probe
from langchain_consensus.cli.rank import rank
from langchain_consensus.cli.report import report

__all__ = ["app", "main"]

_EXITS = (
    "Exit codes: 0 done; 1 an item or the model failed; 2 bad input; 3 an answer is below --min-confidence; "
    "130 interrupted."
)

app = typer.Typer(cls=OneLineErrors, epilog=_EXITS, pretty_exceptions_enable=False, add_completion=False)
app.command()(ask)
app.command()(rank)
app.command()(explain)
app.command()(play)
app.command()(models)
app.command()(bench)
app.command()(probe)
app.command("eval")(evaluate)
app.command()(report)
app.command()(calibrate)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"langchain-consensus {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
    verbose: options.Verbose = False,
) -> None:
    """One model, two views, one answer: Equilibrium-Ranking (the Consensus Game) from the command line."""


def main() -> None:
    """Runs the program on the arguments of the process, and exits."""
    app(prog_name="langchain-consensus")
