"""What LangChain's own tracers, handlers and events see of the pipeline's steps, on every surface."""

import asyncio
import json
import time
from unittest.mock import MagicMock

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.tracers import LangChainTracer
from langchain_core.tracers.context import collect_runs
from langsmith import Client

from langchain_consensus import ChatEquilibriumRanking, ConsensusOutputParser, ConsensusRanker, EquilibriumRankingLLM
from langchain_consensus.errors import InvalidInputError
from tests.engines import CAPITAL, SUM, RecordingEngine

STEPS = ["sampling", "scoring", "solving"]
GIVEN = {"question": CAPITAL, "candidates": ["Sydney", "Canberra"]}


class SlowEngine(RecordingEngine):
    """Takes 30 ms to draw."""

    def sample(self, prompts, settings):
        time.sleep(0.03)
        return super().sample(prompts, settings)


@pytest.fixture
def engine():
    return SlowEngine()


@pytest.fixture
def llm(engine):
    return EquilibriumRankingLLM(engine=engine, solver="log_time_flow")


@pytest.fixture
def chat(engine):
    return ChatEquilibriumRanking(engine=engine, solver="log_time_flow")


def steps_of(run):
    return [child.name for child in run.child_runs]


def seconds(run):
    return (run.end_time - run.start_time).total_seconds()


