"""Mode `select`: what is drawn, what is chosen, and what no stream sees."""

import json

import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from langchain_consensus import ChatEquilibriumRanking
from langchain_consensus.engine import FakeEngine
from tests.agents import agent_of, ask, calling, lookup, scripted, send_mail, texts
from tests.engines import CAPITAL, RecordingEngine, text_of

DRAWS = ("Sydney", "Canberra", "Melbourne", "Sydney")


def selecting(model, engine, **options):
    return agent_of(model, engine, mode="select", **options)


def record(state):
    return state["consensus"]["ConsensusMiddleware"]


def streamed(agent, mode="messages"):
    return list(agent.stream({"messages": [("human", CAPITAL)]}, stream_mode=mode))


def test_the_equilibrium_choice_among_the_draws_is_the_answer(fake_engine):
    model = scripted(*DRAWS)
    state = ask(selecting(model, fake_engine))
    assert len(model.asked) == 4
    assert texts(state["messages"]) == [("human", CAPITAL), ("ai", "Canberra")]
    evidence = state["messages"][-1].response_metadata["consensus"]
    assert [(one["text"], one["count"]) for one in evidence["candidates"]] == [
        ("Canberra", 1),
        ("Sydney", 2),
        ("Melbourne", 1),
    ]
    assert record(state) == {
        "mode": "select",
        "decision": "selected",
        "draws": 4,
        "usable": 4,
        "drawing": {"input_tokens": 0, "output_tokens": 0},
        "evidence": evidence,
    }
    json.dumps(state["consensus"], allow_nan=False)


def test_equal_answers_are_one_candidate_and_a_key_decides_what_is_equal(fake_engine):
    state = ask(selecting(scripted("Canberra.", "canberra", "It is Canberra", "Sydney"), fake_engine))
    assert len(record(state)["evidence"]["candidates"]) == 3
    by_last_word = {"answer_key": lambda text: text.lower().split()[-1].strip(".")}
    state = ask(selecting(scripted("Canberra.", "canberra", "It is Canberra", "Sydney"), fake_engine, **by_last_word))
    assert len(record(state)["evidence"]["candidates"]) == 2


def test_of_a_candidate_s_members_the_message_is_the_one_that_the_evidence_shows(fake_engine):
    state = ask(selecting(scripted("canberra", "Canberra", "Canberra", "Sydney"), fake_engine, rule="majority"))
    assert state["messages"][-1].text == record(state)["evidence"]["text"] == "Canberra"


def test_the_rule_can_be_chosen(fake_engine):
    state = ask(selecting(scripted(*DRAWS), fake_engine, rule="majority", solver="log_time_flow"))
    assert state["messages"][-1].text == "Sydney"
    assert record(state)["evidence"]["solver"]["name"] == "LogTimeFlow"


def test_the_first_call_of_a_tool_passes_through_after_one_draw(recording_engine, ran):
    call = calling("lookup", name="Australia")
    model = scripted(call, *DRAWS)
    state = ask(selecting(model, recording_engine))
    assert len(model.asked) == 5
    assert ran == [("lookup", "Australia")]
    assert state["messages"][1].tool_calls == call.tool_calls
    assert "consensus" not in state["messages"][1].response_metadata
    assert len(recording_engine.score_calls) == 1
    prompts = [text_of(one.prompt) for one in recording_engine.score_calls[0]]
    assert all('lookup(name="Australia") returned: Australia: Canberra' in prompt for prompt in prompts)


def test_a_call_among_the_later_draws_is_no_candidate_for_an_answer(fake_engine, ran):
    model = scripted("Sydney", calling("send_mail", to="x"), "Canberra", "Sydney")
    state = ask(selecting(model, fake_engine))
    assert ran == []
    assert texts(state["messages"])[-1] == ("ai", "Canberra")
    assert (record(state)["draws"], record(state)["usable"]) == (4, 3)


