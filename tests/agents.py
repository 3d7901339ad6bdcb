"""For tests of the middleware: a chat model that says what a script says, two tools, and agents with one middleware."""

import json
import re
from collections.abc import Iterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_consensus.middleware import ConsensusMiddleware
from tests.engines import CAPITAL


class ScriptedChat(BaseChatModel):
    """Says the next line of the script at each call; texts or messages. Keeps what it was asked."""

    script: Iterator[Any]
    asked: list[Any]
    bound: list[Any]

    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, *, tool_choice=None, **kwargs):
        self.bound.append([convert_to_openai_tool(one)["function"]["name"] for one in tools])
        return self.bind(**kwargs)

    def _next(self, messages):
        self.asked.append(list(messages))
        line = next(self.script)
        if isinstance(line, Exception):
            raise line
        return AIMessage(line) if isinstance(line, str) else line.model_copy(update={"id": None})

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        message = self._next(messages)
        for piece in re.findall(r"\s*\S+", message.text):
            yield ChatGenerationChunk(message=AIMessageChunk(piece))
        calls = [
            {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"], "index": i}
            for i, call in enumerate(message.tool_calls)
        ]
        end = AIMessageChunk("", tool_call_chunks=calls, chunk_position="last")
        yield ChatGenerationChunk(message=end)


def scripted(*lines):
    return ScriptedChat(script=iter(lines), asked=[], bound=[])


def calling(name, call_id="call_1", /, **arguments):
    """A message that calls a tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": call_id}])


RAN = []
"""What the tools were run with; emptied by the fixture `ran`."""


@tool
def lookup(name: str) -> str:
    """Looks a fact up."""
    RAN.append(("lookup", name))
    return f"{name}: Canberra"


@tool
def send_mail(to: str) -> str:
    """Sends a mail."""
    RAN.append(("send_mail", to))
    return "sent"


def agent_of(model, engine, *, tools=(lookup, send_mail), others=(), **options):
    """An agent with the middleware, and others of `create_agent`'s options."""
    of_agent = {name: options.pop(name) for name in ("checkpointer", "response_format") if name in options}
    middleware = [ConsensusMiddleware(engine, **options), *others]
    return create_agent(model, list(tools), middleware=middleware, **of_agent)


def ask(agent, text=CAPITAL, **config):
    return agent.invoke({"messages": [("human", text)]}, **config)


def texts(messages):
    return [(one.type, str(one.text).strip()) for one in messages]
