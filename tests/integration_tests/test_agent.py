"""The middleware on the 0.5B model: answers are judged and selected, and calls checked."""

import json

import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool

from langchain_consensus import ChatEquilibriumRanking
from langchain_consensus.middleware import ConsensusMiddleware
from tests.agents import calling, scripted

QUESTION = "How many people live in Brenvale?"


@tool
def lookup(name: str) -> str:
    """Looks up what is known of a place, by its name."""
    return "Brenvale: town in Osmark; population 48,200; founded 1721."


def run(model, middleware):
    agent = create_agent(model, [lookup], middleware=[middleware])
    return agent, {"messages": [("human", QUESTION)]}


async def test_a_good_answer_is_believed_more_than_one_that_the_tool_contradicts_sync_and_async(qwen_engine):
    found = {}
    for answer in ("48,200 people live in Brenvale.", "Brenvale is a kind of cheese."):
        script = [calling("lookup", name="Brenvale"), answer] * 2
        agent, question = run(scripted(*script), ConsensusMiddleware(qwen_engine, on_failure="keep", max_retries=0))
        plain, other = agent.invoke(question), await agent.ainvoke(question)
        ours, theirs = (one["consensus"]["ConsensusMiddleware"]["confidence"] for one in (plain, other))
        assert ours == pytest.approx(theirs, abs=1e-4)
        json.dumps(plain["consensus"], allow_nan=False)
        found[answer] = ours
    good, bad = found.values()
    assert 0 < bad < good < 1


def test_a_selection_streams_the_winner_alone(qwen_engine):
    chat = ChatEquilibriumRanking.from_engine(qwen_engine, num_candidates=1, max_new_tokens=12, temperature=0.0)
    middleware = ConsensusMiddleware(
        qwen_engine, mode="select", num_candidates=3, draw_settings={"temperature": 1.0}, solver="log_time_flow"
    )
    agent = create_agent(chat, [], middleware=[middleware])
    asked = {"messages": [("human", "What is the capital of Australia?")]}
    (message,) = [one for one, _ in agent.stream(asked, stream_mode="messages")]
    evidence = message.response_metadata["consensus"]
    assert sum(one["count"] for one in evidence["candidates"]) == 3
    assert evidence["candidates"][0]["text"] == message.text.strip()


def test_a_call_is_checked_before_it_runs(qwen_engine):
    gate = ConsensusMiddleware(qwen_engine, mode="tools", verify_tools={"lookup": 1.0}, min_verdict_mass=0.0)
    agent, question = run(scripted(calling("lookup", name="Brenvale"), "I could not look it up."), gate)
    state = agent.invoke(question)
    assert state["messages"][2].status == "error"  # no verdict is certain
    assert 0 <= state["messages"][2].response_metadata["consensus"]["confidence"] < 1
