"""`EquilibriumRankingLLM` and `ranked()`, to the depth of the suites that langchain-tests has for chat models."""

import asyncio
import copy
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseLLM
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import GenerationChunk
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import ConfigurableField
from langchain_core.tracers.context import collect_runs
from pydantic import ValidationError

from langchain_consensus import EquilibriumRankingLLM, Ranking, Rule, __version__
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.evidence import EVIDENCE, result_from_generations
from langchain_consensus.prompts import ChatPrompt, Message
from tests.engines import CAPITAL, SUM, RecordingEngine

PROMPTS = [CAPITAL, SUM]
ANSWERS = ["Canberra", "four"]


@pytest.fixture
def engine(recording_engine):
    return recording_engine


@pytest.fixture
def llm(engine):
    return EquilibriumRankingLLM.from_engine(engine, num_candidates=16, solver="log_time_flow")


class Seen(BaseCallbackHandler):
    """Keeps what LangChain tells its handlers."""

    def __init__(self):
        self.started, self.ended, self.tokens, self.errors = [], [], [], []

    def on_llm_start(self, serialized, prompts, **kwargs):
        self.started.append((prompts, kwargs))

    def on_llm_end(self, response, **kwargs):
        self.ended.append(response)

    def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        self.tokens.append((token, chunk))

    def on_llm_error(self, error, **kwargs):
        self.errors.append(error)


# --- construction ---


def test_it_is_a_langchain_text_model(llm):
    assert isinstance(llm, BaseLLM)
    assert llm._llm_type == "equilibrium-ranking"
    assert llm.metadata["lc_versions"]["langchain-consensus"] == __version__


def test_construction_loads_nothing_and_takes_no_time():
    start = time.perf_counter()
    for _ in range(10):
        EquilibriumRankingLLM.from_model_id("nobody/no-such-model", engine_options={"dtype": "float32"})
    assert time.perf_counter() - start < 0.5
    assert EquilibriumRankingLLM.from_model_id("nobody/no-such-model").engine.name == "nobody/no-such-model"


@pytest.mark.parametrize("typo", ["num_candidate", "temprature", "model", "max_tokens", "n"])
def test_a_misspelt_option_is_refused(engine, typo):
    with pytest.raises(ValidationError, match=typo):
        EquilibriumRankingLLM(engine=engine, **{typo: 1})


def test_an_option_out_of_range_is_named(engine):
    with pytest.raises(ValidationError, match=r"`temperature` is -1\.0; it must be a finite number of at least 0"):
        EquilibriumRankingLLM(engine=engine, temperature=-1)
    with pytest.raises(ValidationError, match="engine"):
        EquilibriumRankingLLM()


def test_nothing_shows_the_engine(llm):
    assert "RecordingEngine" not in repr(llm)
    assert "RecordingEngine" not in str(llm)
    assert "0x" not in dumps(llm)


# --- one prompt ---


def test_invoke_gives_the_answer_on_which_the_views_agree(llm, engine):
    assert llm.invoke(CAPITAL) == "Canberra"
    assert engine.calls == (1, 1)


async def test_no_async_call_runs_the_model_on_the_event_loop(llm, engine):
    assert await llm.ainvoke(CAPITAL) == "Canberra"
    assert await llm.abatch([CAPITAL]) == ["Canberra"]
    await llm.agenerate([CAPITAL])
    [_ async for _ in llm.astream(CAPITAL)]
    await llm.ranked().ainvoke(CAPITAL)
    await llm.ranked().abatch([CAPITAL])
    assert engine.calls == (6, 6)
    assert threading.get_ident() not in engine.threads


async def test_concurrent_calls_give_what_they_give_alone(llm):
    found = await asyncio.gather(*(llm.ainvoke(prompt) for prompt in PROMPTS * 4))
    assert found == ANSWERS * 4


def test_many_threads_may_use_one_model(llm):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(llm.invoke, PROMPTS * 8)) == ANSWERS * 8