def test_ranked_tool_calls_are_one_candidate_where_name_and_arguments_agree(ran):
    written = '<tool_call>\n{"name": "lookup", "arguments": {"name": "Australia"}}\n</tool_call>'
    other = '<tool_call>\n{"name": "send_mail", "arguments": {"to": "Australia"}}\n</tool_call>'
    engine = RecordingEngine({CAPITAL: {written: 0.6, other: 0.2, "Sydney": 0.1, "Canberra": 0.1}})
    model = scripted(
        calling("send_mail", "1", to="Australia"),
        calling("lookup", "2", name="Australia"),
        calling("lookup", "3", name="Australia"),
        "Sydney",
        *["Canberra"] * 4,
    )
    state = ask(selecting(model, engine, rank_tool_calls=True))
    assert ran == [("lookup", "Australia")]
    evidence = state["messages"][1].response_metadata["consensus"]
    assert evidence["wording"] == "chat_tools"
    assert sorted(one["count"] for one in evidence["candidates"]) == [1, 1, 2]
    (first, *_), _ = engine.score_calls
    assert [json.loads(tool)["function"]["name"] for tool in first.prompt.tools] == ["lookup", "send_mail"]
    assert state["messages"][-1].text == "Canberra"


def test_discarded_candidates_reach_no_message_stream(fake_engine):
    pieces = streamed(selecting(scripted(*DRAWS), fake_engine))
    assert [str(message.text) for message, _ in pieces] == ["Canberra"]


def test_with_tools_the_stream_has_the_call_its_result_and_the_winner(fake_engine, ran):
    pieces = streamed(selecting(scripted(calling("lookup", name="Australia"), *DRAWS), fake_engine))
    assert [message.type for message, _ in pieces] == ["ai", "tool", "ai"]
    assert str(pieces[-1][0].text) == "Canberra"


async def test_discarded_candidates_reach_no_asynchronous_stream_either(fake_engine):
    agent = selecting(scripted(*DRAWS), fake_engine)
    seen = [one async for one, _ in agent.astream({"messages": [("human", CAPITAL)]}, stream_mode="messages")]
    assert [str(message.text) for message in seen] == ["Canberra"]


@pytest.mark.filterwarnings("ignore:The v3 streaming protocol on Pregel is experimental")
def test_discarded_candidates_reach_no_event_stream(fake_engine):
    run = selecting(scripted(*DRAWS), fake_engine).stream_events({"messages": [("human", CAPITAL)]}, version="v3")
    said = [str(message.text) for message in run.messages]
    assert said == ["Canberra"]


def test_updates_hold_the_winner_alone(fake_engine):
    said = [
        str(message.text)
        for update in streamed(selecting(scripted(*DRAWS), fake_engine), "updates")
        for change in update.values()
        for message in (change or {}).get("messages", ())
    ]
    assert said == ["Canberra"]


def test_the_caller_s_model_keeps_its_tags(fake_engine):
    model = scripted(*DRAWS)
    model.tags = ["mine"]
    ask(selecting(model, fake_engine))
    assert model.tags == ["mine"]


def test_a_reply_without_text_is_no_candidate_and_nothing_but_such_is_kept_and_said_so(fake_engine):
    state = ask(selecting(scripted("", "Sydney", "", "Canberra"), fake_engine))
    assert record(state)["usable"] == 2
    assert state["messages"][-1].text == "Canberra"
    state = ask(selecting(scripted("", "", "", ""), fake_engine))
    assert record(state)["decision"] == "nothing_to_select"


def test_a_call_that_cannot_be_read_is_no_candidate_beside_others(fake_engine):
    broken = AIMessage("Canberra", invalid_tool_calls=[{"name": "lookup", "args": "{", "id": None, "error": "no JSON"}])
    state = ask(selecting(scripted(broken, "Sydney", "Sydney", "Melbourne"), fake_engine))
    assert state["messages"][-1].text == "Sydney"


class Capital(BaseModel):
    """A capital."""

    city: str


def test_the_structured_response_of_the_chosen_reply_is_kept(fake_engine):
    script = [calling("Capital", str(i), city=city) for i, city in enumerate(DRAWS)]
    state = ask(selecting(scripted(*script), fake_engine, response_format=Capital))
    assert state["structured_response"] == Capital(city="Canberra")
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai", "tool"]
    assert state["messages"][1].tool_calls[0]["id"] == state["messages"][2].tool_call_id == "1"


def test_a_further_reply_that_fits_no_schema_is_no_candidate(fake_engine):
    from langchain.agents.structured_output import ToolStrategy

    script = [
        calling("Capital", "0", city="Sydney"),
        *[calling("Capital", "1", town=3)] * 2,
        calling("Capital", "2", city="Canberra"),
    ]
    strict = ToolStrategy(Capital, handle_errors=False)
    state = ask(selecting(scripted(*script), fake_engine, response_format=strict))
    assert state["structured_response"] == Capital(city="Canberra")
    assert record(state)["draws"] == 2


