"""`ChatEquilibriumRanking`: what langchain-tests do not ask. Its own suites are in `test_chat_standard.py`."""

import asyncio
import copy
import json
import threading
import time

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_core.tracers.context import collect_runs
from pydantic import ValidationError

from langchain_consensus import (
    ChatEquilibriumRanking,
    ConsensusOutputParser,
    EquilibriumRankingLLM,
    Ranking,
    Rule,
    __version__,
)
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.evidence import EVIDENCE, result_from_json
from langchain_consensus.prompts import ChatPrompt, Message
from tests.engines import CAPITAL, SUM, RecordingEngine
from tests.watchdog import watched_loop

PROMPTS = [CAPITAL, SUM]
ANSWERS = ["Canberra", "four"]


@pytest.fixture
def engine(recording_engine):
    return recording_engine


@pytest.fixture
def chat(engine):
    return ChatEquilibriumRanking.from_engine(engine, num_candidates=16, solver="log_time_flow")


class Seen(BaseCallbackHandler):
    """Keeps what LangChain tells its handlers."""

    def __init__(self):
        self.started, self.ended, self.tokens, self.errors = [], [], [], []

    def on_chat_model_start(self, serialized, messages, **kwargs):
        self.started.append((messages, kwargs))

    def on_llm_end(self, response, **kwargs):
        self.ended.append(response)

    def on_llm_new_token(self, token, **kwargs):
        self.tokens.append(token)

    def on_llm_error(self, error, **kwargs):
        self.errors.append(error)


def said(messages):
    return [message.content for message in messages]


# --- construction ---


def test_it_is_a_langchain_chat_model(chat):
    assert isinstance(chat, BaseChatModel)
    assert chat._llm_type == "chat-equilibrium-ranking"
    assert chat.metadata["lc_versions"]["langchain-consensus"] == __version__


def test_construction_loads_nothing_and_takes_no_time():
    start = time.perf_counter()
    for _ in range(10):
        ChatEquilibriumRanking.from_model_id("nobody/no-such-model", engine_options={"dtype": "float32"})
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("typo", ["num_candidate", "temprature", "model", "n"])
def test_a_misspelt_option_is_refused(engine, typo):
    with pytest.raises(ValidationError, match=typo):
        ChatEquilibriumRanking(engine=engine, **{typo: 1})


def test_max_tokens_is_the_longest_answer(engine):
    assert ChatEquilibriumRanking(engine=engine, max_tokens=7).max_new_tokens == 7
    assert ChatEquilibriumRanking(engine=engine, max_tokens=7, max_new_tokens=7).max_new_tokens == 7
    assert ChatEquilibriumRanking(engine=engine, max_tokens=None, temperature=None, stop=None).max_new_tokens == 256
    with pytest.raises(ValidationError, match="`max_tokens` and `max_new_tokens` are the same option"):
        ChatEquilibriumRanking(engine=engine, max_tokens=7, max_new_tokens=8)
    with pytest.raises(ValidationError, match="`max_new_tokens` is 0; it must be a whole number of at least 1"):
        ChatEquilibriumRanking(engine=engine, max_tokens=0)


@pytest.mark.parametrize("name", ["api_key", "max_retries", "timeout"])
def test_an_option_of_servers_is_taken_with_a_warning(engine, name):
    with pytest.warns(UserWarning, match=f"`{name}` has no meaning for a model in this process") as caught:
        ChatEquilibriumRanking(engine=engine, **{name: 2})
    assert caught[0].filename == __file__
    ChatEquilibriumRanking(engine=engine, **{name: None})  # no value, no warning


def test_nothing_shows_the_engine(chat):
    assert "RecordingEngine" not in repr(chat)
    assert "0x" not in dumps(chat)


# --- one conversation ---


def test_invoke_gives_the_reply_on_which_the_views_agree(chat, engine):
    message = chat.invoke(CAPITAL)
    assert isinstance(message, AIMessage)
    assert message.content == "Canberra"
    assert engine.calls == (1, 1)


def test_the_message_carries_the_evidence_as_json(chat):
    message = chat.invoke(CAPITAL)
    metadata = message.response_metadata
    assert metadata["model_name"] == "fake"
    assert json.loads(json.dumps(metadata, allow_nan=False)) == metadata
    result = result_from_json(metadata[EVIDENCE])
    assert (result.text, result.answer) == ("Canberra", "Canberra")
    assert [one.text for one in result.candidates] == ["Canberra", "Sydney"]


