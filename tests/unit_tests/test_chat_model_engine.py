"""Any LangChain chat model behind the surfaces: what it is asked, what is refused, and what comes back."""

import asyncio
import math

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import PromptTemplate
from langchain_core.tracers.context import collect_runs

from langchain_consensus import (
    ChatEquilibriumRanking,
    ChatModelEngine,
    Consensus,
    ConsensusOutputParser,
    ConsensusRanker,
    ConsensusReranker,
    EquilibriumRankingLLM,
    Question,
    SamplingSettings,
    TransformersEngine,
)
from langchain_consensus.engine.base import ScoreRequest
from langchain_consensus.engine.grammar import JsonForm
from langchain_consensus.engine.sampler import is_sampling
from langchain_consensus.prompts import ChatPrompt, Message, TextPrompt, ToolCall
from tests.chats import CategoricalChat, CategoricalEngine
from tests.engines import CAPITAL, RecordingEngine

PLAIN = SamplingSettings(n=2, top_p=1.0, top_k=0)
ASKED = ChatPrompt(messages=(Message(role="user", content="Which? the correct answer"),))


def test_the_llm_draws_judges_and_ranks():
    llm = EquilibriumRankingLLM.from_chat_model(CategoricalChat(tells=True), engine_options={"draws": 24})
    assert llm.num_candidates == 24
    (generations,) = llm.generate([CAPITAL]).generations
    evidence = generations[0].generation_info["consensus"]
    assert evidence["views"] == "sampled"
    assert evidence["margin_error"] > 0
    assert evidence["model"] == "categorical"
    assert sum(one.generation_info["consensus"]["count"] for one in generations) == 24


def test_a_chain_with_a_parser_gets_the_errors():
    llm = EquilibriumRankingLLM.from_chat_model(CategoricalChat())
    result = (PromptTemplate.from_template("{q}") | llm.ranked() | ConsensusOutputParser()).invoke({"q": CAPITAL})
    assert result.views == "sampled"
    assert result.candidates[0].errors is not None


def test_the_chat_model_answers_and_awaits():
    chat = ChatEquilibriumRanking.from_chat_model(CategoricalChat(tells=True))
    message = asyncio.run(chat.ainvoke(CAPITAL))
    assert message.response_metadata["consensus"]["views"] == "sampled"
    assert message.usage_metadata["output_tokens"] > 32
    assert ChatEquilibriumRanking.from_chat_model(CategoricalChat()).profile["tool_calling"] is False


def test_the_ranker_ranks_given_answers():
    ranker = ConsensusRanker.from_chat_model(CategoricalChat(tells=True), engine_options={"draws": 32})
    result = ranker.invoke({"question": CAPITAL, "candidates": ["Sydney", "Canberra"]})
    assert (result.answer, result.views, result.certain) == ("Canberra", "sampled", True)


def test_what_the_model_is_asked():
    chat = CategoricalChat()
    engine = ChatModelEngine(chat, call_options={"user": "me"}, length_option="max_completion_tokens")
    engine.sample([ASKED, ASKED], SamplingSettings(n=3, top_p=1.0, top_k=0, stop=("\n",), max_new_tokens=7))
    assert chat.asked == [("Which? the correct answer", {"stop": ["\n"], "max_completion_tokens": 7, "user": "me"})] * 6
    ChatModelEngine(chat, length_option=None).sample([ASKED], PLAIN)
    assert chat.asked[-1][1] == {"stop": None}


def test_draws_say_what_the_model_says_of_them():
    said = iter(
        [
            AIMessage(content="cut", response_metadata={"finish_reason": "length"}),
            AIMessage(content=[{"type": "text", "text": "whole"}], response_metadata={"stop_reason": "end_turn"}),
        ]
    )
    result = ChatModelEngine(GenericFakeChatModel(messages=said), max_concurrency=1).sample([ASKED], PLAIN)
    one, other = result.samples[0]
    assert (one.text, one.finish, other.text, other.finish) == ("cut", "length", "whole", "end")
    assert math.isnan(one.logprob)
    assert not one.canonical
    assert result.usage.forwards == 2


@pytest.mark.parametrize("trouble", [{"refuses_logprobs": True}, {}], ids=["refuses", "is silent"])
def test_a_model_that_does_not_tell_is_asked_once_and_drawn_from(trouble):
    chat = CategoricalChat(**trouble)
    engine = ChatModelEngine(chat)
    judged = ChatPrompt(messages=(Message(role="user", content="Proposed answer: Sydney\nCorrect?"),))
    assert engine.beginnings([judged, judged]).tokens == (None, None)
    assert engine.beginnings([judged]).tokens == (None,)
    assert len(chat.asked) == 1


def test_a_model_that_tells_is_asked_once_for_each_verdict():
    chat = CategoricalChat(tells=True)
    engine = ChatModelEngine(chat, top_logprobs=5)
    judged = ChatPrompt(messages=(Message(role="user", content="Proposed answer: Sydney\nCorrect?"),))
    found = engine.beginnings([judged, judged])
    assert [math.exp(value) for _, value in found.tokens[1]] == pytest.approx([0.2, 0.8])
    assert [options["top_logprobs"] for _, options in chat.asked] == [5, 5]
    assert ChatModelEngine(chat, top_logprobs=0).beginnings([judged]).tokens == (None,)
    assert len(chat.asked) == 2


