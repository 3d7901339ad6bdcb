"""The middleware on the 0.5B model: agents that answer, are judged, select, and have their calls checked."""

import json
import re

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool

from langchain_consensus import ChatEquilibriumRanking
from langchain_consensus.middleware import ConsensusMiddleware
from tests.agents import calling, scripted

QUESTION = "How many people live in Brenvale?"


@tool
def lookup(name: str) -> str:
    """Looks up what is known of a place, by its name."""
    return "Brenvale: town in Osmark; population 48,200; founded 1721."


@pytest.fixture
def chat(qwen_engine):
    return ChatEquilibriumRanking.from_engine(qwen_engine, num_candidates=1, max_new_tokens=40, temperature=0.0)


def run(model, middleware, **config):
    agent = create_agent(model, [lookup], middleware=[middleware])
    return agent, {"messages": [("human", QUESTION)]}


def test_an_agent_uses_its_tool_and_the_judge_sees_the_result(qwen_engine, chat):
    agent, question = run(chat, ConsensusMiddleware(qwen_engine, on_failure="keep", max_retries=0))
    state = agent.invoke(question)
    assert [one.type for one in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert "48,200" in state["messages"][-1].text
    record = state["consensus"]["ConsensusMiddleware"]
    assert 0 <= record["confidence"] <= 1
    json.dumps(state["consensus"], allow_nan=False)


async def test_a_good_answer_is_believed_more_than_one_that_the_tool_contradicts_sync_and_async(qwen_engine):
    found = {}
    for answer in ("48,200 people live in Brenvale.", "Brenvale is a kind of cheese."):
        agent, question = run(
            scripted(calling("lookup", name="Brenvale"), answer, calling("lookup", name="Brenvale"), answer),
            ConsensusMiddleware(qwen_engine, on_failure="keep", max_retries=0),
        )
        plain, other = agent.invoke(question), await agent.ainvoke(question)
        confidences = [one["consensus"]["ConsensusMiddleware"]["confidence"] for one in (plain, other)]
        assert confidences[0] == pytest.approx(confidences[1], abs=1e-4)
        found[answer] = confidences[0]
    good, bad = found.values()
    assert good > bad


def test_a_selection_streams_the_winner_alone(qwen_engine, chat):
    middleware = ConsensusMiddleware(
        qwen_engine, mode="select", num_candidates=3, draw_settings={"temperature": 1.0}, solver="log_time_flow"
    )
    agent, question = run(chat, middleware)
    pieces = [one for one, _ in agent.stream(question, stream_mode="messages")]
    assert [one.type for one in pieces] == ["ai", "tool", "ai"]
    assert isinstance(pieces[-1], AIMessage)
    evidence = pieces[-1].response_metadata["consensus"]
    assert sum(one["count"] for one in evidence["candidates"]) == 3
    assert re.search(r"\w", pieces[-1].text)
    assert evidence["candidates"][0]["text"] == pieces[-1].text.strip()


def test_a_call_is_checked_before_it_runs(qwen_engine):
    gate = ConsensusMiddleware(qwen_engine, mode="tools", verify_tools={"lookup": 1.0})
    agent, question = run(scripted(calling("lookup", name="Brenvale"), "I could not look it up."), gate)
    state = agent.invoke(question)
    assert state["messages"][2].status == "error"  # no verdict is certain
    assert 0 <= state["messages"][2].response_metadata["consensus"]["confidence"] < 1
