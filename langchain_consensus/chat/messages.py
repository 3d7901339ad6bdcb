"""A result as LangChain's message, whole or in chunks, with the result as plain JSON in its `response_metadata`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from langchain_consensus.evidence import EVIDENCE, in_pieces

if TYPE_CHECKING:
    from langchain_consensus.chat.tool_calls import Reply
    from langchain_consensus.results import ConsensusResult

__all__ = ["to_chunks", "to_message"]


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


def _metadata(result: ConsensusResult[Any]) -> dict[str, Any]:
    return {EVIDENCE: result.model_dump(mode="json"), "model_name": result.model}


def _usage(result: ConsensusResult[Any]) -> UsageMetadata:
    """Input tokens are all that was read, for scoring too; output tokens are those of all candidates."""
    read, drawn = result.usage.input_tokens, result.usage.sampled_tokens
    return UsageMetadata(input_tokens=read, output_tokens=drawn, total_tokens=read + drawn)


def _call_id() -> str:
    return f"call_{uuid4().hex[:24]}"
