"""With other middleware in either order, with checkpoints and interrupts, and what streams show."""

import itertools

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelCallLimitMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
)
from langchain_core.callbacks import BaseCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langchain_consensus.middleware import ConsensusMiddleware
from tests.agents import agent_of, ask, calling, lookup, scripted, send_mail, texts
from tests.engines import CAPITAL, RecordingEngine, text_of

THREAD = {"configurable": {"thread_id": "1"}}
FIRST, LAST = True, False


def agent(model, ours, other, *, first, tools=(lookup, send_mail)):
    ours, other = ([one] if not isinstance(one, list) else one for one in (ours, other))
    middleware = [*ours, *other] if first else [*other, *ours]
    return create_agent(model, list(tools), middleware=middleware, checkpointer=InMemorySaver())


@pytest.mark.parametrize("first", [FIRST, LAST])
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_human_decides_on_tools_and_the_judge_on_the_answer(first, decision, ran):
    engine = RecordingEngine()
    human = HumanInTheLoopMiddleware(interrupt_on={"lookup": True})
    model = scripted(calling("lookup", name="Australia"), "Sydney", "Canberra")
    graph = agent(model, ConsensusMiddleware(engine), human, first=first)
    stopped = ask(graph, config=THREAD)
    assert "__interrupt__" in stopped
    assert engine.calls == (0, 0)
    state = graph.invoke(Command(resume={"decisions": [{"type": decision}]}), config=THREAD)
    assert ran == ([("lookup", "Australia")] if decision == "approve" else [])
    assert state["messages"][-1].text == "Canberra"
    assert [one["answer"] for one in state["consensus"]["ConsensusMiddleware"]["attempts"]] == ["Sydney", "Canberra"]


@pytest.mark.parametrize("first", [FIRST, LAST])
def test_a_call_that_a_human_approves_is_judged_before_it_runs(first, ran):
    engine = RecordingEngine({CAPITAL: {'lookup(name="Austria")': 0.1, "Canberra": 0.9}})
    human = HumanInTheLoopMiddleware(interrupt_on={"lookup": True})
    gate = ConsensusMiddleware(engine, mode="tools", verify_tools={"lookup": 0.5})
    graph = agent(scripted(calling("lookup", name="Austria"), "Canberra"), gate, human, first=first)
    ask(graph, config=THREAD)
    state = graph.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config=THREAD)
    assert ran == []
    assert state["messages"][2].status == "error"


@pytest.mark.parametrize(("first", "judged"), [(LAST, "Australia"), (FIRST, "Austria")])
def test_a_call_that_a_human_edited_is_judged_as_edited_by_a_gate_that_is_listed_after(first, judged, ran):
    engine = RecordingEngine({CAPITAL: {f'lookup(name="{judged}")': 0.9, "Canberra": 0.1}})
    human = HumanInTheLoopMiddleware(interrupt_on={"lookup": True})
    gate = ConsensusMiddleware(engine, mode="tools", verify_tools={"lookup": 0.5})
    graph = agent(scripted(calling("lookup", name="Austria"), "Canberra"), gate, human, first=first)
    ask(graph, config=THREAD)
    edited = {"type": "edit", "edited_action": {"name": "lookup", "args": {"name": "Australia"}}}
    graph.invoke(Command(resume={"decisions": [edited]}), config=THREAD)
    assert ran == [("lookup", "Australia")]
    assert f'lookup(name="{judged}")' in text_of(engine.score_calls[0][0].prompt)


def test_retries_are_counted_across_an_interrupt(ran):
    human = HumanInTheLoopMiddleware(interrupt_on={"lookup": True})
    model = scripted("Sydney", calling("lookup", name="Australia"), "Sydney", "Sydney")
    graph = agent(model, ConsensusMiddleware(RecordingEngine(), refusal="I pass."), human, first=True)
    assert "__interrupt__" in ask(graph, config=THREAD)
    state = graph.invoke(Command(resume={"decisions": [{"type": "approve"}]}), config=THREAD)
    assert state["messages"][-1].text == "I pass."
    assert len(model.asked) == 3


@pytest.mark.parametrize("first", [FIRST, LAST])
@pytest.mark.parametrize("mode", ["verify", "select"])
def test_a_question_that_was_summarised_away_is_still_the_one_that_is_judged(first, mode, ran):
    engine = RecordingEngine()
    summary = SummarizationMiddleware(scripted(*["They talked."] * 9), trigger=("messages", 3), keep=("messages", 2))
    answers = ["Sydney", "Canberra"] if mode == "verify" else ["Sydney", "Canberra", "Sydney", "Sydney"]
    model = scripted(calling("lookup", name="Australia"), *answers)
    graph = agent(model, ConsensusMiddleware(engine, mode=mode), summary, first=first)
    state = ask(graph, config=THREAD)
    assert state["messages"][0].additional_kwargs["lc_source"] == "summarization"
    assert CAPITAL not in [one.text for one in state["messages"]]
    assert state["messages"][-1].text == "Canberra"
    for call in engine.score_calls:
        assert all(CAPITAL in text_of(request.prompt) for request in call)


@pytest.mark.parametrize(("first", "calls"), [(FIRST, 2), (LAST, 5)])
def test_a_limit_on_model_calls_counts_retries_if_it_is_listed_after_and_ours_holds_in_either_order(first, calls):
    # `after_model` runs from the last middleware to the first, and a retry jumps over what has not run yet.
    model = scripted(*["Sydney"] * 9)
    ours = ConsensusMiddleware(RecordingEngine(), max_retries=4)
    ask(agent(model, ours, ModelCallLimitMiddleware(run_limit=2), first=first), config=THREAD)
    assert len(model.asked) == calls


