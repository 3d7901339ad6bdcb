"""Whether what a command needs is installed; said before anything is loaded or written."""

from __future__ import annotations

import importlib.util

from langchain_consensus.errors import MissingDependencyError

__all__ = ["require"]


def require(extra: str, *modules: str) -> None:
    """Checks that the modules of an extra can be imported.

    Raises:
        MissingDependencyError: If one cannot; the message holds the pip command.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        msg = f'{" and ".join(missing)} is not installed; run: pip install "langchain-consensus[{extra}]"'
        raise MissingDependencyError(msg)