def test_an_error_of_the_model_is_the_caller_s(fake_engine):
    with pytest.raises(RuntimeError, match="no more quota"):
        ask(selecting(scripted("Sydney", RuntimeError("no more quota")), fake_engine))


def test_a_model_that_ranks_on_the_same_engine_is_asked_once_and_its_ranking_stands():
    engine = RecordingEngine()
    chat = ChatEquilibriumRanking.from_engine(engine, num_candidates=5)
    state = ask(selecting(chat, engine, tools=()))
    assert engine.calls == (1, 1)
    assert record(state)["decision"] == "selected_by_model"
    assert record(state)["evidence"] == state["messages"][-1].response_metadata["consensus"]


def test_a_model_that_ranks_on_another_engine_is_judged_by_the_judge():
    model, judge = RecordingEngine(), RecordingEngine({CAPITAL: {"Sydney": 0.9, "Canberra": 0.1}})
    chat = ChatEquilibriumRanking.from_engine(model, num_candidates=2, rule="majority")
    state = ask(selecting(chat, judge, tools=(), num_candidates=6))
    assert len(model.sample_calls) == 6
    assert len(judge.score_calls) == 1
    assert record(state)["decision"] == "selected"


def test_a_model_of_this_package_that_ranks_nothing_itself_draws_with_a_seed_of_its_own_each_time():
    engine = RecordingEngine()
    chat = ChatEquilibriumRanking.from_engine(engine, num_candidates=1, seed=7)
    state = ask(selecting(chat, engine, tools=(), num_candidates=6))
    assert [settings.seed for _, settings in engine.sample_calls] == [7, 8, 9, 10, 11, 12]
    assert record(state)["draws"] == 6
    assert len(record(state)["evidence"]["candidates"]) > 1


def test_draw_settings_are_for_every_reply_after_the_first():
    engine = RecordingEngine()
    chat = ChatEquilibriumRanking.from_engine(engine, num_candidates=1, temperature=0.0)
    settings = {"temperature": 0.8}
    ask(selecting(chat, engine, tools=(), num_candidates=3, draw_settings=settings))
    assert [(one.temperature, one.seed) for _, one in engine.sample_calls] == [(0.0, 0), (0.8, 1), (0.8, 2)]


def test_the_tokens_of_all_draws_are_counted(fake_engine):
    used = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
    model = scripted(*(AIMessage(text, usage_metadata=used) for text in DRAWS))
    state = ask(selecting(model, fake_engine))
    assert record(state)["drawing"] == {"input_tokens": 40, "output_tokens": 12}
    assert state["messages"][-1].usage_metadata == used


async def test_async_chooses_the_same(fake_engine):
    plain = ask(selecting(scripted(*DRAWS), fake_engine))
    other = await selecting(scripted(*DRAWS), fake_engine).ainvoke({"messages": [("human", CAPITAL)]})
    assert texts(plain["messages"]) == texts(other["messages"])
    ours, theirs = (record(state)["evidence"]["candidates"] for state in (plain, other))
    assert sorted((one["text"], one["count"]) for one in ours) == sorted((one["text"], one["count"]) for one in theirs)


async def test_under_async_what_follows_the_first_reply_is_drawn_at_the_same_time(fake_engine):
    import asyncio

    from langchain_core.outputs import ChatGeneration, ChatResult

    from tests.agents import ScriptedChat

    waiting, most = 0, 0

    class Slow(ScriptedChat):
        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            await asyncio.sleep(0.02)
            waiting -= 1
            return ChatResult(generations=[ChatGeneration(message=self._next(messages))])

    model = Slow(script=iter(DRAWS), asked=[], bound=[])
    state = await selecting(model, fake_engine).ainvoke({"messages": [("human", CAPITAL)]})
    assert most == 3
    assert state["messages"][-1].text == "Canberra"


def test_the_judge_may_know_better_than_the_model_that_answers():
    judge = FakeEngine({CAPITAL: {"Melbourne": 0.98, "Sydney": 0.01, "Canberra": 0.01}})
    assert ask(selecting(scripted(*DRAWS), judge))["messages"][-1].text == "Melbourne"


def test_tools_stay_bound_to_every_draw(fake_engine):
    model = scripted(*DRAWS)
    ask(selecting(model, fake_engine, tools=(lookup, send_mail)))
    assert model.bound == [["lookup", "send_mail"]] * 4
