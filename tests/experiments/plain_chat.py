"""An engine as a plain chat model, without candidates or ranking: the baseline of the agent experiment."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_consensus.chat.call_formats import CallFormat
from langchain_consensus.chat.tool_calls import reader
from langchain_consensus.conversations import question_of
from langchain_consensus.engine import SamplingSettings
from langchain_consensus.prompts import ChatPrompt, Message


class PlainChat(BaseChatModel):
    """Says what the engine samples; every call has a seed of its own, so that a temperature above 0 shows."""

    engine: Any
    temperature: float = 0.0
    max_new_tokens: int = 48
    seeds: Iterator[int]

    @classmethod
    def of(cls, engine: Any, **fields: Any) -> "PlainChat":
        return cls(engine=engine, seeds=itertools.count(), **fields)

    @property
    def _llm_type(self) -> str:
        return "plain"

    def bind_tools(self, tools: Any, *, tool_choice: Any = None, **kwargs: Any) -> Any:
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: Any,
        stop: Any = None,
        run_manager: Any = None,
        tools: Any = (),
        temperature: Any = None,
        **_: Any,
    ) -> ChatResult:
        shown = tuple(json.dumps(tool) for tool in tools)
        asked = question_of(messages)
        turns = (*asked.history, Message(role="user", content=asked.text), *asked.since)
        settings = SamplingSettings(
            n=1,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature if temperature is None else temperature,
            seed=next(self.seeds),
        )
        drawn = self.engine.sample([ChatPrompt(messages=turns, tools=shown)], settings)
        reply = reader(shown, CallFormat.of(self.engine) if shown else None)(drawn.samples[0][0].text)
        calls = [
            {"name": call.name, "args": dict(call.arguments or {}), "id": f"call_{settings.seed}_{i}"}
            for i, call in enumerate(reply.calls)
        ]
        text = reply.text or ("" if calls else " ".join(call.text for call in reply.broken))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text, tool_calls=calls))])
