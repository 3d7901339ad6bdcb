"""`ChatEquilibriumRanking` with tools: calls are candidates, ranked like any reply."""

import json
from dataclasses import replace

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import tool

from langchain_consensus import ChatEquilibriumRanking, ConsensusOutputParser
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evidence import EVIDENCE, result_from_json
from tests.engines import RecordingEngine

QUESTION = "What is 2 + 3?"
RESULT = "5"


def written(**arguments):
    return "<tool_call>\n" + json.dumps({"name": "add", "arguments": arguments}) + "\n</tool_call>"


GOOD, SWAPPED, WRONG, BROKEN = written(a=2, b=3), written(b=3, a=2), written(a=2, b=4), written(a=2)


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def chat(beliefs, **settings):
    engine = RecordingEngine({QUESTION: beliefs})
    return ChatEquilibriumRanking.from_engine(
        engine, **{"num_candidates": 16, "solver": "log_time_flow", "rule": "majority"} | settings
    )


def test_a_call_that_wins_is_a_tool_call_of_the_message():
    bound = chat({GOOD: 0.7, WRONG: 0.2, "6": 0.1}).bind_tools([add])
    assert isinstance(bound, RunnableBinding)
    message = bound.invoke(QUESTION)
    (call,) = message.tool_calls
    assert (call["name"], call["args"], call["type"]) == ("add", {"a": 2, "b": 3}, "tool_call")
    assert message.content == ""
    assert message.invalid_tool_calls == []
    assert bound.invoke(QUESTION).tool_calls[0]["id"] != call["id"]


def test_the_same_call_written_twice_is_one_candidate():
    message = chat({GOOD: 0.5, SWAPPED: 0.4, WRONG: 0.1}).bind_tools([add]).invoke(QUESTION)
    best = result_from_json(message.response_metadata[EVIDENCE]).candidates[0]
    assert set(best.members) == {GOOD, SWAPPED}
    assert best.count > 8


def test_a_text_that_wins_is_the_content():
    message = chat({"5": 0.8, GOOD: 0.2}).bind_tools([add]).invoke(QUESTION)
    assert (message.content, message.tool_calls) == ("5", [])


def test_a_call_that_cannot_be_run_is_passed_over_and_that_is_said():
    message = chat({BROKEN: 0.7, GOOD: 0.3}).bind_tools([add]).invoke(QUESTION)
    result = result_from_json(message.response_metadata[EVIDENCE])
    assert message.tool_calls[0]["args"] == {"a": 2, "b": 3}
    assert result.text == result.answer == GOOD
    assert result.candidates[0].text == BROKEN
    assert "1 of the candidates rank higher and make no valid tool call." in result.warnings


def test_where_no_call_can_be_run_the_message_says_why():
    bound = chat({BROKEN: 1.0}).bind_tools([add])
    message = bound.invoke(QUESTION)
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["error"] == "The call lacks the arguments ['b']."
    assert json.loads(message.invalid_tool_calls[0]["args"])["name"] == "add"


def test_the_engine_is_given_the_tools_in_both_views():
    model = chat({GOOD: 0.7, WRONG: 0.3})
    model.bind_tools([add]).invoke(QUESTION)
    prompts = [*model.engine.sample_calls[0][0], *(request.prompt for request in model.engine.score_calls[0])]
    for prompt in prompts:
        (shown,) = prompt.tools
        assert json.loads(shown)["function"]["name"] == "add"
    assert prompts[0].messages[-1].content.endswith("Give the correct response, and nothing else.")
    assert all("tool" not in one.wording for one in model.ranked().batch([QUESTION]))


def test_a_wording_of_the_caller_s_is_used_with_tools_too():
    model = chat({GOOD: 1.0}, wording="chat_qa")
    model.bind_tools([add]).invoke(QUESTION)
    assert (
        model.engine.sample_calls[0][0][0].messages[-1].content.endswith("Give the correct answer, and nothing else.")
    )


async def test_every_way_of_calling_gives_the_call():
    bound = chat({GOOD: 0.8, "5": 0.2}).bind_tools([add])
    chunks = list(bound.stream(QUESTION))
    messages = [
        bound.invoke(QUESTION),
        await bound.ainvoke(QUESTION),
        *bound.batch([QUESTION]),
        *await bound.abatch([QUESTION]),
        sum(chunks[1:], chunks[0]),
    ]
    assert [m.tool_calls[0]["args"] for m in messages] == [{"a": 2, "b": 3}] * 5


