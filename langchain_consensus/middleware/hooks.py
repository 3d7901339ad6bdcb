"""`ConsensusMiddleware`: the hooks that an agent calls, each a few lines over the modules beside this one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from langchain.agents.middleware.types import AgentMiddleware, TracePolicy, hook_config, omit_payload
from langchain.agents.structured_output import StructuredOutputError
from langgraph.errors import GraphBubbleUp

from langchain_consensus.engine.worker import in_worker
from langchain_consensus.errors import ConsensusError
from langchain_consensus.middleware import select, tool_gate, verify
from langchain_consensus.middleware.conversation import answer_question, asked, call_text, final_answer
from langchain_consensus.middleware.options import OptionFields, options_of
from langchain_consensus.middleware.state import ConsensusState, progress_of
from langchain_consensus.results import ConsensusResult
from langchain_consensus.tracing import StepRuns
from langchain_consensus.verification import Verification, Verifier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from langchain.agents.middleware.types import (
        ExtendedModelResponse,
        ModelRequest,
        ModelResponse,
        ToolCallRequest,
    )
    from langchain_core.messages import ToolMessage
    from langgraph.runtime import Runtime
    from langgraph.types import Command

    from langchain_consensus.engine import Engine
    from langchain_consensus.prompts import Question

    _ModelReply = ModelResponse[Any] | ExtendedModelResponse[Any]
    _ToolReply = ToolMessage | Command[Any]

__all__ = ["ConsensusMiddleware"]

_LOG = logging.getLogger(__name__)


class ConsensusMiddleware(AgentMiddleware[ConsensusState, Any, Any]):
    """Verifies an agent's final answers, or selects them, with a judge that need not be the agent's own model.

    Mode `verify` lets the judge look at every final answer. One with at least `min_confidence` is accepted. One below
    goes back to the model with the reason, at most `max_retries` times; then `fallback_model`, if there is one, may
    answer once; then `on_failure` decides. A judge that fails, or puts hardly any probability on its verdict words, has
    accepted nothing: `on_failure` decides at once.

    Mode `select` draws `num_candidates` replies, lets the judge's two views of them play the consensus game, and keeps
    the equilibrium choice; discarded replies reach no stream. Replies with tool calls pass through as they are, after
    one draw, unless `rank_tool_calls` is set.

    In every mode, and in mode `tools` alone, `verify_tools` lets the judge look at a tool call before it runs.

    Example:
        ```python
        agent = create_agent(model, tools, middleware=[ConsensusMiddleware(judge=TransformersEngine(model_id))])
        ```

    The agent's state has the evidence under `consensus`, by the middleware's `name`; the last message, and the result
    of a checked tool call, carry it in `response_metadata["consensus"]`.
    """

    state_schema = ConsensusState
    tools = ()
    trace_policy = TracePolicy(process_inputs=omit_payload)

    def __init__(self, judge: Engine, **options: Unpack[OptionFields]) -> None:
        """Makes a middleware.

        Args:
            judge: The model that judges.
            **options: The fields of `Options`, which says what each means; one of another mode than the chosen is
                refused.

        Raises:
            InvalidInputError: If an option breaks its rule.
        """
        super().__init__()
        self._options = options_of(judge, options)
        self._missed: set[str] = set()

    @property
    def name(self) -> str:
        """The name that was given."""
        return self._options.name

    # --- the run begins ---

    def before_agent(self, state: ConsensusState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Forgets the last run, and notes what is asked in this one."""
        del runtime
        progress = {"question": asked(state["messages"]), "attempts": [], "handed_over": False}
        return {"consensus": {self.name: None}, "consensus_progress": {self.name: progress}}

    async def abefore_agent(self, state: ConsensusState, runtime: Runtime[Any]) -> dict[str, Any]:
        """As `before_agent`."""
        return self.before_agent(state, runtime)

    # --- verify ---

    @hook_config(can_jump_to=["model", "end"])
    def after_model(self, state: ConsensusState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Judges a final answer, in mode `verify`."""
        del runtime
        answer = final_answer(state) if self._options.mode == "verify" else None
        if answer is None:
            return None
        progress = progress_of(state, self.name)
        hidden = [*answer.ids, *(one for old in progress["attempts"] for one in old["ids"])]
        found = _asked(
            self._options.verifier_of_answers,
            lambda: answer_question(state["messages"], progress["question"], without=hidden),
            answer.text,
        )
        return verify.update_of(self._options, state, answer, found)

    @hook_config(can_jump_to=["model", "end"])
    async def aafter_model(self, state: ConsensusState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """As `after_model`, in a worker thread."""
        return await in_worker(self._options.judge, self.after_model, state, runtime)

    # --- select; and the fallback model of verify ---

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> _ModelReply:
        """Draws replies and selects one, in mode `select`."""
        self._look_at_tools(request)
        if self._options.mode != "select":
            return handler(self._handed_over(request))
        response = handler(select.request_of(self._options, request, 0))
        draws = select.draws_of(response)
        if select.is_settled(self._options, request, draws):
            return select.settled(self._options, response, draws)
        for place in range(1, self._options.num_candidates):
            try:
                draws += select.draws_of(handler(select.request_of(self._options, request, place)))
            except StructuredOutputError:  # one that could not be parsed is no candidate
                continue
        return select.chosen(self._options, request, draws, self._question(request.state))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> _ModelReply:
        """As `wrap_model_call`; what follows the first reply is drawn at the same time."""
        self._look_at_tools(request)
        if self._options.mode != "select":
            return await handler(self._handed_over(request))
        response = await handler(select.request_of(self._options, request, 0))
        draws = select.draws_of(response)
        if select.is_settled(self._options, request, draws):
            return select.settled(self._options, response, draws)

        async def draw(place: int) -> list[select.Draw]:
            try:
                return select.draws_of(await handler(select.request_of(self._options, request, place)))
            except StructuredOutputError:
                return []

        more = await asyncio.gather(*(draw(place) for place in range(1, self._options.num_candidates)))
        draws += [one for found in more for one in found]
        return await in_worker(
            self._options.judge, select.chosen, self._options, request, draws, self._question(request.state)
        )

    # --- tool calls ---

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], _ToolReply]) -> _ToolReply:
        """Judges a call of a tool in `verify_tools` before it runs."""
        least = self._options.verify_tools.get(request.tool_call["name"])
        if least is None:
            return handler(request)
        found = self._verified_call(request)
        return tool_gate.refusal_of(request, found, least) or tool_gate.passed(handler(request), found)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[_ToolReply]]
    ) -> _ToolReply:
        """As `wrap_tool_call`; the judge runs in a worker thread."""
        least = self._options.verify_tools.get(request.tool_call["name"])
        if least is None:
            return await handler(request)
        found = await in_worker(self._options.judge, self._verified_call, request)
        return tool_gate.refusal_of(request, found, least) or tool_gate.passed(await handler(request), found)

    # --- what they share ---

    def _verified_call(self, request: ToolCallRequest) -> Verification:
        question = self._question(request.state)
        return _asked(
            self._options.verifier_of_calls,
            lambda: tool_gate.call_question(request, question),
            call_text(request.tool_call),
        )

    def _question(self, state: Mapping[str, Any]) -> str:
        return str(progress_of(state, self.name)["question"])

    def _handed_over(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        fallback = self._options.fallback_model
        if fallback is None or not progress_of(request.state, self.name)["handed_over"]:
            return request
        return request.override(model=fallback)

    def _look_at_tools(self, request: ModelRequest[Any]) -> None:
        """A misspelt name in `verify_tools` would let the tool run unchecked; said once, as tools may come and go."""
        unknown = tool_gate.unknown_tools(self._options.verify_tools, request.tools) - self._missed
        if unknown:
            self._missed |= unknown
            _LOG.warning("`verify_tools` names %s, which the agent does not offer to the model.", sorted(unknown))


def _asked(judge: Verifier, question: Callable[[], Question], answer: str) -> Verification:
    """What the judge says; whatever goes wrong is a problem that it reports, never an acceptance."""
    if not answer:
        return Verification(result=ConsensusResult(answer=None, text="", confidence=0.0, abstained=True))
    try:
        return replace(judge, observer=StepRuns([None])).verify(question(), answer)
    except GraphBubbleUp:
        raise
    except ConsensusError as error:
        _LOG.warning("The judge could not be asked.", exc_info=True)
        return Verification.impossible(answer, f"of this error: {error}")
    except Exception as error:  # noqa: BLE001
        # What it says may be nobody's business but the log's.
        _LOG.warning("The judge failed.", exc_info=True)
        return Verification.impossible(answer, f"the judge failed ({type(error).__name__})")
