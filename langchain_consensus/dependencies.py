"""Optional dependencies: whether they are installed, and the one sentence for where they are not."""

from __future__ import annotations

import importlib.util

from langchain_consensus.errors import MissingDependencyError

__all__ = ["not_installed", "pip_command", "require"]


def require(extra: str, *modules: str, needed_for: str = "", otherwise: str = "") -> None:
    """Checks that modules of an extra can be imported; nothing is imported.

    Args:
        extra: The extra that brings them.
        *modules: Their names.
        needed_for: What needs them, as nouns in the plural; for callers whose command does not say it.
        otherwise: What else the user can do, as the end of the sentence.

    Raises:
        MissingDependencyError: If one cannot; the message holds the pip command.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise not_installed(extra, *missing, needed_for=needed_for, otherwise=otherwise)


def not_installed(extra: str, *names: str, needed_for: str = "", otherwise: str = "") -> MissingDependencyError:
    """The error that `require` raises, for callers that have found out otherwise."""
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    verb = "is" if len(names) == 1 else "are"
    checkout = f'in a checkout of the repository: pip install ".[{extra}]"'
    why = f", which {needed_for} need" if needed_for else ""
    end = f", {otherwise}" if otherwise else ""
    return MissingDependencyError(f"{listed} {verb} not installed{why}; run: {pip_command(extra)} ({checkout}){end}")


def pip_command(extra: str) -> str:
    """What installs an extra of this package."""
    return f'pip install "langchain-consensus[{extra}]"'