def test_an_invalid_call_is_streamed_as_one():
    chunks = list(chat({BROKEN: 1.0}).bind_tools([add]).stream(QUESTION))
    whole = sum(chunks[1:], chunks[0])
    assert whole.tool_calls == []
    assert json.loads(json.loads(whole.invalid_tool_calls[0]["args"])) == {"name": "add", "arguments": {"a": 2}}


def test_ranked_takes_tools_too():
    model = chat({GOOD: 0.5, SWAPPED: 0.5})
    tools = model.bind_tools([add]).kwargs["tools"]
    assert len(model.ranked().invoke(QUESTION, tools=tools).candidates) == 1
    assert len(model.ranked().invoke(QUESTION).candidates) == 2


def test_the_cache_keeps_calls_with_and_without_tools_apart():
    model = chat({GOOD: 1.0}, cache=InMemoryCache())
    assert model.invoke(QUESTION).tool_calls == []
    for _ in range(2):
        assert model.bind_tools([add]).invoke(QUESTION).tool_calls
    assert len(model.engine.sample_calls) == 2


@pytest.mark.parametrize("choice", ["any", "required", "add", True, {"type": "function", "function": {"name": "add"}}])
async def test_a_forced_call_is_made_even_where_the_model_would_rather_talk(choice):
    bound = chat({"The sum is 5.": 0.9, "6": 0.06, GOOD: 0.03, WRONG: 0.01}).bind_tools([add], tool_choice=choice)
    for message in (bound.invoke(QUESTION), await bound.ainvoke(QUESTION), *bound.batch([QUESTION, QUESTION])):
        assert message.tool_calls[0]["args"] in ({"a": 2, "b": 3}, {"a": 2, "b": 4})
        texts = {one.text for one in result_from_json(message.response_metadata[EVIDENCE]).candidates}
        assert texts <= {GOOD, WRONG}


@tool
def now() -> str:
    """The time."""
    return "12:00"


def test_the_forms_of_a_forced_call_are_those_of_the_tools_that_may_be_called():
    model = chat({GOOD: 1.0, '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>': 1.0})
    for choice, names in (("any", ["add", "now"]), ("now", ["now"])):
        model.bind_tools([add, now], tool_choice=choice).invoke(QUESTION)
        (prompt,), settings = model.engine.sample_calls[-1]
        assert [form.before for form in settings.grammar] == [
            f'<tool_call>\n{{"name": "{name}", "arguments": ' for name in names
        ]
        assert len(prompt.tools) == 2  # the model is shown them all
        assert all(json.loads(form.schema)["additionalProperties"] is False for form in settings.grammar)


@pytest.mark.parametrize("choice", [None, False, "auto", "none"])
def test_a_call_that_is_not_forced_is_sampled_without_a_grammar(choice):
    model = chat({"5": 1.0})
    model.bind_tools([add], tool_choice=choice).invoke(QUESTION)
    assert model.engine.sample_calls[0][1].grammar == ()


@pytest.mark.parametrize("choice", ["subtract", 3, {"type": "function"}, {"name": 1}, ["add"]])
def test_a_choice_that_is_none_is_refused_when_it_is_bound(choice):
    with pytest.raises(InvalidInputError, match=r"`tool_choice` is .*one of the tools that are bound: \['add'\]"):
        chat({GOOD: 1.0}).bind_tools([add], tool_choice=choice)
    with pytest.raises(InvalidInputError, match=r"the tools that are bound: \[\]"):
        chat({GOOD: 1.0}).invoke(QUESTION, tool_choice="any")


@pytest.mark.parametrize("other", [{"type": "web_search"}, {"type": "function"}, {"function": {}}])
def test_a_tool_that_is_no_function_is_refused(other):
    with pytest.raises(InvalidInputError, match=r"`tools` holds .*it must be a function"):
        chat({GOOD: 1.0}).invoke(QUESTION, tools=[other])
    with pytest.raises(InvalidInputError, match=r"`tools` holds .*it must be a function"):
        chat({GOOD: 1.0}).bind_tools([{"type": "web_search"}])


