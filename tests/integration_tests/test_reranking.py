"""Reranking and grounded answers on real weights."""

import json

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from langchain_consensus import ConsensusReranker, grounded_qa

QUERY = "What is the capital of Australia?"
DOCUMENTS = [
    Document(page_content="Emus are large birds that cannot fly and live on grass and insects.", id="emu"),
    Document(page_content="The capital of Australia is Canberra, chosen in 1908.", id="capital"),
    Document(page_content="Bread is baked from flour, water and yeast.", id="bread"),
]


def test_the_relevant_document_comes_first_and_its_score_is_the_same_alone(qwen_engine):
    reranker = ConsensusReranker.from_engine(qwen_engine, top_n=None)
    found = reranker.compress_documents(DOCUMENTS, QUERY)
    assert found[0].id == "capital"
    json.dumps([document.metadata for document in found], allow_nan=False)
    (alone,) = reranker.rerank([DOCUMENTS[1]], QUERY)
    assert alone.relevance_score == pytest.approx(found[0].metadata["relevance_score"], abs=1e-4)
    usage = found[0].metadata["consensus"]["usage"]
    assert usage["computed_tokens"] < 0.6 * usage["input_tokens"]


def test_a_document_longer_than_a_passage_is_found_by_its_end(qwen_engine):
    long = Document(page_content="Bread is baked from flour. " * 40 + DOCUMENTS[1].page_content, id="long")
    reranker = ConsensusReranker.from_engine(qwen_engine, passage_tokens=100)
    (found, *_) = reranker.compress_documents([DOCUMENTS[0], long], QUERY)
    assert found.id == "long"
    span = found.metadata["consensus"]["passage"]
    assert "Canberra" in found.page_content[span["start"] : span["end"]]


def test_an_answer_comes_from_the_documents(qwen_engine):
    chain = grounded_qa(RunnableLambda(lambda _: DOCUMENTS), qwen_engine, num_candidates=4, max_new_tokens=12)
    found = chain.invoke(QUERY)
    assert "Canberra" in found.result.text
    best = max(found.passages, key=lambda one: one.support)
    assert best.document.id == "capital"


def test_a_base_model_reranks_in_plain_text(gemma_engine):
    reranker = ConsensusReranker.from_engine(gemma_engine, top_n=None)
    found = reranker.rerank(DOCUMENTS, QUERY)
    assert sorted(one.index for one in found) == [0, 1, 2]
    assert max(found, key=lambda one: one.scores["generator"]).index == 1