def test_draws_are_no_cached_answers():
    set_llm_cache(InMemoryCache())
    try:
        chat = CategoricalChat()
        result = ChatModelEngine(chat, draws=40).sample([ASKED], SamplingSettings(n=40, top_p=1.0, top_k=0))
    finally:
        set_llm_cache(None)
    assert len(chat.asked) == 40
    assert len({sample.text for sample in result.samples[0]}) > 1


def test_draws_are_runs_below_the_run_that_asks_and_stream_to_nobody():
    llm = EquilibriumRankingLLM.from_chat_model(CategoricalChat(), engine_options={"draws": 4, "verdict_draws": 1})
    with collect_runs() as collected:
        llm.ranked().invoke(CAPITAL)
    (top,) = [run for run in collected.traced_runs if run.parent_run_id is None]
    chats = [run for run in _all(top) if run.run_type == "llm"]
    assert len(chats) >= 8
    assert all("nostream" in run.tags for run in chats)


def _all(run):
    return [run, *(one for child in run.child_runs for one in _all(child))]


def test_errors_of_the_chat_model_stay_its_own():
    class Broken(CategoricalChat):
        def _generate(self, *args, **kwargs):
            msg = "no credit"
            raise PermissionError(msg)

    with pytest.raises(PermissionError, match="no credit"):
        EquilibriumRankingLLM.from_chat_model(Broken()).invoke(CAPITAL)


def engine(**options):
    return ChatModelEngine(options.pop("chat", CategoricalChat()), **options)


TOOL = ChatPrompt(messages=(Message(role="assistant", content="", tool_calls=(ToolCall(name="f", arguments="{}"),)),))
BAD = {
    "no chat model": (lambda: ChatModelEngine("gpt"), "`chat_model` is 'gpt'; it must be a LangChain chat model"),
    "a binding": (lambda: ChatModelEngine(CategoricalChat().bind(user="me")), "goes into `call_options`"),
    "a cold model": (lambda: engine(chat=CategoricalChat(temperature=0)), "samples at temperature 0.*temperature=1"),
    "cold calls": (lambda: engine(call_options={"temperature": 0.2}), "samples at temperature 0.2"),
    "no draws": (lambda: engine(draws=0), "`draws` is 0; it must be a whole number of at least 1"),
    "half a draw": (lambda: engine(verdict_draws=0.5), "`verdict_draws` is 0.5"),
    "too many tokens": (lambda: engine(top_logprobs=21), "`top_logprobs` is 21; it must be from 0"),
    "a yes for a number": (lambda: engine(top_logprobs=True), "`top_logprobs` is True"),
    "a text prompt": (lambda: engine().sample([TextPrompt(text="Why?")], PLAIN), "plain text.*use a wording of kind"),
    "a tool call": (lambda: engine().sample([TOOL], PLAIN), "ask without tools"),
    "cut draws": (lambda: engine().sample([ASKED], SamplingSettings()), "`top_p` is 0.9; .* it must be 1"),
    "a grammar": (
        lambda: engine().sample(
            [ASKED], SamplingSettings(top_p=1.0, top_k=0, grammar=(JsonForm(schema='{"type": "object"}'),))
        ),
        "samples of a hosted model cannot be held to one",
    ),
    "a cold llm": (
        lambda: EquilibriumRankingLLM.from_chat_model(CategoricalChat(), temperature=0.5),
        "`temperature` is 0.5; .*stands for its probability",
    ),
    "a cut call": (
        lambda: EquilibriumRankingLLM.from_chat_model(CategoricalChat()).invoke(CAPITAL, top_k=5),
        "`top_k` is 5",
    ),
    "a text wording": (
        lambda: EquilibriumRankingLLM.from_chat_model(CategoricalChat(), wording="qa").invoke(CAPITAL),
        "use a wording of kind 'chat'",
    ),
    "a reranker": (lambda: ConsensusReranker.from_engine(engine()), "which can only be sampled; ConsensusReranker"),
}


@pytest.mark.parametrize(("call", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):  # pydantic wraps ours where a field is wrong
        call()


def test_a_chat_at_temperature_one_is_taken():
    assert engine(chat=CategoricalChat(temperature=1.0)).name == "categorical"
    assert engine(chat=CategoricalChat(temperature=0), call_options={"temperature": 1}).draws == 16


def test_engines_that_score_are_told_from_those_that_sample():
    assert is_sampling(CategoricalEngine())
    assert not is_sampling(RecordingEngine())
    assert not is_sampling(TransformersEngine("qwen2.5-coder-0.5b-instruct"))


def test_an_engine_that_scores_is_still_asked_for_scores():
    recording = RecordingEngine()
    Consensus(engine=recording).ask([Question(text=CAPITAL)])
    assert recording.calls == (1, 1)
    assert isinstance(recording.score_calls[0][0], ScoreRequest)
