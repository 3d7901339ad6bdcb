"""`--judge`: what is written on the command line, as a `Judge`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.judges import Judge
from langchain_consensus.prompts import wording_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_consensus.engine.base import Engine

__all__ = ["judge_written"]


def judge_written(text: str, *, make: Callable[[str], Engine | None]) -> Judge:
    """The judge that `MODEL`, `MODEL:WORDING` or `:WORDING` names; its weight is `informed`.

    Args:
        text: As it was written. What follows the last colon is a wording where it names one.
        make: Makes the engine of a model; `None` is the one that generates.

    Raises:
        InvalidInputError: If it names neither a model nor a wording.
    """
    model, colon, wording = text.rpartition(":")
    if colon and "/" not in wording and "\\" not in wording:
        try:
            if wording != "auto":
                wording_named(wording)
        except InvalidInputError as error:
            msg = f"--judge is {text!r}; after the last colon comes a wording, and {error}"
            raise InvalidInputError(msg) from error
    else:
        model, wording = text, ""
    if not model.strip() and not wording:
        msg = f"--judge is {text!r}; it must be MODEL, MODEL:WORDING, or :WORDING for the same model."
        raise InvalidInputError(msg)
    return Judge(engine=make(model) if model.strip() else None, wording=wording or None)
