"""Responses of a model to one request -> the one that is the equilibrium choice.

Candidates are the distinct final answers; with `rank_tool_calls`, calls are candidates too, the same name and arguments
one candidate. The judge scores all of them, whoever drew them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain.agents.middleware.types import ExtendedModelResponse, ModelResponse
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.constants import TAG_NOSTREAM
from langgraph.types import Command

from langchain_consensus.candidates import given, normalised_text
from langchain_consensus.chat.call_formats import writer_of_calls
from langchain_consensus.evidence import EVIDENCE
from langchain_consensus.middleware.conversation import answer_question, turn_question
from langchain_consensus.results import ConsensusResult
from langchain_consensus.settings import SamplingFields
from langchain_consensus.tracing import StepRuns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain.agents.middleware.types import ModelRequest
    from langchain_core.messages import ToolCall

    from langchain_consensus.middleware.options import Options
    from langchain_consensus.ranking import Ranking

__all__ = ["Draw", "chosen", "draws_of", "is_settled", "request_of", "settled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """One response as a candidate.

    Attributes:
        response: The response.
        message: Its message.
        text: The answer; for a reply with tool calls what it says beside them.
        calls: Its tool calls, but for those that are a structured answer.
    """

    response: ModelResponse[Any]
    message: AIMessage
    text: str
    calls: tuple[ToolCall, ...] = ()

    @property
    def key(self) -> str:
        """What makes two replies with tool calls the same: names and arguments."""
        return json.dumps([[call["name"], call["args"]] for call in self.calls], sort_keys=True)

    def as_written(self, judge: object) -> str:
        """The text that the judge scores: tool calls are written as its own model would write them.

        Raises:
            InvalidInputError: If the judge does not know how.
        """
        if not self.calls:
            return self.text
        write = writer_of_calls(judge)
        return "\n".join(write(call["name"], json.dumps(call["args"], ensure_ascii=False)) for call in self.calls)


def draws_of(response: ModelResponse[Any]) -> list[Draw]:
    """The response as a candidate; none if it holds no message of the model."""
    message = next((one for one in response.result if isinstance(one, AIMessage)), None)
    if message is None:
        return []
    calls = message.tool_calls
    if calls and response.structured_response is not None:
        return [Draw(response=response, message=message, text=json.dumps(calls[0]["args"]))]
    return [Draw(response=response, message=message, text=str(message.text).strip(), calls=tuple(calls))]


def request_of(options: Options, request: ModelRequest[Any], place: int) -> ModelRequest[Any]:
    """The request for draw number `place`: what the model says on the way is kept out of streams.

    The first is as the agent would make it. A model of this package draws the same for the same seed, so each draw has
    a seed of its own.
    """
    model = request.model
    update: dict[str, Any] = {"tags": [*(model.tags or []), TAG_NOSTREAM]}
    if isinstance(model, SamplingFields) and place:
        update["seed"] = model.seed + place
    settings = request.model_settings | (dict(options.draw_settings) if place else {})
    return request.override(model=model.model_copy(update=update), model_settings=settings)


def is_settled(options: Options, request: ModelRequest[Any], draws: Sequence[Draw]) -> bool:
    """Whether the first response stands as it is, so that nothing more is drawn.

    That is so for tool calls, unless they are ranked, and for the reply of a model that has ranked its own candidates
    with the same engine.
    """
    model = request.model
    ranks = isinstance(model, SamplingFields) and model.engine is options.judge and model.num_candidates > 1
    return not draws or ranks or bool(draws[0].calls and not options.rank_tool_calls)


def settled(options: Options, response: ModelResponse[Any], draws: Sequence[Draw]) -> ExtendedModelResponse[Any]:
    """The response as it is, and in the agent's state that it was not selected from others, or by the model itself."""
    ranking = draws[0].message.response_metadata.get(EVIDENCE) if draws and not draws[0].calls else None
    if not isinstance(ranking, dict):
        return ExtendedModelResponse(model_response=response)
    return _with_record(options, response, {"decision": "selected_by_model", "evidence": ranking})


def chosen(
    options: Options, request: ModelRequest[Any], draws: Sequence[Draw], question: str
) -> ExtendedModelResponse[Any]:
    """The equilibrium choice among the draws, with the evidence on its message and in the agent's state.

    Args:
        options: Of the middleware.
        request: What they answer.
        draws: At least one.
        question: The user's question, for a conversation from which a summary has taken it.

    Raises:
        InvalidInputError: If the conversation cannot be ranked, say because it holds images.
        EngineError: If the judge fails.
    """
    usable = [draw for draw in draws if (draw.calls and options.rank_tool_calls) or (draw.text and not draw.calls)]
    # A call that nothing could run is no candidate beside others.
    usable = [draw for draw in usable if draw.calls or not draw.message.invalid_tool_calls] or usable
    about = {"draws": len(draws), "usable": len(usable), "drawing": _usage(draws)}
    if not usable:
        return _with_record(options, draws[0].response, {"decision": "nothing_to_select", **about})
    ranking = _ranking(options, request, usable, question)
    best = ranking.candidates[0]
    # Of a candidate's members the evidence shows the one drawn most often; so does the message.
    draw = next((one for one in usable if one.as_written(options.judge).strip() == best.text), usable[best.position])
    evidence = ConsensusResult.of(ranking).model_dump(mode="json")
    metadata = {**draw.message.response_metadata, EVIDENCE: evidence}
    message = draw.message.model_copy(update={"response_metadata": metadata})
    response = replace(draw.response, result=[message if one is draw.message else one for one in draw.response.result])
    return _with_record(options, response, {"decision": "selected", **about, "evidence": evidence})


def _ranking(options: Options, request: ModelRequest[Any], draws: Sequence[Draw], question: str) -> Ranking:
    consensus = replace(options.consensus, observer=StepRuns([None]))
    texts = [draw.as_written(options.judge) for draw in draws]
    if not any(draw.calls for draw in draws):
        asked = answer_question(request.messages, question)
        return consensus.rank([given(asked, texts, answer_key=consensus.answer_key)])[0]
    tools = tuple(json.dumps(convert_to_openai_tool(tool), ensure_ascii=False) for tool in request.tools)
    asked = turn_question(request.messages, question, tools=tools)
    keys = {text.strip(): draw.key for text, draw in zip(texts, draws, strict=True) if draw.calls}
    otherwise = consensus.answer_key or normalised_text
    candidates = given(asked, texts, answer_key=lambda text: keys.get(text) or otherwise(text))
    return replace(consensus, wording="chat_tools").rank([candidates])[0]


def _with_record(
    options: Options, response: ModelResponse[Any], record: Mapping[str, Any]
) -> ExtendedModelResponse[Any]:
    update = {"consensus": {options.name: {"mode": "select", **record}}}
    return ExtendedModelResponse(model_response=response, command=Command(update=update))


def _usage(draws: Sequence[Draw]) -> dict[str, int]:
    """Tokens of all responses, where the model counts them; the chosen message counts its own alone."""
    used = [draw.message.usage_metadata for draw in draws if draw.message.usage_metadata]
    return {name: sum(one[name] for one in used) for name in ("input_tokens", "output_tokens")}
