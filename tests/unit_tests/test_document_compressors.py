"""`ConsensusReranker`: documents in any way of calling, with their evidence, and nothing of theirs lost."""

import copy
import json
import threading

import numpy as np
import pytest
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_tests.integration_tests import RetrieversIntegrationTests
from pydantic import ValidationError

from langchain_consensus import ConsensusReranker, DocumentResult, FakeEngine, RelevanceWording, Rule
from langchain_consensus.documents.prior import standardised
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import ConsensusGame, PiKL, solve, with_prior
from tests.engines import BELIEFS, CAPITAL, SUM, RecordingEngine, text_of

DOCUMENTS = [
    Document(page_content="Melbourne is large.", metadata={"source": "m", "score": 3.0}, id="1"),
    Document(page_content="Canberra is the capital of Australia.", metadata={"source": "c", "score": 2.0}, id="2"),
    Document(page_content="Sydney has a harbour.", metadata={"source": "s", "score": 1.0}, id="3"),
    Document(page_content="Nothing of the kind.", metadata={}, id=None),
]


def ids(documents):
    return [document.id for document in documents]


@pytest.fixture
def reranker(recording_engine):
    return ConsensusReranker.from_engine(recording_engine, top_n=None, solver="log_time_flow")


def test_the_documents_come_back_best_first_with_the_judges_probability(reranker):
    found = reranker.compress_documents(DOCUMENTS, CAPITAL)
    assert ids(found) == ["2", "3", "1", None]
    # The fake's verdict is its belief in the answer that the passage holds; 0.001 where it holds none.
    assert [one.metadata["relevance_score"] for one in found] == pytest.approx([0.6, 0.3, 0.1, 0.001])


def test_everything_else_of_a_document_is_kept_and_the_input_is_not_touched(reranker):
    before = copy.deepcopy(DOCUMENTS)
    found = reranker.compress_documents(DOCUMENTS, CAPITAL)
    assert before == DOCUMENTS
    for document in found:
        evidence = document.metadata["consensus"]
        original = DOCUMENTS[evidence["index"]]
        assert (document.page_content, document.id) == (original.page_content, original.id)
        added = {"relevance_score": evidence["relevance_score"], "consensus": evidence}
        assert document.metadata == {**original.metadata, **added}
        assert document is not original


def test_the_evidence_is_plain_json_and_reads_back(reranker):
    for document in reranker.compress_documents(DOCUMENTS, CAPITAL):
        plain = json.loads(json.dumps(document.metadata["consensus"], allow_nan=False))
        assert DocumentResult.model_validate(plain).model_dump(mode="json") == plain


async def test_every_way_of_calling_gives_the_same(reranker):
    expected = reranker.compress_documents(DOCUMENTS, CAPITAL)
    one = {"query": CAPITAL, "documents": DOCUMENTS}
    chain = reranker.as_runnable()
    assert await reranker.acompress_documents(DOCUMENTS, CAPITAL) == expected
    assert chain.invoke(one) == expected
    assert await chain.ainvoke(one) == expected
    assert chain.batch([one]) == [expected]
    assert await chain.abatch([one]) == [expected]
    assert list(chain.stream(one)) == [expected]
    plain = [result.model_dump(mode="json") for result in reranker.rerank(DOCUMENTS, CAPITAL)]
    assert plain == [document.metadata["consensus"] for document in expected]
    assert await reranker.arerank([one.page_content for one in DOCUMENTS], CAPITAL) == reranker.rerank(
        DOCUMENTS, CAPITAL
    )


async def test_a_batch_of_queries_is_one_call_of_the_engine(reranker, recording_engine):
    inputs = [{"query": CAPITAL, "documents": DOCUMENTS}, {"query": SUM, "documents": []}]
    inputs.append({"query": SUM, "documents": [Document(page_content="five"), Document(page_content="four", id="4")]})
    first, nothing, last = reranker.as_runnable().batch(inputs)
    assert (ids(first)[0], nothing, ids(last)[0]) == ("2", [], "4")
    assert recording_engine.calls == (0, 1)
    await reranker.as_runnable().abatch(inputs)
    assert recording_engine.calls == (0, 2)


