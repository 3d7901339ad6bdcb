"""The play page from its start to Ctrl-C: a pipeline goes in, a page is served."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

from langchain_consensus.cli import engines
from langchain_consensus.cli.show import print_lines, say
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.report.play_server import PlayServer
from langchain_consensus.report.play_session import PlaySession

if TYPE_CHECKING:
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.consensus import Consensus

__all__ = ["serve"]


def serve(consensus: Consensus, settings: RunSettings, *, port: int, browser: bool) -> None:
    """Loads the model and serves the page until the user interrupts.

    Raises:
        InvalidInputError: If the port is taken; before the model is loaded.
    """
    try:
        server = PlayServer(PlaySession(consensus), port=port, model=consensus.engine.name, draws=consensus.sampling.n)
    except OSError as error:
        msg = f"`port` is {port}, on which nothing can be served ({error.strerror}); give another --port, or 0."
        raise InvalidInputError(msg) from None
    with server:
        engines.load(consensus, cache_dir=settings.model.cache_dir)
        print_lines(f"Open {server.address}", "Ctrl-C ends it.")
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            say("stopped")
