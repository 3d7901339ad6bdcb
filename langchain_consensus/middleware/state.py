"""What the middleware keeps in the agent's state: JSON's own types, under the middleware's name, so that two fit in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from langchain.agents.middleware.types import AgentState, OmitFromInput, PrivateStateAttr

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ConsensusState", "by_name", "progress_of"]


def by_name(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """The entries of both, the new ones over the old; an entry of `None` is taken out."""
    return {name: entry for name, entry in ((old or {}) | (new or {})).items() if entry is not None}


class ConsensusState(AgentState[Any]):
    """The agent's state with the evidence of the last run, and what the present one needs."""

    consensus: NotRequired[Annotated[dict[str, Any], OmitFromInput, by_name]]
    """For each middleware what it decided last in this run, and why."""
    consensus_progress: NotRequired[Annotated[dict[str, Any], PrivateStateAttr, by_name]]
    """For each middleware what was asked in this run, and the answers that it has rejected so far."""


def progress_of(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What the middleware called `name` has kept for this run."""
    found = (state.get("consensus_progress") or {}).get(name)
    return dict(found) if found else {"question": "", "attempts": [], "handed_over": False}
