"""A suite for LangChain text models to the depth of langchain-tests' suites for chat models; LangChain has none.

Derive a class, say what the model is, and pytest runs every test on it:

    class TestMyLLM(LLMStandardTests):
        @property
        def llm_class(self): return MyLLM
        @property
        def llm_params(self): return {"model": "..."}
        @property
        def override(self): return {"temperature": 0.5}     # an option of a call that changes the answer's cache key

Nothing in it knows this package, except where `has_evidence` says that generations carry candidates.
"""

import asyncio
import json
import time

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.language_models import BaseLLM
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import GenerationChunk, LLMResult
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from langchain_core.runnables import ConfigurableField
from langchain_core.tracers.context import collect_runs


class Heard(BaseCallbackHandler):
    """A handler that writes down what it hears."""

    def __init__(self):
        self.starts, self.ends, self.tokens, self.errors = [], [], [], []

    def on_llm_start(self, serialized, prompts, **kwargs):
        self.starts.append((serialized, prompts, kwargs))

    def on_llm_end(self, response, **kwargs):
        self.ends.append(response)

    def on_llm_new_token(self, token, *, chunk=None, **kwargs):
        self.tokens.append((token, chunk))

    def on_llm_error(self, error, **kwargs):
        self.errors.append(error)


class LLMStandardTests:
    """What every text model of LangChain should do."""

    @property
    def llm_class(self):
        """The class under test."""
        raise NotImplementedError

    @property
    def llm_params(self):
        """Its constructor's arguments; the same arguments must give the same answers."""
        raise NotImplementedError

    @property
    def serializable_params(self):
        """Arguments of a model that `dumps` can write down; `None` where there is none."""
        return None

    @property
    def prompts(self):
        """At least two prompts with different answers, none of them empty."""
        return ["What is the capital of Australia?", "What is two and two?"]

    @property
    def bad_prompt(self):
        """A prompt that is refused."""
        return ""

    @property
    def override(self):
        """An option of a call."""
        return {"temperature": 0.5}

    @property
    def has_evidence(self):
        """Whether generations are candidates, best first, with evidence in `generation_info`."""
        return True

    @pytest.fixture
    def llm(self):
        return self.llm_class(**self.llm_params)

    @pytest.fixture
    def prompt(self):
        return self.prompts[0]

    # --- construction ---

    def test_it_is_a_text_model(self, llm):
        assert isinstance(llm, BaseLLM)
        assert llm._llm_type
        assert llm.InputType is not None
        assert llm.OutputType is str

    def test_ten_constructions_take_no_time(self):
        params = self.llm_params
        start = time.perf_counter()
        for _ in range(10):
            self.llm_class(**params)
        assert time.perf_counter() - start < 0.5

    def test_a_misspelt_option_is_refused(self):
        with pytest.raises(ValueError, match="temprature"):
            self.llm_class(**self.llm_params, temprature=1)

    def test_versions_are_in_its_metadata(self, llm):
        assert "langchain-core" in llm.metadata["lc_versions"]
        assert len(llm.metadata["lc_versions"]) > 1

    @pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `load` itself is in beta
    def test_it_can_be_written_down_and_read_again(self):
        if self.serializable_params is None:
            pytest.skip("no serialisable model")
        llm = self.llm_class(**self.serializable_params)
        again = load(dumpd(llm), allowed_objects=[self.llm_class], valid_namespaces=[llm.get_lc_namespace()[0]])
        assert again.asdict() == llm.asdict()

    # --- calling ---

    def test_invoke(self, llm, prompt):
        answer = llm.invoke(prompt)
        assert isinstance(answer, str)
        assert answer.strip()

    async def test_ainvoke_gives_what_invoke_gives(self, llm, prompt):
        assert await llm.ainvoke(prompt) == llm.invoke(prompt)

    def test_stream_gives_what_invoke_gives(self, llm, prompt):
        chunks = list(llm.stream(prompt))
        assert chunks
        assert all(isinstance(chunk, str) for chunk in chunks)
        assert "".join(chunks) == llm.invoke(prompt)

    async def test_astream_gives_what_stream_gives(self, llm, prompt):
        assert [chunk async for chunk in llm.astream(prompt)] == list(llm.stream(prompt))

    async def test_batch_and_abatch_give_what_invoke_gives(self, llm):
        one_by_one = [llm.invoke(prompt) for prompt in self.prompts]
        assert llm.batch(self.prompts) == one_by_one
        assert await llm.abatch(self.prompts) == one_by_one
        assert len(set(one_by_one)) > 1

    def test_batch_as_completed_gives_them_with_their_places(self, llm):
        found = dict(llm.batch_as_completed(self.prompts))
        assert [found[place] for place in range(len(self.prompts))] == llm.batch(self.prompts)

    @pytest.mark.parametrize("size", [1, 2])
    async def test_max_concurrency_changes_no_answer(self, llm, size):
        config, expected = {"max_concurrency": size}, llm.batch(self.prompts)
        assert llm.batch(self.prompts, config=config) == expected
        assert await llm.abatch(self.prompts, config=config) == expected

    async def test_calls_at_once_give_what_they_give_alone(self, llm):
        found = await asyncio.gather(*(llm.ainvoke(prompt) for prompt in self.prompts * 3))
        assert found == llm.batch(self.prompts) * 3

    async def test_empty_batches_are_empty(self, llm):
        assert llm.batch([]) == await llm.abatch([]) == []

    async def test_a_prompt_that_fails_takes_no_other_with_it(self, llm):
        inputs = [self.prompts[0], self.bad_prompt, self.prompts[1]]
        good = llm.batch(self.prompts[:2])
        for found in (
            llm.batch(inputs, return_exceptions=True),
            await llm.abatch(inputs, return_exceptions=True),
        ):
            assert [found[0], found[2]] == good
            assert isinstance(found[1], Exception)
        with pytest.raises(type(found[1])):
            llm.batch(inputs)

    # --- inputs ---

    def test_messages_and_prompt_values_are_inputs(self, llm, prompt):
        messages = [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello"), HumanMessage(prompt)]
        value = ChatPromptTemplate.from_messages(messages).invoke({})
        assert llm.invoke(messages) == llm.invoke(value)
        assert llm.invoke(messages).strip()

    def test_a_chain_of_prompt_and_model(self, llm, prompt):
        chain = PromptTemplate.from_template("{q}") | llm
        assert chain.invoke({"q": prompt}) == llm.invoke(prompt)
        assert chain.batch([{"q": one} for one in self.prompts]) == llm.batch(self.prompts)

    @pytest.mark.parametrize("value", [3, None, b"bytes", {"a": 1}])
    def test_what_is_no_prompt_is_refused(self, llm, value):
        with pytest.raises((TypeError, ValueError)):
            llm.invoke(value)

    def test_stop_strings_are_not_in_the_answer(self, llm, prompt):
        answer = llm.invoke(prompt)
        stop = answer[len(answer) // 2 :][:1]
        cut = llm.invoke(prompt, stop=["\n", *([stop] if answer.find(stop) > 0 else [])])
        assert "\n" not in cut

    def test_inputs_are_left_alone(self, llm, prompt):
        messages, config, options = [HumanMessage(prompt)], {"tags": ["t"], "metadata": {"a": 1}}, dict(self.override)
        before = ([one.model_copy(deep=True) for one in messages], json.dumps(config), dict(options))
        llm.invoke(messages, config=config, **options)
        assert (messages, json.dumps(config), options) == before

    # --- options of a call ---

    async def test_an_unknown_option_of_a_call_is_refused_everywhere(self, llm, prompt):
        for call in (
            lambda: llm.invoke(prompt, temprature=1),
            lambda: llm.batch([prompt], temprature=1),
            lambda: list(llm.stream(prompt, temprature=1)),
            lambda: llm.generate([prompt], temprature=1),
            lambda: llm.bind(temprature=1).invoke(prompt),
        ):
            with pytest.raises((TypeError, ValueError), match="temprature"):
                call()
        with pytest.raises((TypeError, ValueError), match="temprature"):
            await llm.ainvoke(prompt, temprature=1)

    def test_options_of_a_call_are_shown_to_handlers_and_then_forgotten(self, llm, prompt):
        heard = Heard()
        ((name, value),) = self.override.items()
        llm.invoke(prompt, config={"callbacks": [heard]}, **self.override)
        llm.invoke(prompt, config={"callbacks": [heard]})
        told = [kwargs["invocation_params"][name] for _, _, kwargs in heard.starts]
        assert told[0] == value != told[1]

    def test_configurable_fields_change_a_call_and_keep_the_weights(self, llm, prompt):
        ((name, value),) = self.override.items()
        heard = Heard()
        configurable = llm.configurable_fields(**{name: ConfigurableField(id="it")})
        configurable.invoke(prompt, config={"configurable": {"it": value}, "callbacks": [heard]})
        configurable.invoke(prompt, config={"callbacks": [heard]})
        told = [kwargs["invocation_params"][name] for _, _, kwargs in heard.starts]
        assert told[0] == value != told[1]
        made = configurable.with_config(configurable={"it": value})._prepare()[0]
        assert made.engine is llm.engine if hasattr(llm, "engine") else True

    def test_configurable_alternatives_choose_a_model(self, llm, prompt):
        other = self.llm_class(**self.llm_params | self.override)
        heard = Heard()
        either = llm.configurable_alternatives(ConfigurableField(id="which"), default_key="one", other=other)
        either.invoke(prompt, config={"configurable": {"which": "other"}, "callbacks": [heard]})
        either.invoke(prompt, config={"callbacks": [heard]})
        ((name, value),) = self.override.items()
        assert [kwargs["invocation_params"][name] for _, _, kwargs in heard.starts] == [value, getattr(llm, name)]

    # --- results ---

    async def test_generate_and_agenerate_give_an_llm_result(self, llm):
        result = llm.generate(self.prompts)
        assert isinstance(result, LLMResult)
        assert [one[0].text for one in result.generations] == llm.batch(self.prompts)
        assert (await llm.agenerate(self.prompts)).generations == result.generations

    def test_results_are_json(self, llm, prompt):
        result = llm.generate([prompt])
        json.dumps(result.llm_output, allow_nan=False)
        for one in result.generations[0]:
            assert json.loads(json.dumps(one.generation_info, allow_nan=False)) == one.generation_info

    def test_usage_and_the_model_s_name_are_reported(self, llm, prompt):
        output = llm.generate([prompt]).llm_output
        usage = output["token_usage"]
        assert output["model_name"]
        assert usage["prompt_tokens"] > 0
        assert usage["completion_tokens"] > 0
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]

    def test_candidates_come_best_first_and_are_distinct(self, llm, prompt):
        if not self.has_evidence:
            pytest.skip("one generation a prompt")
        candidates = llm.generate([prompt]).generations[0]
        texts = [one.text for one in candidates]
        assert texts[0] == llm.invoke(prompt)
        assert len(set(texts)) == len(texts)
        assert all(one.generation_info for one in candidates)

    def test_token_ids_are_the_model_s_own(self, llm):
        ids = llm.get_token_ids("two words")
        assert ids
        assert all(isinstance(one, int) for one in ids)
        assert llm.get_num_tokens("two words") == len(ids)
        assert llm.get_token_ids("two words") == ids

    # --- callbacks and traces ---

    def test_handlers_hear_of_every_prompt_and_all_of_its_candidates(self, llm):
        heard = Heard()
        llm.batch(self.prompts, config={"callbacks": [heard]})
        generated = llm.generate(self.prompts).generations
        assert [response.generations[0] for response in heard.ends] == generated
        assert [len(prompts) for _, prompts, _ in heard.starts] == [1] * len(self.prompts)

    async def test_async_handlers_hear_of_them_too(self, llm, prompt):
        ends = []

        class Ends(AsyncCallbackHandler):
            async def on_llm_end(self, response, **kwargs):
                ends.append(response)

        await llm.ainvoke(prompt, config={"callbacks": [Ends()]})
        assert ends[0].generations[0][0].text == llm.invoke(prompt)

    @pytest.mark.parametrize("way", ["stream", "astream"])
    async def test_handlers_hear_every_chunk_once(self, llm, prompt, way):
        heard = Heard()
        config = {"callbacks": [heard]}
        if way == "stream":
            chunks = list(llm.stream(prompt, config=config))
        else:
            chunks = [chunk async for chunk in llm.astream(prompt, config=config)]
        assert [token for token, _ in heard.tokens] == chunks
        assert all(isinstance(chunk, GenerationChunk) for _, chunk in heard.tokens)
        assert heard.ends[0].generations[0][0].text == "".join(chunks)

    async def test_errors_reach_the_caller_and_the_handlers(self, llm):
        heard = Heard()
        with pytest.raises(Exception) as caught:
            llm.invoke(self.bad_prompt, config={"callbacks": [heard]})
        assert heard.errors == [caught.value]
        with pytest.raises(type(caught.value)):
            await llm.ainvoke(self.bad_prompt)

    async def test_events(self, llm, prompt):
        events = [event async for event in llm.astream_events(prompt, version="v2")]
        assert events[0]["event"] == "on_llm_start"
        assert events[-1]["event"] == "on_llm_end"
        streamed = "".join(event["data"]["chunk"] for event in events if event["event"] == "on_llm_stream")
        assert streamed == llm.invoke(prompt)

    def test_a_trace_names_the_model_and_its_parameters(self, llm, prompt):
        with collect_runs() as runs:
            llm.invoke(prompt, config={"tags": ["mine"], "metadata": {"tenant": "a"}, "run_name": "asked"})
        (run,) = runs.traced_runs
        metadata = run.extra["metadata"]
        assert (run.name, run.run_type) == ("asked", "llm")
        assert {"ls_provider", "ls_model_name", "ls_temperature", "ls_max_tokens"} <= set(metadata)
        assert metadata["ls_model_type"] == "llm"
        assert metadata["tenant"] == "a"
        assert "mine" in run.tags
        assert "0x" not in json.dumps(run.serialized)

    def test_ls_params_follow_the_options_of_a_call(self, llm):
        assert llm._get_ls_params(temperature=0.25)["ls_temperature"] == 0.25
        assert llm._get_ls_params(stop=["x"])["ls_stop"] == ["x"]

    # --- cache ---

    async def test_a_repeated_call_is_answered_from_the_cache(self, prompt):
        llm = self.llm_class(**self.llm_params, cache=InMemoryCache())
        heard = Heard()
        config = {"callbacks": [heard]}
        first = llm.invoke(prompt, config=config)
        assert llm.invoke(prompt, config=config) == await llm.ainvoke(prompt, config=config) == first
        assert len(heard.ends) == 1

    async def test_the_cache_keeps_options_of_a_call_apart(self, prompt):
        llm = self.llm_class(**self.llm_params, cache=InMemoryCache())
        heard = Heard()
        config = {"callbacks": [heard]}
        for _ in range(2):
            llm.invoke(prompt, config=config)
            llm.invoke(prompt, config=config, **self.override)
            await llm.ainvoke(prompt, config=config, **self.override)
            llm.bind(**self.override).invoke(prompt, config=config)
            llm.invoke(prompt, config=config, stop=["zzz"])
        assert len(heard.ends) == 3