async def test_a_query_that_fails_takes_no_other_of_its_batch_with_it(reranker):
    good, bad = {"query": CAPITAL, "documents": DOCUMENTS}, {"query": " ", "documents": DOCUMENTS}
    for found in (
        reranker.as_runnable().batch([good, bad], return_exceptions=True),
        await reranker.as_runnable().abatch([good, bad], return_exceptions=True),
    ):
        assert ids(found[0])[0] == "2"
        assert isinstance(found[1], InvalidInputError)


def test_no_documents_are_no_call(reranker, recording_engine):
    assert reranker.compress_documents([], CAPITAL) == []
    assert reranker.rerank((), CAPITAL) == []
    assert recording_engine.calls == (0, 0)


async def test_the_event_loop_is_left_alone(reranker, recording_engine):
    await reranker.acompress_documents(DOCUMENTS, CAPITAL)
    await reranker.as_runnable().ainvoke({"query": CAPITAL, "documents": DOCUMENTS})
    assert threading.get_ident() not in recording_engine.threads


def test_the_three_best_are_returned_unless_told_otherwise(recording_engine):
    assert len(ConsensusReranker(engine=recording_engine).compress_documents(DOCUMENTS, CAPITAL)) == 3
    assert len(ConsensusReranker(engine=recording_engine, top_n=1).compress_documents(DOCUMENTS, CAPITAL)) == 1


async def test_a_call_of_rerank_may_ask_for_fewer_and_for_better_ones(reranker):
    assert [one.index for one in reranker.rerank(DOCUMENTS, CAPITAL, top_n=1)] == [1]
    assert [one.index for one in await reranker.arerank(DOCUMENTS, CAPITAL, min_score=0.2)] == [1, 2]
    assert len(reranker.rerank(DOCUMENTS, CAPITAL)) == 4
    for option in ({"top_n": 0}, {"min_score": 2}):
        with pytest.raises(ValidationError, match=next(iter(option))):
            reranker.rerank(DOCUMENTS, CAPITAL, **option)


def test_the_least_score_is_inclusive_and_may_leave_nothing(reranker):
    scores = {one.index: one.relevance_score for one in reranker.rerank(DOCUMENTS, CAPITAL)}
    exactly = reranker.model_copy(update={"min_score": scores[2]})
    assert ids(exactly.compress_documents(DOCUMENTS, CAPITAL)) == ["2", "3"]
    above = reranker.model_copy(update={"min_score": np.nextafter(scores[1], 1)})
    assert above.compress_documents(DOCUMENTS, CAPITAL) == []
    assert above.rerank(DOCUMENTS, CAPITAL) == []


def test_the_score_of_a_document_does_not_depend_on_the_others(reranker):
    together = {one.index: one.relevance_score for one in reranker.rerank(DOCUMENTS, CAPITAL)}
    for index, document in enumerate(DOCUMENTS):
        (alone,) = reranker.rerank([document], CAPITAL)
        assert alone.relevance_score == pytest.approx(together[index])


@pytest.mark.parametrize("rule", Rule)
def test_the_order_is_the_rules(reranker, rule):
    found = reranker.model_copy(update={"rule": rule}).rerank(DOCUMENTS, CAPITAL)
    scores = [one.scores[rule] for one in found]
    assert scores == sorted(scores, reverse=True)
    assert [one.rank for one in found] == [0, 1, 2, 3]
    assert all(one.rule == rule for one in found)


def game_of(found):
    """The game that the evidence of all documents describes, computed apart from the reranker."""
    found = sorted(found, key=lambda one: one.index)
    generator = [[one.generator.incorrect / one.generator.tokens for one in found]]
    generator.append([one.generator.correct / one.generator.tokens for one in found])
    verdicts = np.array([[one.discriminator.incorrect for one in found], [one.discriminator.correct for one in found]])
    return ConsensusGame.from_log_scores(
        generator=generator, discriminator=verdicts - np.logaddexp(verdicts[0], verdicts[1])
    )


@pytest.mark.parametrize("prior", ["rank", "score"])
def test_the_prior_moves_the_anchors_by_the_standardised_score(recording_engine, prior):
    documents = DOCUMENTS[:3]
    reranker = ConsensusReranker.from_engine(recording_engine, prior=prior, prior_weight=2.5, solver=PiKL(steps=300))
    found = reranker.rerank(documents, CAPITAL)
    evidence = standardised(documents, prior)
    solution = solve(with_prior(game_of(found), [evidence], weight=2.5), PiKL(steps=300))
    for one in found:
        assert one.prior == pytest.approx(evidence[one.index])
        assert one.scores[Rule.ER_DISCRIMINATOR] == pytest.approx(solution.discriminator_policy[1, one.index])
        assert one.scores[Rule.ER_GENERATOR] == pytest.approx(solution.generator_policy[1, one.index])


