"""How a result travels through LangChain: as generations, candidates best first, or as one message; and back.

Every generation carries plain JSON under `generation_info["consensus"]`: the candidate's part of the result and its
rank, and the question's part, which is the same in all of them. A message carries the whole result as plain JSON under
`response_metadata["consensus"]`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import Generation

from langchain_consensus.results import CandidateResult, ConsensusResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.tool_calls import Reply

__all__ = [
    "EVIDENCE",
    "in_pieces",
    "result_from_generations",
    "result_from_json",
    "to_chunks",
    "to_generations",
    "to_message",
]

EVIDENCE = "consensus"
"""The key under which the evidence is kept in `generation_info` and `response_metadata`."""

_CANDIDATE_FIELDS = set(CandidateResult.model_fields)


def to_generations(result: ConsensusResult[Any]) -> list[Generation]:
    """One generation for each candidate, best first."""
    plain = result.model_dump(mode="json")
    shared = {key: plain[key] for key in plain if key not in {"answer", "text", "abstained", "candidates"}}
    return [
        Generation(text=candidate["text"], generation_info={EVIDENCE: {"rank": rank, **candidate, **shared}})
        for rank, candidate in enumerate(plain["candidates"])
    ]


def result_from_generations(generations: Sequence[Generation]) -> ConsensusResult[Any] | None:
    """The result that `to_generations` was given, or `None` if the generations carry no evidence."""
    found = [(generation.generation_info or {}).get(EVIDENCE) for generation in generations]
    if not found or any(not isinstance(evidence, dict) for evidence in found):
        return None
    candidates = [{key: one[key] for key in one if key in _CANDIDATE_FIELDS} for one in found if one is not None]
    first = found[0] or {}
    shared = {key: first[key] for key in first if key not in _CANDIDATE_FIELDS | {"rank"}}
    text = generations[0].text
    return result_from_json({"answer": text, "text": text, "candidates": candidates, **shared})


def result_from_json(plain: dict[str, Any]) -> ConsensusResult[Any]:
    """The result whose `model_dump(mode="json")` is `plain`."""
    return ConsensusResult[Any].model_validate(plain)


def to_message(result: ConsensusResult[Any], reply: Reply) -> AIMessage:
    """The best answer, read as `reply`, with the whole result and what it cost."""
    return AIMessage(
        content=reply.text,
        tool_calls=[tool_call(name=call.name, args=dict(call.arguments or {}), id=_call_id()) for call in reply.calls],
        invalid_tool_calls=[
            invalid_tool_call(name=call.name or None, args=call.text, id=_call_id(), error=call.error)
            for call in reply.broken
        ],
        response_metadata=_metadata(result),
        usage_metadata=_usage(result),
    )


def to_chunks(message: AIMessage) -> list[AIMessageChunk]:
    """The message word by word; tool calls, metadata and usage are on the last chunk, so that chunks can be added."""
    *first, last = in_pieces(message.text)
    calls = [
        tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=index)
        for index, call in enumerate(message.tool_calls)
    ]
    # LangChain reads the chunks' arguments again: as the text of a text, a call that cannot be run stays invalid.
    broken = [
        tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=len(calls) + index)
        for index, call in enumerate(message.invalid_tool_calls)
    ]
    end = AIMessageChunk(
        content=last,
        tool_call_chunks=calls + broken,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
    )
    return [*(AIMessageChunk(content=piece) for piece in first), end]


def in_pieces(text: str) -> list[str]:
    """The text cut after its spaces, at least one piece; joined, the pieces are the text again."""
    *first, last = text.split(" ")
    return [*(piece + " " for piece in first), last]


def _metadata(result: ConsensusResult[Any]) -> dict[str, Any]:
    return {EVIDENCE: result.model_dump(mode="json"), "model_name": result.model}


def _usage(result: ConsensusResult[Any]) -> UsageMetadata:
    """Input tokens are all that was read, for scoring too; output tokens are those of all candidates."""
    read, drawn = result.usage.input_tokens, result.usage.sampled_tokens
    return UsageMetadata(input_tokens=read, output_tokens=drawn, total_tokens=read + drawn)


def _call_id() -> str:
    return f"call_{uuid4().hex[:24]}"