def test_the_prompt_is_the_question_as_it_stands(llm, engine):
    llm.invoke("Human: is {this} it?")
    ((prompts, _),) = engine.sample_calls
    assert prompts[0].messages[-1].content == (
        "Question: Human: is {this} it?\nGive the correct answer, and nothing else."
    )


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_an_empty_prompt_is_named(llm, prompt):
    with pytest.raises(InvalidInputError, match=r"`question` is .*; it must be a text"):
        llm.invoke(prompt)


def test_an_engine_s_error_reaches_the_caller_and_the_callbacks():
    seen = Seen()
    llm = EquilibriumRankingLLM.from_engine(RecordingEngine({"q": {" ": 1.0}}))
    with pytest.raises(EngineError, match="has a visible character"):
        llm.invoke("q", config={"callbacks": [seen]})
    assert isinstance(seen.errors[0], EngineError)


# --- many prompts ---


def test_a_batch_is_one_call_of_the_engine(llm, engine):
    assert llm.batch(PROMPTS * 3) == ANSWERS * 3
    assert engine.calls == (1, 1)


async def test_an_abatch_is_one_call_of_the_engine(llm, engine):
    assert await llm.abatch(PROMPTS * 3) == ANSWERS * 3
    assert engine.calls == (1, 1)


def test_max_concurrency_slices_a_batch(llm, engine):
    assert llm.batch(PROMPTS * 2, config={"max_concurrency": 2}) == ANSWERS * 2
    assert engine.calls == (2, 2)


def test_a_chain_s_batch_is_one_call_of_the_engine(llm, engine):
    chain = PromptTemplate.from_template("{q}") | llm
    assert chain.batch([{"q": prompt} for prompt in PROMPTS]) == ANSWERS
    assert engine.calls == (1, 1)


