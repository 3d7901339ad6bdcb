"""`verify_tools`: a call is judged before it runs; what keeps the judge from answering keeps the tool from running."""

import json
import logging

import pytest
from langchain.agents.middleware import ToolCallRequest
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.errors import GraphInterrupt
from langgraph.types import Command

from langchain_consensus.engine import FakeEngine
from langchain_consensus.errors import EngineError
from langchain_consensus.middleware import ConsensusMiddleware
from tests.agents import agent_of, ask, calling, scripted
from tests.engines import CAPITAL, RecordingEngine, text_of
from tests.unit_tests.middleware.test_middleware_verify import FailingEngine, MumblingEngine

GOOD, BAD = 'lookup(name="Australia")', 'lookup(name="Austria")'
BELIEFS = {CAPITAL: {GOOD: 0.8, BAD: 0.1, "Canberra": 0.1}}


def gated(model, engine, least=0.5, **options):
    options = {"mode": "tools", "verify_tools": {"lookup": least}, **options}
    return agent_of(model, engine, **options)


def request_of_lookup():
    call = calling("lookup", name="Australia")
    state = {"messages": [HumanMessage(CAPITAL), call]}
    return ToolCallRequest(tool_call=call.tool_calls[0], tool=None, state=state, runtime=None)


def test_a_call_that_the_judge_believes_runs_and_its_result_carries_the_evidence(ran):
    state = ask(gated(scripted(calling("lookup", name="Australia"), "Canberra"), FakeEngine(BELIEFS)))
    assert ran == [("lookup", "Australia")]
    result = state["messages"][2]
    assert (result.text, result.status) == ("Australia: Canberra", "success")
    assert result.response_metadata["consensus"]["confidence"] == pytest.approx(0.8)
    json.dumps(result.response_metadata, allow_nan=False)


def test_a_call_that_the_judge_does_not_believe_is_not_run_and_the_model_hears_why(ran):
    model = scripted(calling("lookup", name="Austria"), calling("lookup", "2", name="Australia"), "Canberra")
    state = ask(gated(model, FakeEngine(BELIEFS)))
    assert ran == [("lookup", "Australia")]
    refused = state["messages"][2]
    assert isinstance(refused, ToolMessage)
    assert (refused.status, refused.tool_call_id, refused.name) == ("error", "call_1", "lookup")
    assert "was not run: a check gives it a probability of 0.10 of being right, and 0.50 is asked for" in refused.text
    assert model.asked[1][-1].text == refused.text
    assert refused.response_metadata["consensus"]["abstained"] is True
    assert state["messages"][-1].text == "Canberra"


def test_a_call_at_the_threshold_runs(ran):
    engine = FakeEngine({CAPITAL: {GOOD: 0.5, BAD: 0.5}})
    ask(gated(scripted(calling("lookup", name="Australia"), "x"), engine, least=0.5))
    assert ran


@pytest.mark.parametrize(
    "judge",
    [
        FailingEngine(EngineError("gone")),
        FailingEngine(ValueError("boom")),
        MumblingEngine(-9.0),
        MumblingEngine(float("-inf")),
        MumblingEngine(float("nan")),
        MumblingEngine(float("inf")),
    ],
)
@pytest.mark.parametrize("least", [0.0, 0.5])
async def test_a_judge_that_cannot_answer_keeps_the_tool_from_running(judge, least, ran):
    for call in ("sync", "async"):
        agent = gated(scripted(calling("lookup", name="Australia"), "I could not look it up."), judge, least)
        state = ask(agent) if call == "sync" else await agent.ainvoke({"messages": [("human", CAPITAL)]})
        assert ran == []
        assert state["messages"][2].status == "error"
        assert "was not run: it could not be checked, because" in state["messages"][2].text
        assert state["messages"][2].response_metadata["consensus"]["confidence"] is None


def test_other_tools_run_unasked(ran):
    engine = RecordingEngine(BELIEFS)
    ask(gated(scripted(calling("send_mail", to="x"), "done"), engine))
    assert ran == [("send_mail", "x")]
    assert engine.calls == (0, 0)


def test_the_judge_sees_the_request_the_tool_s_description_and_earlier_results(ran):
    engine = RecordingEngine(BELIEFS)
    model = scripted(calling("send_mail", "1", to="x"), calling("lookup", "2", name="Australia"), "done")
    ask(gated(model, engine))
    prompt = text_of(engine.score_calls[0][0].prompt)
    assert "lookup: Looks a fact up. Arguments: " in prompt
    assert 'send_mail(to="x") returned: sent' in prompt
    assert f"Request: {CAPITAL}\nProposed tool call: {GOOD}\n" in prompt


def test_calls_of_one_turn_are_judged_each_by_itself(ran):
    both = calling("lookup", "1", name="Australia")
    both.tool_calls.append({**calling("lookup", "2", name="Austria").tool_calls[0]})
    state = ask(gated(scripted(both, "done"), FakeEngine(BELIEFS)))
    assert ran == [("lookup", "Australia")]
    assert [one.status for one in state["messages"][2:4]] == ["success", "error"]


@pytest.mark.parametrize("mode", ["verify", "select"])
def test_tools_can_be_gated_in_every_mode(mode, ran):
    draws = ["Canberra"] * (4 if mode == "select" else 1)
    options = {"mode": mode} | ({"on_failure": "keep", "max_retries": 0} if mode == "verify" else {})
    state = ask(gated(scripted(calling("lookup", name="Austria"), *draws), FakeEngine(BELIEFS), **options))
    assert ran == []
    assert state["messages"][2].status == "error"
    assert state["messages"][-1].text == "Canberra"


def test_what_a_tool_returns_as_a_command_is_passed_on():
    command = Command(update={"x": 1})
    middleware = ConsensusMiddleware(FakeEngine(BELIEFS), mode="tools", verify_tools={"lookup": 0.5})
    assert middleware.wrap_tool_call(request_of_lookup(), lambda request: command) is command


def test_an_interrupt_of_the_tool_passes_through():

    def interrupt(request):
        raise GraphInterrupt

    middleware = ConsensusMiddleware(FakeEngine(BELIEFS), mode="tools", verify_tools={"lookup": 0.5})
    with pytest.raises(GraphInterrupt):
        middleware.wrap_tool_call(request_of_lookup(), interrupt)


def test_a_name_that_is_no_tool_s_is_said_once(caplog):
    agent = gated(scripted("Canberra", "Canberra"), FakeEngine(BELIEFS), verify_tools={"lokup": 0.5})
    with caplog.at_level(logging.WARNING, "langchain_consensus"):
        ask(agent)
        ask(agent)
    assert [one.getMessage() for one in caplog.records] == [
        "`verify_tools` names ['lokup'], which the agent does not offer to the model."
    ]


async def test_async_gates_the_same(ran):
    model = scripted(calling("lookup", name="Austria"), calling("lookup", "2", name="Australia"), "Canberra")
    state = await gated(model, FakeEngine(BELIEFS)).ainvoke({"messages": [("human", CAPITAL)]})
    assert ran == [("lookup", "Australia")]
    assert [one.type for one in state["messages"]] == ["human", "ai", "tool", "ai", "tool", "ai"]
