"""`grounded_qa`: an answer with the passages that support it, or none, over any retriever."""

import json
import threading

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from pydantic import Field, ValidationError

from langchain_consensus import ConsensusReranker, GroundedAnswer, GroundedAnswering, grounded_qa
from langchain_consensus.errors import InvalidInputError
from tests.engines import CAPITAL, SUM, RecordingEngine, text_of

DOCUMENTS = [
    Document(page_content="Melbourne is large.", id="1"),
    Document(page_content="Canberra is the capital of Australia.", id="2"),
    Document(page_content="Sydney has a harbour.", id="3"),
]
FAST = {"solver": "log_time_flow", "num_candidates": 4}


class Library(BaseRetriever):
    """Finds what it holds for a question; its own async way is told from its sync one."""

    held: dict[str, list[Document]] = Field(default={CAPITAL: DOCUMENTS, SUM: []})
    ways: list[str] = Field(default_factory=list)

    def _get_relevant_documents(self, query, *, run_manager):
        self.ways.append("sync")
        return self.held[query]

    async def _aget_relevant_documents(self, query, *, run_manager):
        self.ways.append("async")
        return self.held[query]


@pytest.fixture
def chain(recording_engine):
    return grounded_qa(Library(), recording_engine, **FAST)


def test_the_answer_comes_with_the_passages_that_support_it(chain):
    found = chain.invoke(CAPITAL)
    assert isinstance(found, GroundedAnswer)
    assert (found.answer, found.abstained, found.reason) == ("Canberra", False, None)
    # The fake finds an answer supported by the passages that hold it.
    assert [one.document.id for one in found.support] == ["2"]
    assert found.support[0].text == "Canberra is the capital of Australia."
    assert found.support[0].support == pytest.approx(0.6)
    assert [one.document.id for one in found.passages] == ["2", "3", "1"]
    assert [one.support for one in found.passages[1:]] == pytest.approx([0.001, 0.001])
    assert found.result.answer == "Canberra"


def test_both_views_see_the_passages_in_the_rerankers_order_and_share_everything_before_the_question(
    chain, recording_engine
):
    chain.invoke(CAPITAL)
    context = (
        "Passages:\n[1] Canberra is the capital of Australia.\n\n[2] Sydney has a harbour.\n\n[3] Melbourne is large."
    )
    (prompts, _settings), scored = recording_engine.sample_calls[0], recording_engine.score_calls[1]
    shown = [text_of(prompt) for prompt in (*prompts, *(request.prompt for request in scored))]
    start = shown[0].partition("Question:")[0]
    assert context in start
    assert all(text.startswith(start) for text in shown)


def test_an_answer_that_no_passage_supports_is_not_given(recording_engine):
    found = grounded_qa(Library(), recording_engine, min_support=0.61, **FAST).invoke(CAPITAL)
    assert (found.answer, found.abstained, found.support) == (None, True, ())
    assert found.reason == ("No passage supports 'Canberra': the strongest support is 0.60, and `min_support` is 0.61.")
    assert found.result.text == "Canberra"  # the evidence is kept
    assert len(found.passages) == 3


def test_support_at_the_threshold_is_support(recording_engine):
    exact = grounded_qa(Library(), recording_engine, **FAST).invoke(CAPITAL).support[0].support
    assert not grounded_qa(Library(), recording_engine, min_support=exact, **FAST).invoke(CAPITAL).abstained


def test_without_documents_nothing_is_drawn(chain, recording_engine):
    found = chain.invoke(SUM)
    assert (found.abstained, found.reason, found.passages) == (True, "No document was found.", ())
    assert recording_engine.calls == (0, 0)


def test_without_relevant_documents_nothing_is_drawn_and_the_best_score_is_told(recording_engine):
    strict = ConsensusReranker.from_engine(recording_engine, min_score=0.9)
    found = grounded_qa(Library(), recording_engine, reranker=strict, **FAST).invoke(CAPITAL)
    assert found.abstained
    assert found.reason == (
        "No document is relevant: the best of 3 has the score 0.60, and the reranker's `min_score` is 0.9."
    )
    assert found.usage.input_tokens > 0  # reranking was not free
    assert recording_engine.calls == (0, 1)


async def test_a_batch_is_four_calls_of_the_engine_whatever_its_size(chain, recording_engine):
    for found in (chain.batch([CAPITAL, SUM, CAPITAL]), await chain.abatch([CAPITAL, SUM, CAPITAL])):
        assert [one.answer for one in found] == ["Canberra", None, "Canberra"]
    # Twice: rerank, draw, score, support.
    assert recording_engine.calls == (2, 6)