def test_the_cache_keeps_forced_and_free_calls_apart():
    model = chat({GOOD: 0.1, "5": 0.9}, cache=InMemoryCache())
    assert model.bind_tools([add]).invoke(QUESTION).tool_calls == []
    assert model.bind_tools([add], tool_choice="any").invoke(QUESTION).tool_calls
    assert model.bind_tools([add], tool_choice="add").invoke(QUESTION).tool_calls
    assert len(model.engine.sample_calls) == 2  # with one tool, any is that one


def test_draws_that_end_before_their_call_does_are_left_out_and_that_is_said():
    class Cutting(RecordingEngine):
        def sample(self, prompts, settings):
            drawn = super().sample(prompts, settings)
            first, *rest = drawn.samples[0]
            return replace(drawn, samples=((replace(first, finish="length", text=first.text[:9]), *rest),))

    model = ChatEquilibriumRanking.from_engine(Cutting({QUESTION: {GOOD: 1.0}}), num_candidates=3)
    message = model.bind_tools([add], tool_choice="any").invoke(QUESTION)
    result = result_from_json(message.response_metadata[EVIDENCE])
    assert [one.text for one in result.candidates] == [GOOD]
    assert any("1 draws were cut before they were complete under the grammar" in said for said in result.warnings)


def test_an_engine_that_does_not_know_how_calls_are_written_refuses_tools():
    class Other(RecordingEngine):
        written_call = None

    model = ChatEquilibriumRanking.from_engine(Other({QUESTION: {GOOD: 1.0}}))
    with pytest.raises(InvalidInputError, match="has no `written_call`"):
        model.bind_tools([add]).invoke(QUESTION)


def test_with_tool_choice_none_the_tools_are_not_shown():
    model = chat({"5": 1.0})
    assert model.bind_tools([add], tool_choice="none").invoke(QUESTION).content == "5"
    assert model.engine.sample_calls[0][0][0].tools == ()


def test_the_results_of_tools_reach_the_model_after_the_question():
    model = chat({"5": 1.0})
    called = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 2, "b": 3}, "id": "1"}])
    talk = [HumanMessage(QUESTION), called, ToolMessage(RESULT, name="add", tool_call_id="1")]
    assert model.bind_tools([add]).invoke(talk).content == "5"
    turns = model.engine.sample_calls[0][0][0].messages
    assert [turn.role for turn in turns] == ["system", "user", "assistant", "tool"]
    assert turns[2].tool_calls[0].name == "add"
    assert turns[3].content == RESULT


def test_a_model_without_a_chat_template_refuses_tools():
    model = ChatEquilibriumRanking.from_engine(RecordingEngine({QUESTION: {"5": 1.0}}, is_chat=False))
    with pytest.raises(InvalidInputError, match="has `tools`, and wording 'qa' is plain text; use a chat wording"):
        model.bind_tools([add]).invoke(QUESTION)


def test_a_parser_behind_it_reads_the_evidence():
    result = (chat({GOOD: 0.8, "5": 0.2}).bind_tools([add]) | ConsensusOutputParser()).invoke(QUESTION)
    assert result.text == GOOD
    assert len(result.candidates) == 2


class Agent(RecordingEngine):
    """Calls the tool first, and answers when it has the result."""

    def sample(self, prompts, settings):
        (prompt,) = prompts
        answer = "The sum is 5." if prompt.messages[-1].role == "tool" else GOOD
        self._beliefs = {QUESTION: {answer: 0.9, "7": 0.1}}
        return super().sample(prompts, settings)


async def test_an_agent_runs_the_tool_and_answers():
    from langchain import agents

    model = ChatEquilibriumRanking.from_engine(Agent({}), solver="log_time_flow", rule="majority")
    agent = agents.create_agent(model, tools=[add])
    for final in (
        agent.invoke({"messages": [("human", QUESTION)]}),
        await agent.ainvoke({"messages": [("human", QUESTION)]}),
    ):
        kinds = [(message.type, message.content) for message in final["messages"]]
        assert kinds == [("human", QUESTION), ("ai", ""), ("tool", "5"), ("ai", "The sum is 5.")]