def test_batching_changes_no_answer_and_no_score(llm):
    together = llm.generate(PROMPTS).generations[1]
    alone = llm.generate(PROMPTS[1:]).generations[0]
    assert [one.text for one in together] == [one.text for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.generation_info[EVIDENCE]["scores"] == pytest.approx(other.generation_info[EVIDENCE]["scores"])


@pytest.mark.parametrize("config", [None, {"max_concurrency": 2}, [{"tags": [str(i)]} for i in range(4)]])
async def test_with_return_exceptions_a_prompt_that_fails_takes_no_other_with_it(llm, config):
    prompts = [CAPITAL, " ", SUM, CAPITAL]
    for found in (
        llm.batch(prompts, config=config, return_exceptions=True),
        await llm.abatch(prompts, config=config, return_exceptions=True),
    ):
        assert [one for one in found if isinstance(one, str)] == ["Canberra", "four", "Canberra"]
        assert isinstance(found[1], InvalidInputError)


async def test_without_it_the_error_is_raised(llm):
    with pytest.raises(InvalidInputError, match="`question` is ' '"):
        llm.batch([CAPITAL, " "])
    with pytest.raises(InvalidInputError, match="`question` is ' '"):
        await llm.abatch([CAPITAL, " "])


async def test_an_empty_batch_is_empty(llm, engine):
    assert llm.batch([], return_exceptions=True) == await llm.abatch([], return_exceptions=True) == []
    assert llm.batch([]) == await llm.abatch([]) == []
    assert engine.calls == (0, 0)


def test_a_batch_in_which_nothing_fails_is_one_call_with_return_exceptions_too(llm, engine):
    assert llm.batch(PROMPTS, return_exceptions=True) == ANSWERS
    assert engine.calls == (1, 1)


async def test_max_concurrency_slices_rankings_too(llm, engine):
    config = {"max_concurrency": 2}
    assert [one.answer for one in llm.ranked().batch(PROMPTS * 2, config=config)] == ANSWERS * 2
    assert [one.answer for one in await llm.ranked().abatch(PROMPTS * 2, config=config)] == ANSWERS * 2
    assert [len(prompts) for prompts, _ in engine.sample_calls] == [2, 2, 2, 2]


# --- the evidence ---


def test_generate_gives_every_candidate_best_first(llm):
    for answer, candidates in zip(ANSWERS, llm.generate(PROMPTS).generations, strict=True):
        assert candidates[0].text == answer
        evidence = [one.generation_info[EVIDENCE] for one in candidates]
        assert [one["rank"] for one in evidence] == list(range(len(candidates)))
        scores = [one["scores"]["er_discriminator"] for one in evidence]
        assert scores == sorted(scores, reverse=True)
        assert sum(one["count"] for one in evidence) == 16
        assert len({one.text for one in candidates}) == len(candidates) > 1


async def test_agenerate_gives_the_same(llm):
    one, other = llm.generate(PROMPTS), await llm.agenerate(PROMPTS)
    assert one.generations == other.generations
    assert one.llm_output == other.llm_output


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `loads` itself is in beta
def test_generation_info_is_json_and_survives_langchain_s_serialisation(llm):
    generations = llm.generate([CAPITAL]).generations[0]
    for one in generations:
        assert json.loads(json.dumps(one.generation_info, allow_nan=False)) == one.generation_info
    again = [loads(dumps(one), allowed_objects="all") for one in generations]
    assert result_from_generations(again) == result_from_generations(generations)


def test_token_usage_counts_drawing_and_scoring(llm, engine):
    # A prompt is asked once to draw (16 candidates of one word and an end token) and again in every scoring request.
    output = llm.generate([CAPITAL]).llm_output
    usage = output["token_usage"]
    ((prompts, _),) = engine.sample_calls
    asked = sum(len(f"{m.role}: {m.content}".split()) for m in prompts[0].messages)
    assert output["model_name"] == "fake"
    assert usage["completion_tokens"] == 32
    assert usage["prompt_tokens"] > 2 * asked
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["computed_tokens"] > 0


def test_handlers_see_all_candidates_of_every_prompt(llm):
    seen = Seen()
    llm.batch(PROMPTS, config={"callbacks": [seen]})
    assert [prompts for prompts, _ in seen.started] == [[prompt] for prompt in PROMPTS]
    assert [response.generations[0][0].text for response in seen.ended] == ANSWERS
    assert all(len(response.generations[0]) > 1 for response in seen.ended)
    assert seen.ended[0].llm_output["token_usage"]["total_tokens"] > 0


async def test_async_handlers_see_them_too(llm):
    ended = []

    class Ended(AsyncCallbackHandler):
        async def on_llm_end(self, response, **kwargs):
            ended.append(response)

    await llm.ainvoke(CAPITAL, config={"callbacks": [Ended()]})
    assert len(ended[0].generations[0]) > 1


# --- streaming ---


def pieces(engine_answer="a b  c\nd"):
    engine = RecordingEngine({"q": {engine_answer: 0.8, "e": 0.2}})
    return EquilibriumRankingLLM.from_engine(engine, solver="log_time_flow"), engine_answer


def test_a_stream_is_the_chosen_answer_and_no_other(llm):
    several, answer = pieces()
    chunks = list(several.stream("q"))
    assert len(chunks) > 1
    assert "".join(chunks) == several.invoke("q") == answer
    assert "".join(llm.stream(CAPITAL)) == "Canberra"


async def test_an_astream_is_the_same():
    several, answer = pieces()
    assert "".join([chunk async for chunk in several.astream("q")]) == answer


def test_the_evidence_rides_on_the_last_chunk_so_that_chunks_can_be_added():
    several, answer = pieces()
    seen = Seen()
    list(several.stream("q", config={"callbacks": [seen]}))
    chunks = [chunk for _, chunk in seen.tokens]
    assert all(isinstance(chunk, GenerationChunk) for chunk in chunks)
    assert [chunk.generation_info is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.text == answer
    assert whole.generation_info[EVIDENCE]["rank"] == 0


def test_every_chunk_is_told_to_the_handlers_once():
    several, answer = pieces()
    seen = Seen()
    chunks = list(several.stream("q", config={"callbacks": [seen]}))
    assert [token for token, _ in seen.tokens] == chunks
    assert seen.ended[0].generations[0][0].text == answer


# --- options of a call ---


def test_options_of_a_call_are_used_and_forgotten(llm, engine):
    llm.invoke(CAPITAL, num_candidates=3, temperature=0.5, seed=7)
    llm.invoke(CAPITAL)
    first, second = (settings for _, settings in engine.sample_calls)
    assert (first.n, first.temperature, first.seed) == (3, 0.5, 7)
    assert (second.n, second.temperature, second.seed) == (16, 1.0, 0)


async def test_options_reach_every_way_of_calling(llm, engine):
    llm.batch([CAPITAL], num_candidates=3)
    await llm.ainvoke(CAPITAL, num_candidates=3)
    await llm.abatch([CAPITAL], num_candidates=3)
    llm.generate([CAPITAL], num_candidates=3)
    await llm.agenerate([CAPITAL], num_candidates=3)
    list(llm.stream(CAPITAL, num_candidates=3))
    [_ async for _ in llm.astream(CAPITAL, num_candidates=3)]
    llm.bind(num_candidates=3).invoke(CAPITAL)
    llm.ranked(num_candidates=3).invoke(CAPITAL)
    llm.ranked().invoke(CAPITAL, num_candidates=3)
    llm.ranked().batch([CAPITAL], num_candidates=3)
    await llm.ranked().ainvoke(CAPITAL, num_candidates=3)
    await llm.ranked().abatch([CAPITAL], num_candidates=3)
    assert [settings.n for _, settings in engine.sample_calls] == [3] * 13


@pytest.mark.parametrize(
    "call",
    [
        lambda llm: llm.invoke(CAPITAL, num_candidate=3),
        lambda llm: llm.batch([CAPITAL], num_candidate=3),
        lambda llm: llm.generate([CAPITAL], num_candidate=3),
        lambda llm: list(llm.stream(CAPITAL, num_candidate=3)),
        lambda llm: llm.ranked(num_candidate=3),
        lambda llm: llm.ranked().invoke(CAPITAL, num_candidate=3),
    ],
    ids=["invoke", "batch", "generate", "stream", "ranked", "ranked invoke"],
)
def test_an_unknown_option_of_a_call_is_refused_with_the_list_of_those_there_are(llm, call):
    with pytest.raises(InvalidInputError, match=r"`num_candidate` is no option of a call; the options are \['anchors'"):
        call(llm)


def test_the_engine_is_no_option_of_a_call(llm, engine):
    with pytest.raises(InvalidInputError, match="`engine` is no option of a call"):
        llm.invoke(CAPITAL, engine=engine)


def test_an_option_of_a_call_is_checked_as_in_the_constructor(llm, engine):
    with pytest.raises(ValueError, match=r"`top_p` is 2\.0; it must be above 0 and at most 1"):
        llm.invoke(CAPITAL, top_p=2)
    assert engine.calls == (0, 0)


def test_an_overridden_model_shares_the_engine_and_leaves_the_first_alone(llm, engine):
    changed = llm.overridden({"rule": "majority", "solver": "equilibrium"})
    assert changed.engine is engine
    assert changed.rule is Rule.MAJORITY
    assert llm.rule is Rule.ER_DISCRIMINATOR
    assert llm.overridden({}) is llm


def test_stop_strings_of_a_call_replace_the_model_s_and_the_wording_s_are_added(engine):
    llm = EquilibriumRankingLLM.from_engine(engine, stop=["."], wording="qa", solver="log_time_flow")
    llm.invoke(CAPITAL)
    llm.invoke(CAPITAL, stop=["x", "y"])
    llm.bind(stop=["z"]).invoke(CAPITAL)
    list(llm.stream(CAPITAL, stop=["s"]))
    llm.ranked(stop="r").invoke(CAPITAL)
    llm.ranked().invoke(CAPITAL, stop=["q"])
    assert [settings.stop for _, settings in engine.sample_calls] == [
        (".", "\n"),
        ("x", "y", "\n"),
        ("z", "\n"),
        ("s", "\n"),
        ("r", "\n"),
        ("q", "\n"),
    ]


def test_an_answer_ends_before_a_stop_string():
    llm = EquilibriumRankingLLM.from_engine(RecordingEngine({"q": {"yes indeed": 1.0}}))
    assert llm.invoke("q", stop=[" indeed"]) == "yes"


def test_the_same_seed_gives_the_same_candidates_and_another_seed_others(llm):
    def counts(seed):
        return [(c.text, c.draws) for c in llm.ranked().invoke(CAPITAL, seed=seed).candidates]

    assert counts(1) == counts(1)
    assert len({tuple(counts(seed)) for seed in range(5)}) > 1


# --- LangChain's cache ---


@pytest.fixture
def cached(engine):
    return EquilibriumRankingLLM.from_engine(engine, cache=InMemoryCache(), solver="log_time_flow")


def test_a_repeated_call_is_answered_from_the_cache_with_all_its_candidates(cached, engine):
    first, second = cached.generate([CAPITAL]), cached.generate([CAPITAL])
    assert engine.calls == (1, 1)
    assert first.generations == second.generations
    assert second.generations[0][0].generation_info[EVIDENCE]["confidence"] is not None


def test_the_cache_keeps_calls_with_other_options_apart(cached, engine):
    for options in ({}, {"num_candidates": 3}, {"seed": 1}, {"rule": "majority"}, {"stop": ["x"]}, {"wording": "qa"}):
        for _ in range(2):
            cached.invoke(CAPITAL, **options)
    assert len(engine.sample_calls) == 6


def test_the_cache_keeps_models_with_other_options_apart(engine):
    cache = InMemoryCache()
    for options in ({}, {"stop": ["x"]}, {"seed": 1}, {"solver": "pikl"}, {"answer_key": str.lower}, {"top_p": 0.5}):
        for _ in range(2):
            settings = {"solver": "log_time_flow"} | options
            EquilibriumRankingLLM.from_engine(engine, cache=cache, **settings).invoke(CAPITAL)
    assert len(engine.sample_calls) == 6


def test_options_that_are_bound_or_batched_are_kept_apart_as_well(cached, engine):
    bound = cached.bind(num_candidates=3)
    cached.invoke(CAPITAL)
    bound.invoke(CAPITAL)
    bound.invoke(CAPITAL)
    cached.batch([CAPITAL, SUM], num_candidates=3)  # the first is known
    ((prompts, _),) = engine.sample_calls[2:]
    assert len(engine.sample_calls) == 3
    assert len(prompts) == 1


async def test_the_cache_of_async_calls_keeps_options_apart(cached, engine):
    for options in ({}, {"num_candidates": 3}, {}, {"num_candidates": 3}):
        await cached.ainvoke(CAPITAL, **options)
    assert len(engine.sample_calls) == 2


def test_the_cache_keeps_conversations_apart_that_flatten_alike(cached, engine):
    cached.invoke([HumanMessage("Hi\nAI: Hello\nHuman: " + CAPITAL)])
    cached.invoke([HumanMessage("Hi"), AIMessage("Hello"), HumanMessage(CAPITAL)])
    cached.invoke([HumanMessage("Hi"), AIMessage("Hello"), HumanMessage(CAPITAL)])
    assert len(engine.sample_calls) == 2


def test_the_cache_keeps_two_functions_apart_that_share_a_name(cached, engine):
    keys = [lambda text: text.lower(), lambda text: text[:1]]
    assert keys[0].__qualname__ == keys[1].__qualname__
    for key in keys * 2:
        cached.invoke(CAPITAL, answer_key=key)
    assert len(engine.sample_calls) == 2


@pytest.mark.parametrize("everywhere", [True, False])
async def test_a_function_that_a_cache_cannot_describe_is_refused_while_a_cache_is_on(engine, everywhere):
    secret = object()
    options = {"answer_key": lambda text: (secret, text)[1]}
    llm = EquilibriumRankingLLM.from_engine(engine, cache=None if everywhere else InMemoryCache())
    set_llm_cache(InMemoryCache() if everywhere else None)
    try:
        said = r"LangChain's cache is on and `answer_key` is .*<lambda>"
        with pytest.raises(InvalidInputError, match=said):
            llm.invoke(CAPITAL, **options)
        with pytest.raises(InvalidInputError, match=said):
            llm.batch([CAPITAL], **options)
        with pytest.raises(InvalidInputError, match=said):
            await llm.ainvoke(CAPITAL, **options)
        assert engine.calls == (0, 0)
        assert llm.model_copy(update={"cache": False}).invoke(CAPITAL, **options) == "Canberra"
    finally:
        set_llm_cache(None)


def test_without_a_cache_any_function_will_do(llm):
    secret = object()
    assert llm.invoke(CAPITAL, answer_key=lambda text: (secret, text)[1]) == "Canberra"


def test_models_that_were_loaded_differently_share_no_cache_entry():
    made = [
        EquilibriumRankingLLM.from_model_id("a/b", engine_options=options)
        for options in ({}, {"dtype": "float16"}, {"revision": "v2"})
    ]
    assert len({json.dumps(one._identifying_params) for one in made}) == 3


def test_what_identifies_a_model_is_json_and_the_same_for_equal_models(engine):
    one, other = (EquilibriumRankingLLM.from_engine(engine, answer_key=str.lower) for _ in range(2))
    assert one._identifying_params == other._identifying_params
    text = json.dumps(one._identifying_params, allow_nan=False)
    assert "0x" not in text
    assert one._identifying_params["model_name"] == "fake"


# --- conversations ---


def test_a_chat_prompt_reaches_the_engine_as_turns_with_its_history(llm, engine):
    prompt = ChatPromptTemplate([("system", "Be brief."), ("human", "Hi"), ("ai", "Hello"), ("human", "{q}")])
    assert (prompt | llm).invoke({"q": CAPITAL}) == "Canberra"
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


async def test_every_way_of_calling_keeps_the_turns(llm, engine):
    messages = [SystemMessage("Be brief."), HumanMessage(CAPITAL)]
    llm.invoke(messages)
    await llm.ainvoke(messages)
    llm.batch([messages])
    await llm.abatch([messages])
    list(llm.stream(messages))
    [_ async for _ in llm.astream(messages)]
    llm.ranked().invoke(messages)
    llm.ranked().batch([messages])
    llm.with_config(tags=["t"]).invoke(messages)
    llm.with_retry().invoke(messages)
    first = engine.sample_calls[0][0]
    assert first[0].messages[0].content == "Be brief."
    assert [prompts for prompts, _ in engine.sample_calls] == [first] * 10


def test_a_model_without_a_chat_template_refuses_a_history_and_says_what_to_do():
    llm = EquilibriumRankingLLM.from_engine(RecordingEngine(is_chat=False), solver="log_time_flow")
    assert llm.invoke([HumanMessage(CAPITAL)]) == "Canberra"
    with pytest.raises(InvalidInputError, match="has a `history`, and wording 'qa' is plain text; use a chat wording"):
        llm.invoke([HumanMessage("Hi"), AIMessage("Hello"), HumanMessage(CAPITAL)])


def test_a_conversation_that_ends_with_the_model_is_refused(llm):
    with pytest.raises(InvalidInputError, match="it must end with the human message"):
        llm.invoke([HumanMessage("Hi"), AIMessage("Hello")])


# --- what LangChain does to models ---


def test_configurable_fields_keep_the_engine(llm, engine):
    configurable = llm.configurable_fields(num_candidates=ConfigurableField(id="n"))
    assert configurable.invoke(CAPITAL, config={"configurable": {"n": 3}}) == "Canberra"
    assert configurable.invoke(CAPITAL) == "Canberra"
    assert [settings.n for _, settings in engine.sample_calls] == [3, 16]


def test_copies_keep_the_engine(llm, engine):
    assert llm.model_copy(update={"seed": 3}).engine is engine
    assert copy.copy(llm).engine is engine
    assert llm.model_copy().invoke(CAPITAL) == "Canberra"


def test_tokens_are_counted_by_the_model_s_own_tokenizer(llm, engine):
    assert llm.get_token_ids("to be to") == engine.token_ids("to be to")
    assert llm.get_num_tokens("to be to") == 3


def test_traces_name_provider_model_and_options(llm):
    params = llm._get_ls_params(stop=["x"])
    assert params == {
        "ls_provider": "langchain-consensus",
        "ls_model_name": "fake",
        "ls_model_type": "llm",
        "ls_temperature": 1.0,
        "ls_max_tokens": 256,
        "ls_stop": ["x"],
    }
    assert llm._get_ls_params(temperature=0.2, max_new_tokens=9)["ls_temperature"] == 0.2
    assert llm._get_ls_params(temperature=0.2, max_new_tokens=9)["ls_max_tokens"] == 9


def test_traces_carry_versions_and_the_parameters_of_the_call(llm):
    seen = Seen()
    llm.invoke(CAPITAL, num_candidates=3, config={"callbacks": [seen], "tags": ["mine"]})
    ((_, told),) = seen.started
    assert told["metadata"]["ls_model_name"] == "fake"
    assert told["metadata"]["lc_versions"]["langchain-consensus"] == __version__
    assert told["invocation_params"]["num_candidates"] == 3
    assert told["tags"] == ["mine"]


def test_inputs_are_left_alone(llm):
    messages = [SystemMessage("Be brief."), HumanMessage(CAPITAL)]
    prompts, config = [messages], {"tags": ["t"]}
    before = copy.deepcopy((prompts, config))
    llm.batch(prompts, config=config)
    llm.ranked().batch(prompts, config=config)
    assert (prompts, config) == before


# --- ranked() ---


def test_ranked_gives_the_whole_ranking(llm):
    ranking = llm.ranked().invoke(CAPITAL)
    assert isinstance(ranking, Ranking)
    assert ranking.answer == llm.invoke(CAPITAL)
    assert ranking.question.text == CAPITAL


async def test_ranked_is_the_same_in_every_way_of_calling(llm):
    ranked = llm.ranked()
    first = ranked.invoke(CAPITAL)
    found = [
        await ranked.ainvoke(CAPITAL),
        *ranked.batch([CAPITAL]),
        *await ranked.abatch([CAPITAL]),
        *ranked.stream(CAPITAL),
        *[one async for one in ranked.astream(CAPITAL)],
    ]
    assert [one == first for one in found] == [True] * 5


async def test_a_batch_of_rankings_is_one_call_of_the_engine(llm, engine):
    assert [one.answer for one in llm.ranked().batch(PROMPTS * 2)] == ANSWERS * 2
    assert [one.answer for one in await llm.ranked().abatch(PROMPTS * 2)] == ANSWERS * 2
    assert engine.calls == (2, 2)
    assert llm.ranked().batch([]) == []


async def test_a_prompt_that_fails_takes_no_other_with_it(llm):
    prompts = [CAPITAL, "  ", SUM]
    batches = [
        llm.ranked().batch(prompts, return_exceptions=True),
        await llm.ranked().abatch(prompts, return_exceptions=True),
    ]
    for first, bad, last in batches:
        assert (first.answer, last.answer) == ("Canberra", "four")
        assert isinstance(bad, InvalidInputError)
    with pytest.raises(InvalidInputError, match="`question` is '  '"):
        llm.ranked().batch(prompts)


def test_ranked_follows_prompts_and_is_traced_by_its_name(llm):
    with collect_runs() as runs:
        chain = PromptTemplate.from_template("{q}") | llm.ranked()
        assert chain.invoke({"q": CAPITAL}).answer == "Canberra"
    assert [run.name for run in runs.traced_runs[0].child_runs] == ["PromptTemplate", "RankedAnswers"]


def test_ranked_is_not_affected_by_the_cache(cached, engine):
    cached.ranked().invoke(CAPITAL)
    cached.ranked().invoke(CAPITAL)
    assert len(engine.sample_calls) == 2