CALLS = {
    "llm.invoke": lambda llm, chat: llm.invoke(CAPITAL),
    "llm.ainvoke": lambda llm, chat: asyncio.run(llm.ainvoke(CAPITAL)),
    "llm.stream": lambda llm, chat: list(llm.stream(CAPITAL)),
    "llm.batch": lambda llm, chat: llm.batch([CAPITAL]),
    "chat.invoke": lambda llm, chat: chat.invoke(CAPITAL),
    "chat.ainvoke": lambda llm, chat: asyncio.run(chat.ainvoke(CAPITAL)),
    "chat.batch": lambda llm, chat: chat.batch([CAPITAL]),
    "llm.ranked": lambda llm, chat: llm.ranked().invoke(CAPITAL),
    "llm.ranked, async": lambda llm, chat: asyncio.run(llm.ranked().ainvoke(CAPITAL)),
    "chat.ranked": lambda llm, chat: chat.ranked().invoke(CAPITAL),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_way_of_calling_shows_the_three_steps_with_durations_and_tokens(llm, chat, call):
    with collect_runs() as runs:
        call(llm, chat)
    (run,) = runs.traced_runs
    assert steps_of(run) == STEPS
    sampling, scoring, solving = run.child_runs
    assert sampling.outputs["usage"]["sampled_tokens"] > 0
    assert scoring.outputs["usage"]["input_tokens"] > 0
    assert "usage" not in solving.outputs
    assert sampling.inputs == {"questions": 1}
    assert seconds(sampling) >= 0.03
    assert seconds(sampling) >= sampling.outputs["seconds"] >= 0.03
    assert seconds(run) >= sum(seconds(child) for child in run.child_runs)
    assert all(child.error is None for child in run.child_runs)


def test_given_candidates_are_only_scored_and_solved(engine):
    ranker = ConsensusRanker(engine=engine, solver="log_time_flow")
    with collect_runs() as runs:
        ranker.invoke(GIVEN)
        asyncio.run(ranker.ainvoke(GIVEN))
        ranker.batch([GIVEN])
        asyncio.run(ranker.abatch([GIVEN]))
    assert [steps_of(run) for run in runs.traced_runs] == [STEPS[1:]] * 4
    assert runs.traced_runs[0].child_runs[0].outputs["candidates"] == 2


def test_inside_a_chain_the_steps_stand_below_the_model(llm):
    chain = PromptTemplate.from_template("{q}") | llm | StrOutputParser()
    with collect_runs() as runs:
        chain.invoke({"q": CAPITAL})
    (chain_run,) = runs.traced_runs
    assert [steps_of(child) for child in chain_run.child_runs] == [[], STEPS, []]
    model_run = chain_run.child_runs[1]
    assert model_run.run_type == "llm"
    assert all(child.trace_id == chain_run.id for child in model_run.child_runs)


def test_each_ranking_of_a_batch_has_the_steps_with_its_own_tokens(llm):
    with collect_runs() as runs:
        rankings = llm.ranked().batch([CAPITAL, SUM, CAPITAL])
    assert [steps_of(run) for run in runs.traced_runs] == [STEPS] * 3
    for run, ranking in zip(runs.traced_runs, rankings, strict=True):
        sampling, scoring, _ = run.child_runs
        read = [step.outputs["usage"]["input_tokens"] for step in (sampling, scoring)]
        assert sum(read) == ranking.usage.input_tokens
        assert sampling.outputs["candidates"] == len(ranking.candidates)
        assert sampling.inputs == {"questions": 3}


def test_the_first_run_of_a_text_model_s_batch_shows_the_steps_of_all(llm):
    # LangChain gives `_generate` the first run alone; the usage it shows is that of all prompts as well.
    with collect_runs() as runs:
        llm.batch([CAPITAL, SUM])
    first, second = runs.traced_runs
    assert (steps_of(first), steps_of(second)) == (STEPS, [])
    usage = first.outputs["llm_output"]["token_usage"]
    read = sum(step.outputs["usage"]["input_tokens"] for step in first.child_runs[:2])
    assert read == usage["prompt_tokens"]
    assert first.child_runs[0].inputs == {"questions": 2}


def test_the_first_run_of_a_chat_model_s_batch_shows_the_steps_of_all(chat):
    with collect_runs() as runs:
        chat.batch([CAPITAL, SUM])
    assert [steps_of(run) for run in runs.traced_runs] == [STEPS, []]
    assert runs.traced_runs[0].child_runs[0].inputs == {"questions": 2}


def test_a_step_that_fails_is_shown_with_its_error():
    llm = EquilibriumRankingLLM(engine=RecordingEngine({"q": {" ": 1.0}}))
    with collect_runs() as runs, pytest.raises(Exception, match="visible character"):
        llm.invoke("q")
    (run,) = runs.traced_runs
    assert steps_of(run) == ["sampling"]
    assert "visible character" in run.child_runs[0].error


def test_an_input_that_fails_in_a_batch_shows_its_own_error(llm):
    with collect_runs() as runs:
        found = llm.ranked().batch([CAPITAL, " "], return_exceptions=True)
    assert isinstance(found[1], InvalidInputError)
    good, bad = runs.traced_runs
    assert steps_of(good) == STEPS
    assert (good.error, steps_of(bad)) == (None, [])
    assert "`question` is ' '" in bad.error


async def test_events_show_the_steps_below_their_run(llm):
    chain = PromptTemplate.from_template("{q}") | llm.ranked() | ConsensusOutputParser()
    events = [event async for event in chain.astream_events({"q": CAPITAL}, version="v2")]
    (ranked,) = {e["run_id"] for e in events if e["name"] == "RankedAnswers"}
    begun = [e for e in events if e["event"] == "on_chain_start" and e["name"] in STEPS]
    ended = [e for e in events if e["event"] == "on_chain_end" and e["name"] in STEPS]
    assert [e["name"] for e in begun] == [e["name"] for e in ended] == STEPS
    assert {e["parent_ids"][-1] for e in begun} == {ranked}
    assert ended[0]["data"]["output"]["usage"]["sampled_tokens"] > 0
    names = [(e["event"], e["name"]) for e in events]
    # Each step ends before the next begins: the events come while the model works, not all at the end.
    assert names.index(("on_chain_end", "sampling")) < names.index(("on_chain_start", "scoring"))


async def test_events_of_a_model_show_them_too(llm):
    events = [event async for event in llm.astream_events(CAPITAL, version="v2")]
    assert [e["name"] for e in events if e["event"] == "on_chain_start"] == STEPS
    assert "".join(e["data"]["chunk"] for e in events if e["event"] == "on_llm_stream") == "Canberra"


async def test_a_chat_model_that_streams_shows_them_below_the_chain_around_it(chat):
    # LangChain does not tell a chat model's `_stream` its run.
    chain = PromptTemplate.from_template("{q}") | chat
    with collect_runs() as runs:
        list(chain.stream({"q": CAPITAL}))
        [_ async for _ in chain.astream({"q": CAPITAL})]
        list(chat.stream(CAPITAL))  # nothing around it
    assert [sorted(set(steps_of(run)) & set(STEPS)) for run in runs.traced_runs] == [STEPS, STEPS, []]


async def test_async_handlers_hear_of_the_steps(llm):
    heard = []

    class Hears(AsyncCallbackHandler):
        async def on_chain_start(self, serialized, inputs, **kwargs):
            await asyncio.sleep(0)
            heard.append(kwargs["name"])

    await llm.ainvoke(CAPITAL, config={"callbacks": [Hears()]})
    assert heard == STEPS


def test_tags_and_metadata_of_a_call_reach_the_steps(llm):
    with collect_runs() as runs:
        llm.ranked().invoke(CAPITAL, config={"tags": ["mine"], "metadata": {"tenant": "a"}})
    (run,) = runs.traced_runs
    assert all("mine" in child.tags and child.metadata["tenant"] == "a" for child in run.child_runs)


def test_langsmith_is_sent_the_steps_as_children_with_start_end_and_tokens(llm):
    session = MagicMock()
    client = Client(api_url="http://nowhere.test", api_key="none", session=session, auto_batch_tracing=False, info={})
    tracer = LangChainTracer(client=client, project_name="p")
    llm.invoke(CAPITAL, config={"callbacks": [tracer]})
    tracer.wait_for_futures()
    sent = [json.loads(call.kwargs["data"]) for call in session.request.call_args_list if call.kwargs.get("data")]
    ended = [one for one in sent if one.get("end_time")]
    (parent,) = (one for one in ended if one["run_type"] == "llm")
    steps = [one for one in ended if one["name"] in STEPS]
    assert [one["name"] for one in steps] == STEPS
    assert {one["parent_run_id"] for one in steps} == {parent["id"]}
    assert all(one["end_time"] > one["start_time"] for one in steps)
    assert [one["outputs"].get("usage", {}).get("computed_tokens", 0) > 0 for one in steps] == [True, True, False]
    assert parent["outputs"]["llm_output"]["token_usage"]["total_tokens"] > 0


def test_a_cached_answer_has_no_steps(llm):
    cached = llm.model_copy(update={"cache": InMemoryCache()})
    with collect_runs() as runs:
        cached.invoke(CAPITAL)
        cached.invoke(CAPITAL)
    assert [steps_of(run) for run in runs.traced_runs] == [STEPS]