def test_a_strong_prior_keeps_the_retrievers_order_and_a_weight_of_zero_is_none(recording_engine):
    strong = ConsensusReranker.from_engine(recording_engine, prior="rank", prior_weight=60.0)
    assert [one.index for one in strong.rerank(DOCUMENTS, CAPITAL)] == [0, 1, 2]
    none = ConsensusReranker.from_engine(recording_engine, prior="rank", prior_weight=0.0)
    assert [one.scores for one in none.rerank(DOCUMENTS, CAPITAL)] == [
        one.scores for one in ConsensusReranker.from_engine(recording_engine).rerank(DOCUMENTS, CAPITAL)
    ]


def test_a_long_document_is_read_to_its_end_in_passages_that_fit(recording_engine):
    long = Document(page_content=" ".join(["word"] * 100_000) + " Canberra.", id="long")
    reranker = ConsensusReranker.from_engine(recording_engine, passage_tokens=2000)
    found = reranker.compress_documents([*DOCUMENTS[:1], long], CAPITAL)
    assert ids(found) == ["long", "1"]
    span = found[0].metadata["consensus"]["passage"]
    assert "Canberra." in long.page_content[span["start"] : span["end"]]
    shown = [text_of(request.prompt) for request in recording_engine.score_calls[0]]
    assert all(len(text.split()) < 2050 for text in shown)
    assert sum(text.count("word") for text in shown) == 2 * 100_000


def test_documents_with_the_same_text_are_two_documents(reranker):
    found = reranker.compress_documents([DOCUMENTS[1], DOCUMENTS[1].model_copy(update={"id": "twin"})], CAPITAL)
    assert sorted(ids(found)) == ["2", "twin"]


def test_a_base_model_is_asked_in_plain_text():
    engine = RecordingEngine(is_chat=False)
    assert ConsensusReranker.from_engine(engine).rerank(["Canberra"], CAPITAL)[0].wording == "relevance_text"


def test_a_wording_of_ones_own_is_used(recording_engine):
    own = RelevanceWording(
        name="own", kind="text", ask="Claim:", ask_alone="A claim:", judge="{query} So?", verdicts=(" n", " y")
    )
    found = ConsensusReranker.from_engine(recording_engine, wording=own).rerank(["Canberra"], CAPITAL)
    assert found[0].wording == "own"
    assert f"Passage: Canberra\n\n{CAPITAL} So?" in text_of(recording_engine.score_calls[0][-1].prompt)


def test_a_reader_is_told_when_the_views_say_nothing():
    warned = ConsensusReranker.from_engine(FakeEngine(BELIEFS)).rerank(["a", "b"], CAPITAL)[0].warnings
    assert any("hardly tells the documents apart" in one for one in warned)
    assert any("about as probable after every document" in one for one in warned)
    (single,) = ConsensusReranker.from_engine(FakeEngine(BELIEFS)).rerank(["Canberra"], CAPITAL)
    assert any("There is one document" in one for one in single.warnings)


@pytest.mark.parametrize(
    ("documents", "query", "said"),
    [
        (DOCUMENTS, "", "`query` is ''; it must be a text with at least one visible character"),
        (DOCUMENTS, None, "`query` is None; it must be a text"),
        ([DOCUMENTS[0], 3], CAPITAL, r"`documents\[1\]` is int; it must be `Document`"),
        (["Canberra"], CAPITAL, r"`documents\[0\]` is str; it must be `Document`"),
        ("Canberra", CAPITAL, "`documents` is str; it must be a list of documents"),
        (None, CAPITAL, "`documents` is NoneType; it must be a list of documents"),
        ([Document(page_content=" \n")], CAPITAL, r"`documents\[0\]` has no visible character; leave it out"),
    ],
)
async def test_bad_input_is_named_with_the_rule(reranker, recording_engine, documents, query, said):
    with pytest.raises(InvalidInputError, match=said):
        reranker.compress_documents(documents, query)
    with pytest.raises(InvalidInputError, match=said):
        await reranker.acompress_documents(documents, query)
    with pytest.raises(InvalidInputError, match=said):
        reranker.as_runnable().invoke({"query": query, "documents": documents})
    assert recording_engine.calls == (0, 0)