def test_usage_counts_everything_that_was_read_and_drawn(chat):
    # 16 candidates of one word and an end token.
    message = chat.invoke(CAPITAL)
    usage, counted = message.usage_metadata, message.response_metadata[EVIDENCE]["usage"]
    assert usage["output_tokens"] == 32 == counted["sampled_tokens"]
    assert usage["input_tokens"] == counted["input_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    with get_usage_metadata_callback() as seen:
        chat.invoke(CAPITAL)
    assert seen.usage_metadata["fake"]["total_tokens"] == usage["total_tokens"]


def test_it_ranks_as_the_text_model_does(chat, engine):
    llm = EquilibriumRankingLLM.from_engine(engine, num_candidates=16, solver="log_time_flow")
    conversation = [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello"), HumanMessage(CAPITAL)]
    assert chat.ranked().invoke(conversation) == llm.ranked().invoke(conversation)
    assert engine.sample_calls[0] == engine.sample_calls[1]


def test_a_conversation_reaches_the_engine_as_its_turns(chat, engine):
    prompt = ChatPromptTemplate([("system", "Be brief."), ("human", "Hi"), ("ai", "Hello"), ("human", "{q}")])
    assert (prompt | chat).invoke({"q": CAPITAL}).content == "Canberra"
    ((prompts, _),) = engine.sample_calls
    assert prompts == (
        ChatPrompt(
            messages=(
                Message(role="system", content="Be brief."),
                Message(role="user", content="Hi"),
                Message(role="assistant", content="Hello"),
                Message(role="user", content=f"Question: {CAPITAL}\nGive the correct answer, and nothing else."),
            )
        ),
    )


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("  ", r"`question` is '  '; it must be a text"),
        ([HumanMessage("Hi"), AIMessage("Hello")], "ends with a 'ai' message; it must end with the human message"),
        ([SystemMessage("Hi")], "ends with a 'system' message"),
        ([HumanMessage([{"type": "image", "url": "https://x.y/z.png"}])], "only text can be ranked"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(chat, messages, reason):
    seen = Seen()
    with pytest.raises(InvalidInputError, match=reason):
        chat.invoke(messages, config={"callbacks": [seen]})
    assert len(seen.errors) == 1


def test_an_engine_s_error_reaches_the_caller_and_the_callbacks():
    seen = Seen()
    chat = ChatEquilibriumRanking.from_engine(RecordingEngine({"q": {" ": 1.0}}))
    with pytest.raises(EngineError, match="has a visible character"):
        chat.invoke("q", config={"callbacks": [seen]})
    assert isinstance(seen.errors[0], EngineError)


def test_a_model_without_a_chat_template_answers_a_single_message():
    chat = ChatEquilibriumRanking.from_engine(RecordingEngine(is_chat=False), solver="log_time_flow")
    assert chat.invoke([HumanMessage(CAPITAL)]).content == "Canberra"
    with pytest.raises(InvalidInputError, match="has a `history`, and wording 'qa' is plain text; use a chat wording"):
        chat.invoke([SystemMessage("Be brief."), HumanMessage(CAPITAL)])


# --- async ---


async def test_no_async_call_runs_the_model_on_the_event_loop(chat, engine):
    assert (await chat.ainvoke(CAPITAL)).content == "Canberra"
    assert said(await chat.abatch(PROMPTS)) == ANSWERS
    await chat.agenerate([[HumanMessage(CAPITAL)]])
    [_ async for _ in chat.astream(CAPITAL)]
    await chat.ranked().ainvoke(CAPITAL)
    await chat.ranked().abatch([CAPITAL])
    assert engine.calls == (6, 6)
    assert threading.get_ident() not in engine.threads


async def test_the_event_loop_runs_on_while_a_model_computes():
    class Slow(RecordingEngine):
        def sample(self, prompts, settings):
            time.sleep(0.2)
            return super().sample(prompts, settings)

    chat = ChatEquilibriumRanking.from_engine(Slow(), solver="log_time_flow")
    async with watched_loop() as watch:
        found = await asyncio.gather(*(chat.ainvoke(prompt) for prompt in PROMPTS * 2), chat.abatch(PROMPTS))
    assert said(found[:4]) == ANSWERS * 2
    assert watch.blocked < 0.15  # a blocked loop would show the engine's 0.2 s


# --- many conversations ---


async def test_a_batch_is_one_call_of_the_engine(chat, engine):
    assert said(chat.batch(PROMPTS * 2)) == ANSWERS * 2
    assert engine.calls == (1, 1)
    assert said(await chat.abatch(PROMPTS * 2)) == ANSWERS * 2
    assert engine.calls == (2, 2)
    assert chat.batch([]) == await chat.abatch([]) == []


def test_a_chain_s_batch_is_one_call_of_the_engine(chat, engine):
    chain = ChatPromptTemplate([("human", "{q}")]) | chat | ConsensusOutputParser()
    assert [one.answer for one in chain.batch([{"q": prompt} for prompt in PROMPTS])] == ANSWERS
    assert engine.calls == (1, 1)
    assert said(chat.bind(seed=3).batch(PROMPTS)) == ANSWERS
    assert engine.calls == (2, 2)


async def test_max_concurrency_slices_a_batch(chat, engine):
    config = {"max_concurrency": 2}
    assert said(chat.batch([*PROMPTS, "a", "b"], config=config))[:2] == ANSWERS
    assert [len(prompts) for prompts, _ in engine.sample_calls] == [2, 2]
    assert said(await chat.abatch([*PROMPTS, "a"], config=config))[:2] == ANSWERS
    assert [len(prompts) for prompts, _ in engine.sample_calls[2:]] == [2, 1]


def test_batching_changes_no_answer_and_no_score(chat):
    for together, alone in zip(chat.batch(PROMPTS), map(chat.invoke, PROMPTS), strict=True):
        one, other = (result_from_json(m.response_metadata[EVIDENCE]) for m in (together, alone))
        assert [c.text for c in one.candidates] == [c.text for c in other.candidates]
        for a, b in zip(one.candidates, other.candidates, strict=True):
            assert a.scores == pytest.approx(b.scores)


def test_every_input_of_a_batch_is_a_run_of_its_own_with_its_own_configuration(chat):
    seen = [Seen(), Seen()]
    configs = [{"callbacks": [one], "tags": [f"t{i}"], "metadata": {"i": i}} for i, one in enumerate(seen)]
    with collect_runs() as runs:
        chat.batch(PROMPTS, config=configs)
    assert len(runs.traced_runs) == 2
    for i, one in enumerate(seen):
        ((messages, told),) = one.started
        assert messages[0][0].content == PROMPTS[i]
        assert told["tags"] == [f"t{i}"]
        assert told["metadata"]["i"] == i
        assert one.ended[0].generations[0][0].text == ANSWERS[i]


async def test_an_input_that_fails_takes_no_other_with_it(chat):
    prompts = [CAPITAL, "  ", SUM, [AIMessage("Hello")], 7]
    for found in (
        chat.batch(prompts, return_exceptions=True),
        await chat.abatch(prompts, return_exceptions=True),
        chat.batch(prompts[::-1], return_exceptions=True)[::-1],
    ):
        first, empty, last, unasked, nothing = found
        assert said([first, last]) == ANSWERS
        assert isinstance(empty, InvalidInputError)
        assert isinstance(unasked, InvalidInputError)
        assert isinstance(nothing, ValueError)
    with pytest.raises(InvalidInputError, match="`question` is '  '"):
        chat.batch(prompts)
    with pytest.raises(InvalidInputError, match="`question` is '  '"):
        await chat.abatch(prompts)


def test_a_question_that_the_engine_cannot_answer_takes_no_other_with_it():
    engine = RecordingEngine({"q": {" ": 1.0}, CAPITAL: {"Canberra": 1.0}})
    chat = ChatEquilibriumRanking.from_engine(engine, solver="log_time_flow")
    seen = [Seen(), Seen()]
    bad, good = chat.batch(["q", CAPITAL], config=[{"callbacks": [one]} for one in seen], return_exceptions=True)
    assert isinstance(bad, EngineError)
    assert good.content == "Canberra"
    assert [len(one.errors) for one in seen] == [1, 0]


def test_a_question_asked_twice_is_ranked_once_and_counted_once(chat, engine):
    first, again = chat.batch([CAPITAL, CAPITAL])
    ((prompts, _),) = engine.sample_calls
    assert len(prompts) == 1
    assert first.content == again.content
    assert first.usage_metadata["total_tokens"] > 0
    assert again.usage_metadata["total_tokens"] == 0


def test_a_rate_limiter_counts_every_input(engine):
    limiter = InMemoryRateLimiter(requests_per_second=1000, check_every_n_seconds=0.001, max_bucket_size=10)
    chat = ChatEquilibriumRanking.from_engine(engine, solver="log_time_flow", rate_limiter=limiter)
    assert said(chat.batch(PROMPTS)) == ANSWERS
    assert engine.calls == (2, 2)


# --- streaming ---


@pytest.fixture
def several():
    return ChatEquilibriumRanking.from_engine(
        RecordingEngine({"q": {"a b  c\nd": 0.8, "e": 0.2}}), solver="log_time_flow"
    )


@pytest.mark.parametrize(("disabled", "with_tools"), [(True, 1), ("tool_calling", 1), (False, 4)])
def test_disabled_streaming_gives_the_reply_as_one_chunk(several, disabled, with_tools):
    chat = ChatEquilibriumRanking.from_engine(several.engine, solver="log_time_flow", disable_streaming=disabled)
    tool = {"name": "t", "description": "", "parameters": {"type": "object", "properties": {}}}
    assert len(list(chat.stream("q"))) == (1 if disabled is True else 4)
    assert len(list(chat.bind_tools([tool]).stream("q"))) == with_tools


def test_output_version_v1_gives_blocks_that_say_the_same(several):
    chat = ChatEquilibriumRanking.from_engine(several.engine, solver="log_time_flow", output_version="v1")
    message, chunks = chat.invoke("q"), list(chat.stream("q"))
    whole = sum(chunks[1:], chunks[0])
    assert [block["type"] for block in message.content] == [block["type"] for block in whole.content] == ["text"]
    assert message.text == whole.text == several.invoke("q").content


def test_a_rate_limiter_is_asked_once_a_call_and_not_for_what_the_cache_knows(several):
    class Counting(InMemoryRateLimiter):
        asked = 0

        def acquire(self, *, blocking=True):
            Counting.asked += 1
            return True

    chat = ChatEquilibriumRanking.from_engine(
        several.engine, solver="log_time_flow", rate_limiter=Counting(), cache=InMemoryCache()
    )
    for _ in range(3):
        chat.invoke("q")
    assert (Counting.asked, len(several.engine.sample_calls)) == (1, 1)


async def test_a_stream_is_the_chosen_reply_and_no_other(several):
    chunks = list(several.stream("q"))
    whole = sum(chunks[1:], chunks[0])
    assert all(isinstance(chunk, AIMessageChunk) for chunk in chunks)
    assert whole.content == several.invoke("q").content == "a b  c\nd"
    assert sum(bool(chunk.content) for chunk in chunks) > 1
    assert "".join([chunk.content async for chunk in several.astream("q")]) == whole.content


def test_evidence_and_usage_ride_on_the_last_chunk(several):
    chunks = list(several.stream("q"))
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [EVIDENCE in chunk.response_metadata for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
    whole, invoked = sum(chunks[1:], chunks[0]), several.invoke("q")
    assert whole.usage_metadata == invoked.usage_metadata
    assert whole.response_metadata[EVIDENCE] == invoked.response_metadata[EVIDENCE]


def test_every_chunk_is_told_to_the_handlers_once(several):
    seen = Seen()
    chunks = [chunk.content for chunk in several.stream("q", config={"callbacks": [seen]})]
    assert seen.tokens == chunks


def test_streaming_sends_the_chosen_reply_in_chunks_under_invoke_too(several):
    seen = Seen()
    streaming = ChatEquilibriumRanking.from_engine(several.engine, solver="log_time_flow", streaming=True)
    message = streaming.invoke("q", config={"callbacks": [seen]})
    assert "".join(seen.tokens) == message.content
    assert len(seen.tokens) > 1
    assert message.response_metadata[EVIDENCE]["confidence"] is not None
    several.invoke("q", config={"callbacks": [seen]})
    assert "".join(seen.tokens) == message.content  # nothing was added


# --- options of a call ---


async def test_options_reach_every_way_of_calling(chat, engine):
    chat.invoke(CAPITAL, num_candidates=3)
    chat.batch([CAPITAL], num_candidates=3)
    await chat.ainvoke(CAPITAL, num_candidates=3)
    await chat.abatch([CAPITAL], num_candidates=3)
    chat.generate([[HumanMessage(CAPITAL)]], num_candidates=3)
    list(chat.stream(CAPITAL, num_candidates=3))
    [_ async for _ in chat.astream(CAPITAL, num_candidates=3)]
    chat.bind(num_candidates=3).invoke(CAPITAL)
    chat.ranked(num_candidates=3).invoke(CAPITAL)
    chat.ranked().invoke(CAPITAL, num_candidates=3)
    await chat.ranked().abatch([CAPITAL], num_candidates=3)
    assert [settings.n for _, settings in engine.sample_calls] == [3] * 11
    chat.invoke(CAPITAL)
    assert engine.sample_calls[-1][1].n == 16


def test_max_tokens_is_an_option_of_a_call(chat, engine):
    chat.invoke(CAPITAL, max_tokens=5)
    chat.ranked(max_tokens=6).invoke(CAPITAL)
    assert [settings.max_new_tokens for _, settings in engine.sample_calls] == [5, 6]


@pytest.mark.parametrize(
    "call",
    [
        lambda chat: chat.invoke(CAPITAL, num_candidate=3),
        lambda chat: chat.batch([CAPITAL], num_candidate=3),
        lambda chat: list(chat.stream(CAPITAL, num_candidate=3)),
        lambda chat: chat.ranked(num_candidate=3),
        lambda chat: chat.ranked().invoke(CAPITAL, num_candidate=3),
    ],
    ids=["invoke", "batch", "stream", "ranked", "ranked invoke"],
)
def test_an_unknown_option_of_a_call_is_refused_with_the_list_of_those_there_are(chat, call):
    with pytest.raises(InvalidInputError, match=r"`num_candidate` is no option of a call; the options are \['anchors'"):
        call(chat)


def test_an_option_of_a_call_is_checked_as_in_the_constructor(chat, engine):
    with pytest.raises(ValueError, match=r"`top_p` is 2\.0; it must be above 0 and at most 1"):
        chat.invoke(CAPITAL, top_p=2)
    with pytest.raises(InvalidInputError, match="`engine` is no option of a call"):
        chat.invoke(CAPITAL, engine=engine)
    assert engine.calls == (0, 0)


def test_stop_strings_of_a_call_replace_the_model_s(engine):
    chat = ChatEquilibriumRanking.from_engine(engine, stop=["."], solver="log_time_flow")
    chat.invoke(CAPITAL)
    chat.invoke(CAPITAL, stop=["x", "y"])
    chat.bind(stop=["z"]).batch([CAPITAL])
    list(chat.stream(CAPITAL, stop=["s"]))
    chat.ranked().invoke(CAPITAL, stop=["q"])
    assert [settings.stop for _, settings in engine.sample_calls] == [(".",), ("x", "y"), ("z",), ("s",), ("q",)]


# --- LangChain's cache ---


@pytest.fixture
def cached(engine):
    return ChatEquilibriumRanking.from_engine(engine, cache=InMemoryCache(), solver="log_time_flow")


def test_the_cache_keeps_calls_with_other_options_apart(cached, engine):
    options = ({}, {"num_candidates": 3}, {"seed": 1}, {"rule": "majority"}, {"stop": ["x"]}, {"answer_key": str.lower})
    for one in options:
        for _ in range(2):
            assert cached.invoke(CAPITAL, **one).response_metadata[EVIDENCE]["text"] == "Canberra"
    assert len(engine.sample_calls) == len(options)


def test_the_cache_keeps_models_with_other_options_apart(engine):
    cache = InMemoryCache()
    for options in ({}, {"stop": ["x"]}, {"seed": 1}, {"solver": "pikl"}, {"top_p": 0.5}):
        for _ in range(2):
            settings = {"solver": "log_time_flow"} | options
            ChatEquilibriumRanking.from_engine(engine, cache=cache, **settings).invoke(CAPITAL)
    assert len(engine.sample_calls) == 5


def test_an_option_counts_by_its_value_however_it_is_given(cached, engine):
    cached.invoke(CAPITAL, num_candidates=3)
    cached.bind(num_candidates=3).invoke(CAPITAL)
    cached.overridden({"num_candidates": 3}).invoke(CAPITAL)
    cached.invoke(CAPITAL, max_tokens=9)
    cached.invoke(CAPITAL, max_new_tokens=9)
    assert len(engine.sample_calls) == 2


async def test_a_batch_asks_only_what_the_cache_does_not_know(cached, engine):
    cached.invoke(CAPITAL)
    assert said(cached.batch([CAPITAL, SUM, "new"]))[:2] == ANSWERS
    assert [len(prompts) for prompts, _ in engine.sample_calls] == [1, 2]
    assert said(await cached.abatch(PROMPTS)) == ANSWERS
    assert said(cached.batch([SUM, CAPITAL], num_candidates=3)) == ANSWERS[::-1]
    assert [len(prompts) for prompts, _ in engine.sample_calls] == [1, 2, 2]


def test_what_identifies_a_model_is_json_and_the_same_for_equal_models(engine):
    one, other = (ChatEquilibriumRanking.from_engine(engine, answer_key=str.lower) for _ in range(2))
    assert one._identifying_params == other._identifying_params
    assert "0x" not in json.dumps(one._identifying_params, allow_nan=False)


# --- what LangChain does to models ---


def test_configurable_fields_keep_the_engine_and_streaming(chat, engine):
    configurable = chat.configurable_fields(num_candidates=ConfigurableField(id="n"))
    config = {"configurable": {"n": 3}}
    assert configurable.invoke(CAPITAL, config=config).content == "Canberra"
    assert configurable.invoke(CAPITAL).content == "Canberra"
    assert [settings.n for _, settings in engine.sample_calls] == [3, 16]
    assert list(configurable.stream(CAPITAL, config=config))[-1].chunk_position == "last"


def test_an_overridden_model_shares_the_engine_and_leaves_the_first_alone(chat, engine):
    changed = chat.overridden({"rule": "majority"})
    assert changed.engine is engine
    assert changed.rule is Rule.MAJORITY
    assert chat.rule is Rule.ER_DISCRIMINATOR
    assert copy.copy(chat).engine is engine


def test_tokens_are_counted_by_the_model_s_own_tokenizer(chat, engine):
    assert chat.get_token_ids("to be to") == engine.token_ids("to be to")
    assert chat.get_num_tokens("to be to") == 3


def test_traces_name_provider_model_and_options(chat):
    assert chat._get_ls_params(stop=["x"]) == {
        "ls_provider": "langchain-consensus",
        "ls_model_name": "fake",
        "ls_model_type": "chat",
        "ls_temperature": 1.0,
        "ls_max_tokens": 256,
        "ls_stop": ["x"],
    }
    assert chat.overridden({"stop": ["y"]})._get_ls_params()["ls_stop"] == ["y"]
    assert chat._get_ls_params(temperature=0.2, max_tokens=9)["ls_max_tokens"] == 9
    assert chat._get_ls_params(max_new_tokens=9)["ls_max_tokens"] == 9


def test_inputs_are_left_alone(chat):
    prompts, config = [[SystemMessage("Be brief."), HumanMessage(CAPITAL)]], {"tags": ["t"]}
    before = copy.deepcopy((prompts, config))
    chat.batch(prompts, config=config)
    list(chat.stream(prompts[0]))
    chat.ranked().batch(prompts, config=config)
    assert (prompts, config) == before


# --- with other parts ---


async def test_ranked_gives_the_whole_ranking_in_every_way_of_calling(chat):
    ranked = chat.ranked()
    first = ranked.invoke(CAPITAL)
    assert isinstance(first, Ranking)
    assert await ranked.ainvoke(CAPITAL) == first
    assert ranked.batch([CAPITAL, CAPITAL])[0].answer == (await ranked.abatch([CAPITAL]))[0].answer == first.answer
    good, bad = ranked.batch([CAPITAL, [AIMessage("Hello")]], return_exceptions=True)
    assert good.answer == "Canberra"
    assert isinstance(bad, InvalidInputError)


def test_a_parser_behind_it_sees_every_candidate(chat):
    result = (chat | ConsensusOutputParser(min_confidence=0.1)).invoke(CAPITAL)
    assert result.answer == "Canberra"
    assert len(result.candidates) == 2
    assert list((chat | ConsensusOutputParser()).stream(CAPITAL)) == [result]


def test_it_answers_in_an_agent(chat):
    from langchain import agents

    agent = agents.create_agent(chat, system_prompt="Be brief.")
    last = agent.invoke({"messages": [("human", CAPITAL)]})["messages"][-1]
    assert (type(last), last.content) == (AIMessage, "Canberra")
    streamed = [c for c, _ in agent.stream({"messages": [("human", CAPITAL)]}, stream_mode="messages")]
    assert "".join(chunk.content for chunk in streamed) == "Canberra"
