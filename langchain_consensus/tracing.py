"""The pipeline's steps as LangChain runs: whoever traces a run sees sampling, scoring and solving as its children.

So LangSmith, its export to OpenTelemetry, `astream_events` and every callback handler show them, with durations and
token counts, without knowing this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManager
from langchain_core.callbacks.manager import ParentRunManager
from langchain_core.runnables.config import ensure_config, get_callback_manager_for_config

from langchain_consensus.engine.base import Usage
from langchain_consensus.result_parts import UsageResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.callbacks import BaseRunManager, CallbackManagerForChainRun

    from langchain_consensus.observation import Step

__all__ = ["StepRuns"]


class StepRuns:
    """An `Observer` that opens a child run for every step; one observer a call, as it remembers the open step.

    A batch has a run for every question: then each of them has the step as a child, with the whole step's seconds and
    its own question's candidates and tokens. LangChain tells a text model of the first run of a batch alone; then that
    run's children carry the counts of all questions, as `token_usage` does.
    """

    def __init__(self, runs: Sequence[BaseRunManager | None]) -> None:
        """Watches for these runs; for one that LangChain does not tell, for the run that encloses it, if there is one.

        (It does not when a chat model streams.)
        """
        managers = [_enclosing() if run is None else _below(run) for run in runs]
        self._managers = [manager for manager in managers if manager is not None]
        self._open: list[CallbackManagerForChainRun] = []

    def began(self, step: Step) -> None:
        """Opens a child run under every run."""
        inputs = {"questions": step.questions}
        self._open = [manager.on_chain_start(None, inputs, name=step.name) for manager in self._managers]

    def ended(self, step: Step, error: BaseException | None) -> None:
        """Closes them."""
        for place, run in enumerate(self._open):
            if error is not None:
                run.on_chain_error(error)
            else:
                run.on_chain_end(_outputs(step, None if len(self._open) != step.questions else place))
        self._open = []


def _below(run: BaseRunManager) -> CallbackManager:
    """The manager of a run's children; LangChain has a method for it, and gives it to chains and tools alone."""
    parent = ParentRunManager(
        run_id=run.run_id,
        handlers=run.handlers,
        inheritable_handlers=run.inheritable_handlers,
        parent_run_id=run.parent_run_id,
        tags=run.tags,
        inheritable_tags=run.inheritable_tags,
        metadata=run.metadata,
        inheritable_metadata=run.inheritable_metadata,
    )
    # `configure` adds the handlers that the context has, such as `collect_runs`.
    return CallbackManager.configure(parent.get_child())


def _enclosing() -> CallbackManager | None:
    """The manager of the children of the chain that runs, or `None` outside a chain."""
    manager = get_callback_manager_for_config(ensure_config())
    return manager if manager.parent_run_id is not None else None


def _outputs(step: Step, place: int | None) -> dict[str, Any]:
    """What a step's run shows: the counts of the question at `place`, or of all."""
    sizes = step.candidates if place is None else step.candidates[place : place + 1]
    usages = step.usages if place is None else step.usages[place : place + 1]
    usage = sum(usages, Usage())
    return {
        "seconds": step.seconds,
        "candidates": sum(sizes),
        **({"usage": UsageResult.of(usage).model_dump(mode="json")} if usages else {}),
    }
