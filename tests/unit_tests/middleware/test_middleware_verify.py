"""Mode `verify`: which answers are judged, by what, and what becomes of them."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langgraph.errors import GraphInterrupt
from pydantic import BaseModel

from langchain_consensus.engine import FakeEngine
from langchain_consensus.errors import EngineError, LowConfidenceError
from langchain_consensus.middleware import ConsensusMiddleware
from langchain_consensus.output_parsers import ConsensusOutputParser
from tests.agents import agent_of, ask, calling, scripted, texts
from tests.engines import CAPITAL, RecordingEngine, TableEngine, text_of
from tests.two_faced import OTHER, TwoFaced

# The judge of these tests gives Canberra 0.6, Sydney 0.3 and Melbourne 0.1.


class FailingEngine(FakeEngine):
    """A judge that raises."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def score(self, requests):
        raise self.error


class MumblingEngine(FakeEngine):
    """A judge that gives its verdict words next to no probability, or none that is a number."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def score(self, requests):
        result = super().score(requests)
        for one in result.scores:
            one.logprobs[:] = self.value
        return result


def record(state, name="ConsensusMiddleware"):
    return state["consensus"][name]


def test_an_answer_that_the_judge_believes_is_accepted_under_its_own_id_and_carries_the_evidence(fake_engine):
    state = ask(agent_of(scripted("It is Canberra."), fake_engine))
    assert texts(state["messages"]) == [("human", CAPITAL), ("ai", "It is Canberra.")]
    evidence = state["messages"][-1].response_metadata["consensus"]
    assert evidence["confidence"] == pytest.approx(0.6)
    assert evidence["abstained"] is False
    assert (evidence["model"], evidence["wording"]) == ("fake", "agent_answer")
    assert record(state)["decision"] == "accepted"
    assert record(state)["evidence"] == evidence
    assert ConsensusOutputParser(min_confidence=0.5).invoke(state["messages"][-1]).answer == "It is Canberra."


@pytest.mark.parametrize(("on_failure", "text"), [("refuse", "I pass."), ("keep", "Sydney")])
def test_a_parser_behind_the_agent_takes_no_rejected_answer_for_one(fake_engine, on_failure, text):
    agent = agent_of(scripted("Sydney"), fake_engine, max_retries=0, on_failure=on_failure, refusal="I pass.")
    result = ConsensusOutputParser().invoke(ask(agent)["messages"][-1])
    assert (result.answer, result.text, result.abstained) == (None, text, True)


def test_a_parser_behind_the_agent_reads_the_agent_s_answer_and_not_the_judge_s(fake_engine):
    agent = agent_of(scripted("Melbourne"), fake_engine, contrast_candidates=8, min_confidence=0.0)
    message = ask(agent)["messages"][-1]
    assert ConsensusOutputParser(inner=StrOutputParser()).invoke(message).answer == "Melbourne"


def test_an_accepted_message_is_replaced_not_repeated_and_not_edited_in_place(fake_engine):
    said = AIMessage("Canberra", id="one")
    middleware = ConsensusMiddleware(fake_engine)
    state = {"messages": [HumanMessage(CAPITAL, id="q"), said]}
    update = middleware.after_model(state, None)
    assert [one.id for one in update["messages"]] == ["one"]
    assert said.response_metadata == {}
    assert "jump_to" not in update


def test_an_answer_at_the_threshold_is_accepted():
    engine = FakeEngine({CAPITAL: {"Canberra": 0.5, "Sydney": 0.5}})
    assert record(ask(agent_of(scripted("Canberra"), engine, min_confidence=0.5)))["decision"] == "accepted"


def test_a_rejected_answer_goes_back_with_the_reason_and_the_second_one_counts(fake_engine):
    model = scripted("Sydney", "Canberra")
    state = ask(agent_of(model, fake_engine))
    assert texts(state["messages"]) == [("human", CAPITAL), ("ai", "Canberra")]
    first, second = model.asked
    assert [one.text for one in second[:-1]] == [CAPITAL, "Sydney"]
    assert isinstance(second[-1], HumanMessage)
    assert "probability of 0.30 of being right, and 0.50 is asked for" in second[-1].text
    assert len(first) == 1
    assert [(one["answer"], one["confidence"]) for one in record(state)["attempts"]] == [
        ("Sydney", pytest.approx(0.3)),
        ("Canberra", pytest.approx(0.6)),
    ]


def test_the_hook_itself_returns_feedback_and_a_jump_to_the_model(fake_engine):
    middleware = ConsensusMiddleware(fake_engine)
    state = {"messages": [HumanMessage(CAPITAL, id="q"), AIMessage("Sydney", id="a")]}
    update = middleware.after_model(state, None)
    assert update["jump_to"] == "model"
    assert [one.type for one in update["messages"]] == ["human"]
    assert update["messages"][0].additional_kwargs == {"consensus_feedback": "ConsensusMiddleware"}


def test_drafts_and_feedback_stay_in_the_conversation_where_that_is_asked_for(fake_engine):
    state = ask(agent_of(scripted("Sydney", "Canberra"), fake_engine, keep_drafts=True, feedback="No: {reason}"))
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai", "human", "ai"]
    assert state["messages"][2].text.startswith("No: a check gives it")


def test_the_judge_is_asked_the_user_s_question_and_not_the_feedback(recording_engine):
    ask(agent_of(scripted("Sydney", "Melbourne", "Canberra"), recording_engine, max_retries=2))
    prompts = [text_of(call[0].prompt) for call in recording_engine.score_calls]
    assert len(prompts) == 3
    for prompt, answer in zip(prompts, ("Sydney", "Melbourne", "Canberra"), strict=True):
        assert f"Question: {CAPITAL}" in prompt
        assert f"Proposed answer: {answer}\n" in prompt
        assert "not accepted" not in prompt
    assert "Sydney" not in prompts[2]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_end_at_their_limit_and_the_answer_is_refused(fake_engine, retries):
    model = scripted(*["Sydney"] * 10)
    state = ask(agent_of(model, fake_engine, max_retries=retries, refusal="I do not know."))
    assert len(model.asked) == retries + 1
    assert texts(state["messages"]) == [("human", CAPITAL), ("ai", "I do not know.")]
    assert state["messages"][-1].response_metadata["consensus"]["abstained"] is True
    assert record(state)["decision"] == "refused"
    assert len(record(state)["attempts"]) == retries + 1


def test_a_run_begins_with_new_retries_and_no_old_evidence(fake_engine):
    from langgraph.checkpoint.memory import InMemorySaver

    model = scripted("Sydney", "Canberra", "Sydney", "Canberra")
    agent = agent_of(model, fake_engine, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    for _ in range(2):
        state = ask(agent, config=config)
        assert record(state)["decision"] == "accepted"
        assert len(record(state)["attempts"]) == 2
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai", "human", "ai"]


def test_an_answer_that_is_kept_is_marked_as_not_accepted(fake_engine):
    state = ask(agent_of(scripted("Sydney"), fake_engine, max_retries=0, on_failure="keep"))
    assert state["messages"][-1].text == "Sydney"
    assert state["messages"][-1].response_metadata["consensus"]["abstained"] is True
    assert record(state)["decision"] == "kept"


def test_an_error_is_raised_where_that_is_asked_for(fake_engine):
    agent = agent_of(scripted("Sydney"), fake_engine, max_retries=0, on_failure="error")
    with pytest.raises(LowConfidenceError, match=r"'Sydney' is not accepted: a check gives it a probability of 0\.30"):
        ask(agent)


def test_the_fallback_model_answers_after_the_retries_and_may_use_tools(fake_engine, ran):
    model, fallback = scripted("Sydney", "Sydney"), scripted(calling("lookup", name="Australia"), "Canberra")
    state = ask(agent_of(model, fake_engine, fallback_model=fallback))
    assert (len(model.asked), len(fallback.asked)) == (2, 2)
    assert ran == [("lookup", "Australia")]
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai", "tool", "ai"]
    assert state["messages"][-1].text == "Canberra"
    assert record(state)["decision"] == "accepted"


@pytest.mark.parametrize(("on_failure", "last"), [("refuse", "I pass."), ("keep", "Melbourne")])
def test_the_fallback_model_answers_once_and_is_judged_too(fake_engine, on_failure, last):
    model, fallback = scripted("Sydney"), scripted("Melbourne", "Melbourne")
    options = {"max_retries": 0, "fallback_model": fallback, "on_failure": on_failure}
    state = ask(agent_of(model, fake_engine, refusal="I pass.", **options))
    assert len(fallback.asked) == 1
    assert state["messages"][-1].text == last


def test_the_next_run_begins_with_the_agent_s_own_model_again(fake_engine):
    from langgraph.checkpoint.memory import InMemorySaver

    model, fallback = scripted("Sydney", "Canberra"), scripted("Canberra")
    agent = agent_of(model, fake_engine, max_retries=0, fallback_model=fallback, checkpointer=InMemorySaver())
    for _ in range(2):
        ask(agent, config={"configurable": {"thread_id": "1"}})
    assert (len(model.asked), len(fallback.asked)) == (2, 1)


def test_tool_calls_are_not_judged_and_their_results_are_the_answer_s_context(recording_engine, ran):
    model = scripted(calling("lookup", name="Australia"), "Canberra")
    state = ask(agent_of(model, recording_engine))
    assert len(recording_engine.score_calls) == 1
    prompt = text_of(recording_engine.score_calls[0][0].prompt)
    assert 'lookup(name="Australia") returned: Australia: Canberra' in prompt
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai", "tool", "ai"]


def test_results_belong_to_their_calls_in_whatever_order_they_came(recording_engine):
    calls = AIMessage(
        "",
        tool_calls=[
            {"name": "lookup", "args": {"name": "A"}, "id": "1"},
            {"name": "lookup", "args": {"name": "B"}, "id": "2"},
        ],
    )
    messages = [
        HumanMessage(CAPITAL),
        calls,
        ToolMessage("of B", tool_call_id="2"),
        ToolMessage("of A", tool_call_id="1", status="error"),
        AIMessage("Canberra", id="x"),
    ]
    ConsensusMiddleware(recording_engine).after_model({"messages": messages}, None)
    prompt = text_of(recording_engine.score_calls[0][0].prompt)
    assert 'lookup(name="B") returned: of B\nlookup(name="A") failed: of A' in prompt


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [HumanMessage(CAPITAL)],
        [HumanMessage(CAPITAL), calling("lookup", name="x")],
        [HumanMessage(CAPITAL), calling("lookup", name="x"), ToolMessage("y", tool_call_id="call_1")],
        [AIMessage("Canberra"), HumanMessage(CAPITAL)],
    ],
)
def test_what_ends_in_no_final_answer_is_left_alone(recording_engine, messages):
    assert ConsensusMiddleware(recording_engine).after_model({"messages": messages}, None) is None
    assert recording_engine.calls == (0, 0)


def test_an_empty_answer_is_never_accepted_and_never_judged(recording_engine):
    model = scripted("", "Canberra")
    state = ask(agent_of(model, recording_engine))
    assert state["messages"][-1].text == "Canberra"
    assert len(recording_engine.score_calls) == 1


@pytest.mark.parametrize(
    ("judge", "problem"),
    [
        (FailingEngine(EngineError("the server is gone")), "of this error: the server is gone"),
        (FailingEngine(RuntimeError("key sk-1234")), "because the judge failed (RuntimeError)"),
        (MumblingEngine(-9.0), "the judge is not answering: it puts 0% of its probability on 'No' and 'Yes'"),
        (MumblingEngine(float("-inf")), "the judge is not answering"),
        (MumblingEngine(float("nan")), "no log-probabilities"),
        (MumblingEngine(3.0), "no log-probabilities"),
    ],
)
def test_a_judge_that_cannot_answer_has_accepted_nothing_and_is_not_asked_again(judge, problem):
    model = scripted("Canberra", "Canberra")
    state = ask(agent_of(model, judge, refusal="I pass.", max_retries=5))
    assert state["messages"][-1].text == "I pass."
    assert len(model.asked) == 1
    assert record(state)["confidence"] is None
    assert problem in record(state)["reason"]
    assert "sk-1234" not in json.dumps(state["consensus"])
    json.dumps(state["consensus"], allow_nan=False)


def test_an_answer_to_an_image_cannot_be_judged_and_says_so(fake_engine):
    image = [{"type": "image_url", "image_url": {"url": "data:"}}, {"type": "text", "text": CAPITAL}]
    agent = agent_of(scripted("Canberra"), fake_engine, on_failure="keep")
    state = agent.invoke({"messages": [HumanMessage(image)]})
    assert "only text can be ranked" in record(state)["reason"]
    assert record(state)["decision"] == "kept"


def test_an_interrupt_inside_the_judge_is_not_swallowed():
    with pytest.raises(GraphInterrupt):
        ConsensusMiddleware(FailingEngine(GraphInterrupt())).after_model(
            {"messages": [HumanMessage(CAPITAL), AIMessage("Canberra")]}, None
        )


def test_state_and_evidence_are_plain_json(fake_engine):
    state = ask(agent_of(scripted("Sydney", "Canberra"), fake_engine))
    assert json.loads(json.dumps(state["consensus"], allow_nan=False)) == state["consensus"]
    json.dumps(state["messages"][-1].response_metadata, allow_nan=False)
    assert set(state) == {"messages", "consensus"}  # what it needs for itself is not in the output


def test_the_model_s_own_ranking_is_kept_in_the_record(fake_engine):
    said = AIMessage("Canberra", response_metadata={"consensus": {"answer": "Canberra"}, "model_name": "m"})
    state = ask(agent_of(scripted(said), fake_engine))
    assert record(state)["ranking"] == {"answer": "Canberra"}
    assert state["messages"][-1].response_metadata["model_name"] == "m"


def test_contrast_candidates_put_the_answer_into_a_game(recording_engine):
    state = ask(agent_of(scripted("Canberra"), recording_engine, contrast_candidates=6, contrast_by="game"))
    evidence = record(state)["evidence"]
    assert len(recording_engine.sample_calls) == 1
    assert recording_engine.sample_calls[0][1].n == 6
    by_text = {one["text"]: one for one in evidence["candidates"]}
    assert len(by_text) > 1
    assert evidence["confidence"] == by_text["Canberra"]["scores"]["er_discriminator"]
    assert evidence["usage"]["sampled_tokens"] > 0


def test_with_no_other_answer_drawn_the_raw_verdict_decides_though_a_game_would_say_one_half():
    engine = FakeEngine({CAPITAL: {"Canberra": 1.0}})
    state = ask(agent_of(scripted("Canberra"), engine, contrast_candidates=3, contrast_by="game"))
    evidence = record(state)["evidence"]
    assert evidence["candidates"][0]["scores"]["er_discriminator"] == pytest.approx(0.5)
    assert evidence["confidence"] == pytest.approx(0.999)


def test_the_raw_verdict_is_the_share_of_the_correct_word_by_hand():
    # P(Yes) = 0.6, P(No) = 0.2: 0.6 / 0.8 = 0.75, with a mass of 0.8.
    class Judge(TableEngine):
        is_chat = True

        def score(self, requests):
            self._table = {(text_of(requests[0].prompt), "No"): 0.2, (text_of(requests[0].prompt), "Yes"): 0.6}
            return super().score(requests)

    state = ask(agent_of(scripted("Canberra"), Judge({})))
    assert record(state)["confidence"] == pytest.approx(0.75)


def test_a_judge_without_a_chat_template_reads_tool_results_as_context(ran):
    engine = RecordingEngine(is_chat=False)
    state = ask(agent_of(scripted(calling("lookup", name="Australia"), "Canberra"), engine))
    assert record(state)["decision"] == "accepted"
    prompt = text_of(engine.score_calls[0][0].prompt)
    assert prompt.startswith('Context: lookup(name="Australia") returned: Australia: Canberra\nQuestion: ')


class Capital(BaseModel):
    """A capital."""

    city: str


def test_a_structured_answer_is_judged_as_json_and_kept(recording_engine):
    model = scripted(calling("Capital", city="Canberra"))
    state = ask(agent_of(model, recording_engine, response_format=Capital))
    assert state["structured_response"] == Capital(city="Canberra")
    assert 'Proposed answer: {"city": "Canberra"}' in text_of(recording_engine.score_calls[0][0].prompt)
    assert record(state)["decision"] == "accepted"


@pytest.mark.parametrize("tools", [(), None])
def test_a_structured_answer_can_be_retried_and_refused(fake_engine, tools):
    given = {} if tools is None else {"tools": tools}
    script = (calling("Capital", "1", city="Sydney"), calling("Capital", "2", city="Canberra"))
    state = ask(agent_of(scripted(*script), fake_engine, response_format=Capital, **given))
    assert state["structured_response"] == Capital(city="Canberra")
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai", "tool"]
    refusing = agent_of(scripted(script[0]), fake_engine, response_format=Capital, max_retries=0, **given)
    state = ask(refusing)
    assert state.get("structured_response") is None
    assert [kind for kind, _ in texts(state["messages"])] == ["human", "ai"]


async def test_async_gives_the_same_states(recording_engine):
    for script in (["Canberra"], ["Sydney", "Canberra"], ["Sydney", "Sydney"]):
        plain = ask(agent_of(scripted(*script), recording_engine))
        other = await agent_of(scripted(*script), recording_engine).ainvoke({"messages": [("human", CAPITAL)]})
        assert texts(plain["messages"]) == texts(other["messages"])
        assert plain["consensus"] == other["consensus"]


async def test_under_async_the_judge_runs_in_a_worker_thread(recording_engine):
    import threading

    await agent_of(scripted("Canberra"), recording_engine).ainvoke({"messages": [("human", CAPITAL)]})
    assert recording_engine.threads
    assert threading.get_ident() not in recording_engine.threads


def test_rivals_that_the_judge_draws_decide_on_an_answer_and_are_never_said():
    for answer, decision in (("four", "refused"), ("five", "accepted")):
        judge = TwoFaced("five", "four")
        agent = agent_of(scripted(answer), judge, rivals=2, max_retries=0)
        state = ask(agent, OTHER)
        assert record(state)["decision"] == decision
        assert (record(state)["confidence"] >= 0.5) is (decision == "accepted")
        evidence = record(state)["evidence"]["candidates"]
        other = "four" if answer == "five" else "five"
        assert [(one["text"], one["is_rival"]) for one in evidence] == [(answer, False), (other, True)]
        assert state["messages"][-1].response_metadata["consensus"]["candidates"] == []