def test_rerank_takes_texts_and_documents_and_nothing_else(reranker):
    assert reranker.rerank([DOCUMENTS[0], "Canberra"], CAPITAL)[0].index == 1
    with pytest.raises(InvalidInputError, match=r"`documents\[0\]` is dict; it must be `str` or `Document`"):
        reranker.rerank([{"text": "Canberra"}], CAPITAL)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"query": CAPITAL}, r"The input is \['query'\]; it must be a mapping with `query` and `documents`"),
        ({"query": CAPITAL, "documents": [], "k": 3}, r"The input is \['query', 'documents', 'k'\]"),
        (CAPITAL, "The input is str"),
    ],
)
def test_the_runnables_input_is_checked(reranker, given, said):
    with pytest.raises(InvalidInputError, match=said):
        reranker.as_runnable().invoke(given)
    with pytest.raises(InvalidInputError, match="`k` is no option of a call"):
        reranker.as_runnable().invoke({"query": CAPITAL, "documents": []}, k=3)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("top_n", 0, "top_n"),
        ("min_score", 1.5, "min_score"),
        ("min_score", float("nan"), "min_score"),
        ("passage_tokens", 0, "passage_tokens"),
        ("prior", "", "`prior` is ''; it must be 'rank', the name of a metadata field, or None"),
        ("prior_weight", -1, "prior_weight"),
        ("prior_weight", float("inf"), "prior_weight"),
        ("wording", "qa", r"`wording` is 'qa'; the presets are \['relevance', 'relevance_text'\]"),
        ("rule", "best", "`rule` is 'best'"),
        ("top_k", 3, "top_k"),
        ("engine", "model", "`engine` is 'model'"),
    ],
)
def test_bad_options_are_refused_by_name(recording_engine, field, value, said):
    with pytest.raises(ValidationError, match=said):
        ConsensusReranker(**{"engine": recording_engine, field: value})


def test_construction_loads_nothing():
    assert ConsensusReranker.from_model_id("nobody/no-such-model").engine.name == "nobody/no-such-model"


class Fixed(BaseRetriever):
    """Finds its documents, whatever is asked."""

    documents: list[Document] = DOCUMENTS

    def _get_relevant_documents(self, query, *, run_manager):
        return self.documents


async def test_it_stands_in_a_compression_retriever(reranker):
    retriever = ContextualCompressionRetriever(base_compressor=reranker, base_retriever=Fixed())
    assert ids(retriever.invoke(CAPITAL)) == ["2", "3", "1", None]
    assert ids(await retriever.ainvoke(CAPITAL)) == ["2", "3", "1", None]
    nothing = ContextualCompressionRetriever(base_compressor=reranker, base_retriever=Fixed(documents=[]))
    assert nothing.invoke(CAPITAL) == []


def test_it_stands_in_a_chain(reranker):
    chain = {"query": RunnableLambda(str), "documents": Fixed()} | reranker.as_runnable()
    assert ids(chain.invoke(CAPITAL))[0] == "2"
    assert [ids(one)[0] for one in chain.batch([CAPITAL] * 2)] == ["2", "2"]


class TopRetriever(BaseRetriever):
    """The reranker over a fixed retriever, with a number of documents for a call."""

    top_n: int = 3

    def _get_relevant_documents(self, query, *, run_manager, top_n=None):
        reranker = ConsensusReranker.from_engine(FakeEngine(BELIEFS), top_n=top_n or self.top_n)
        compressed = ContextualCompressionRetriever(base_compressor=reranker, base_retriever=Fixed())
        return compressed.invoke(query)


class TestAsARetriever(RetrieversIntegrationTests):
    """LangChain's standard tests, through `ContextualCompressionRetriever`."""

    @property
    def retriever_constructor(self):
        return TopRetriever

    @property
    def retriever_constructor_params(self):
        return {}

    @property
    def retriever_query_example(self):
        return CAPITAL

    @property
    def num_results_arg_name(self):
        return "top_n"
