"""How the program ends: an exception goes in, one line on stderr and an exit code come out.

| code | when |
|---|---|
| 0 | done |
| 1 | an item failed, the model or the disk failed, or there is a bug |
| 2 | bad input: an argument, a file, a model that cannot be loaded, an extra that is not installed |
| 3 | the answer to a question on the command line is below `--min-confidence` |
| 130 | interrupted |
"""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from langchain_consensus.cli import logs
from langchain_consensus.cli.show import say
from langchain_consensus.errors import ConsensusError, InvalidInputError, MissingDependencyError, ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ABSTAINED", "BAD_INPUT", "FAILED", "INTERRUPTED", "OneLineErrors"]

FAILED, BAD_INPUT, ABSTAINED, INTERRUPTED = 1, 2, 3, 130

_logger = logging.getLogger(__name__)
# The class is click's in older versions of typer and typer's own in newer ones; it has no common public name.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class OneLineErrors(TyperGroup):
    """A group of commands in which every error is one line, with the traceback only under `--verbose`."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """As typer's, except for how errors are shown; it always exits."""
        extra["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a terminal without an answer's letters is no failure
        try:
            sys.exit(super().main(args, prog_name, *rest, **extra))
        except Exception as error:
            _logger.debug("traceback", exc_info=error)
            sys.exit(_explained(error))
        finally:
            logs.reset()


def _explained(error: Exception) -> int:
    """The exit code for `error`, which is told to the user."""
    if isinstance(error, typer.Abort):
        return INTERRUPTED
    if isinstance(error, _UsageError):
        say(f"error: {_usage(error)}")
        return BAD_INPUT
    if isinstance(error, ConsensusError):
        say(f"error: {error}")
        bad_input = isinstance(error, InvalidInputError | MissingDependencyError | ModelLoadError)
        return BAD_INPUT if bad_input else FAILED
    if isinstance(error, OSError):
        say(f"error: {error}")
        return FAILED
    say(f"error: unexpected {type(error).__name__}: {error}; please report it with what --verbose shows.")
    return FAILED


def _usage(error: Any) -> str:
    command = error.ctx.command_path if error.ctx is not None else "langchain-consensus"
    return f"{error.format_message().rstrip('.')}; see `{command} --help`."