@pytest.mark.parametrize("first", [FIRST, LAST])
def test_a_model_that_fails_once_is_asked_again_by_the_retry_middleware(first):
    model = scripted("Sydney", RuntimeError("busy"), "Canberra", "Sydney", "Sydney", "Canberra", "Sydney", "Sydney")
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0)
    state = ask(agent(model, ConsensusMiddleware(RecordingEngine(), mode="select"), retry, first=first), config=THREAD)
    assert state["messages"][-1].text == "Canberra"


def test_two_of_them_keep_apart_what_they_know():
    lenient, strict = RecordingEngine({CAPITAL: {"Sydney": 0.9, "Canberra": 0.1}}), RecordingEngine()
    two = [
        ConsensusMiddleware(strict, name="strict", max_retries=2),
        ConsensusMiddleware(lenient, name="lenient", min_confidence=0.05),
    ]
    model = scripted("Sydney", "Melbourne", "Canberra")
    state = ask(create_agent(model, [], middleware=two))
    assert set(state["consensus"]) == {"strict", "lenient"}
    assert [one["answer"] for one in state["consensus"]["strict"]["attempts"]] == ["Sydney", "Canberra"]
    assert [one["answer"] for one in state["consensus"]["lenient"]["attempts"]] == ["Melbourne", "Canberra"]
    assert texts(state["messages"]) == [("human", CAPITAL), ("ai", "Canberra")]


def test_selection_and_verification_stack():
    engine = RecordingEngine()
    select = ConsensusMiddleware(engine, mode="select", num_candidates=2, name="select")
    for order in itertools.permutations([select, ConsensusMiddleware(engine, name="verify")]):
        state = ask(create_agent(scripted("Sydney", "Sydney", "Sydney", "Canberra"), [], middleware=order))
        assert state["messages"][-1].text == "Canberra"
        assert state["consensus"]["verify"]["decision"] == "accepted"
        assert state["consensus"]["verify"]["ranking"] == state["consensus"]["select"]["evidence"]


def test_a_conversation_goes_on_from_a_checkpoint_and_the_judge_sees_its_history():
    engine = RecordingEngine()
    graph = agent_of(scripted("Canberra", "Canberra again"), engine, checkpointer=InMemorySaver())
    ask(graph, config=THREAD)
    state = ask(graph, "And once more?", config=THREAD)
    assert len(state["messages"]) == 4 or state["consensus"]
    prompt = text_of(engine.score_calls[-1][0].prompt)
    assert f"user: {CAPITAL}\nassistant: Canberra" in prompt
    assert "Question: And once more?" in prompt


def test_checkpoints_round_trip_what_is_kept():
    graph = agent_of(scripted("Sydney", "Canberra"), RecordingEngine(), checkpointer=InMemorySaver())
    state = ask(graph, config=THREAD)
    stored = graph.get_state(THREAD).values
    assert stored["consensus"] == state["consensus"]
    assert len(stored["consensus_progress"]["ConsensusMiddleware"]["attempts"]) == 1
    history = [one.values.get("consensus") for one in graph.get_state_history(THREAD)]
    assert any(one and one["ConsensusMiddleware"]["decision"] == "retried" for one in history if one)


def test_in_mode_verify_a_stream_has_shown_the_draft_before_it_is_judged_and_shows_the_refusal_after():
    graph = agent_of(scripted("Sydney", "Sydney"), RecordingEngine(), refusal="I pass.")
    seen = [(m.type, m.text) for m, _ in graph.stream({"messages": [("human", CAPITAL)]}, stream_mode="messages")]
    assert [text for kind, text in seen if kind.startswith(("AI", "ai")) and text] == ["Sydney", "Sydney", "I pass."]


def test_an_accepted_answer_is_not_streamed_twice():
    graph = agent_of(scripted("It is Canberra"), RecordingEngine())
    seen = [m.text for m, _ in graph.stream({"messages": [("human", CAPITAL)]}, stream_mode="messages")]
    assert "".join(seen) == "It is Canberra"


@pytest.mark.parametrize("mode", ["verify", "select"])
def test_what_the_judge_does_is_a_child_run_with_its_tokens(mode):
    class Names(BaseCallbackHandler):
        def __init__(self):
            self.seen = []

        def on_chain_end(self, outputs, **kwargs):
            if isinstance(outputs, dict) and "seconds" in outputs:
                self.seen.append(outputs)

    handler = Names()
    graph = agent_of(scripted("Canberra", "Sydney", "Sydney", "Sydney"), RecordingEngine(), mode=mode)
    graph.invoke({"messages": [("human", CAPITAL)]}, config={"callbacks": [handler]})
    assert handler.seen
    assert handler.seen[0]["usage"]["input_tokens"] > 0


def test_nothing_of_this_is_imported_by_the_root():
    import subprocess
    import sys

    code = "import sys, langchain_consensus; from langchain_consensus import *; print('langchain' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_langchain_the_import_says_what_to_install(monkeypatch):
    import importlib
    import sys

    from langchain_consensus.errors import MissingDependencyError

    for name in [one for one in sys.modules if one.startswith("langchain_consensus.middleware")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "langchain.agents.middleware", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-consensus\[agents\]"'):
        importlib.import_module("langchain_consensus.middleware")