async def test_sync_and_async_give_the_same_each_by_the_retrievers_own_way(recording_engine):
    library = Library(ways=[])
    chain = grounded_qa(library, recording_engine, **FAST)
    expected = chain.invoke(CAPITAL)
    assert library.ways == ["sync"]
    assert await chain.ainvoke(CAPITAL) == expected
    assert library.ways == ["sync", "async"]


async def test_the_event_loop_is_left_alone(chain, recording_engine):
    await chain.ainvoke(CAPITAL)
    assert threading.get_ident() not in recording_engine.threads


def test_the_retriever_and_the_answering_are_seen_in_the_trace(chain):
    class Seen(BaseCallbackHandler):
        def __init__(self):
            self.names = []

        def on_retriever_start(self, serialized, query, *, name=None, **kwargs):
            self.names.append(("retriever", name))

        def on_chain_start(self, serialized, inputs, *, name=None, **kwargs):
            self.names.append(("chain", name))

        def steps(self):
            return [name for _, name in self.names if name in {"sampling", "scoring", "solving"}]

    seen = Seen()
    chain.invoke(CAPITAL, config={"callbacks": [seen]})
    assert ("retriever", "Library") in seen.names
    assert ("chain", "GroundedAnswering") in seen.names
    # Reranking, drawing and ranking, support.
    assert seen.steps() == ["scoring", "solving", "sampling", "scoring", "solving", "scoring"]


def test_the_result_is_plain_json_and_its_usage_is_the_sum_of_all_four_steps(chain):
    found = chain.invoke(CAPITAL)
    plain = json.loads(json.dumps(found.model_dump(mode="json"), allow_nan=False))
    assert plain["support"][0]["document"]["page_content"] == DOCUMENTS[1].page_content
    reranking = found.passages[0].document.metadata["consensus"]["usage"]["input_tokens"]
    assert found.usage.input_tokens > reranking + found.result.usage.input_tokens
    assert found.usage.sampled_tokens == found.result.usage.sampled_tokens


def test_a_long_document_gives_its_most_relevant_passage(recording_engine):
    long = Document(page_content="word " * 300 + "Canberra. " + "word " * 300)
    reranker = ConsensusReranker.from_engine(recording_engine, passage_tokens=50)
    answering = GroundedAnswering.from_engine(recording_engine, reranker=reranker, **FAST)
    found = answering.invoke({"question": CAPITAL, "documents": [long]})
    assert "Canberra." in found.support[0].text
    assert len(found.support[0].text.split()) <= 50
    assert found.support[0].document.page_content == long.page_content


def test_a_base_model_is_asked_in_plain_text():
    engine = RecordingEngine(is_chat=False)
    assert grounded_qa(Library(), engine, **FAST).invoke(CAPITAL).result.wording == "rag_qa_text"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"question": "", "documents": []}, "`question` is ''"),
        ({"question": CAPITAL}, r"The input is \['question'\]; it must be a mapping with `question` and `documents`"),
        ({"question": CAPITAL, "documents": ["text"]}, r"`documents\[0\]` is str; it must be `Document`"),
        ("text", "The input is str"),
    ],
)
async def test_bad_input_is_named_with_the_rule(recording_engine, given, said):
    answering = GroundedAnswering.from_engine(recording_engine, **FAST)
    with pytest.raises(InvalidInputError, match=said):
        answering.invoke(given)
    with pytest.raises(InvalidInputError, match=said):
        await answering.ainvoke(given)


def test_a_retrievers_error_is_the_retrievers_error(recording_engine):
    def broken(query):
        msg = "the index is gone"
        raise ConnectionError(msg)

    with pytest.raises(ConnectionError, match="the index is gone"):
        grounded_qa(RunnableLambda(broken), recording_engine, **FAST).invoke(CAPITAL)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("min_support", 2, "min_support"),
        ("num_candidates", 0, "n"),
        ("wording", "relevance", "`wording` is 'relevance'; the presets are"),
        ("retriever", 3, "retriever"),
    ],
)
def test_bad_options_are_refused_by_name(recording_engine, field, value, said):
    with pytest.raises(ValidationError, match=said):
        GroundedAnswering.from_engine(recording_engine, **{field: value})
