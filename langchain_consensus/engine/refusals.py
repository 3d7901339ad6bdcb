"""Why an engine does not take a call: the two errors, worded once."""

from __future__ import annotations

from langchain_consensus.errors import EngineBusyError, EngineClosedError

__all__ = ["busy", "closed"]


def busy(waiting: int) -> EngineBusyError:
    """The error for one call more than may wait."""
    return EngineBusyError(
        f"{waiting} calls wait for the engine, as many as `max_waiting` allows; ask again later, send fewer at once, "
        "put questions into one `batch`, or raise `max_waiting`."
    )


def closed() -> EngineClosedError:
    """The error for a call of an engine that was closed."""
    return EngineClosedError("The engine was closed; make a new one to go on.")
