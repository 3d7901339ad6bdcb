"""The bar that long commands show on a terminal: how far, how long, how much longer."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from langchain_consensus.cli.show import messages

__all__ = ["progress_bar"]


def progress_bar(*, to_terminal: bool = False) -> Progress:
    """A bar on stderr; nothing where stderr is no terminal, or where results go to the terminal themselves."""
    console = messages()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,  # rich would send what is meant for stdout to stderr
        redirect_stderr=False,
        disable=not console.is_terminal or to_terminal,
    )
