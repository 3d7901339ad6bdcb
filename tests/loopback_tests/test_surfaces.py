"""Every surface runs on a served model: the same objects, an engine with an address."""

import json

import pytest
from langchain_core.documents import Document
from langchain_core.prompts import PromptTemplate
from typer.testing import CliRunner

from langchain_consensus import (
    ChatEquilibriumRanking,
    ConsensusOutputParser,
    ConsensusRanker,
    ConsensusReranker,
    EquilibriumRankingLLM,
    OpenAICompatibleEngine,
)
from langchain_consensus.cli import app
from tests.servers.stub import StubServer
from tests.unit_tests.engine.tiny_models import tiny_tokenizer

QUESTION = "What is the answer?"


@pytest.fixture(scope="module")
def stub():
    with StubServer(tiny_tokenizer()) as server:
        yield server


@pytest.fixture(scope="module")
def engine(stub):
    with OpenAICompatibleEngine(stub.url, tokenizer=tiny_tokenizer()) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tokenizer as users have it: a folder."""
    path = tmp_path_factory.mktemp("tokenizer")
    tiny_tokenizer().save_pretrained(path)
    return str(path)


def run(*args):
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_llm_draws_and_ranks(engine):
    llm = EquilibriumRankingLLM.from_engine(engine, num_candidates=4, max_new_tokens=6)
    (generations,) = llm.generate([QUESTION]).generations
    assert sum(one.generation_info["consensus"]["count"] for one in generations) == 4
    assert llm.invoke(QUESTION) == generations[0].text


def test_a_chain_with_a_parser_gets_the_result(engine):
    llm = EquilibriumRankingLLM.from_engine(engine, num_candidates=3, max_new_tokens=6)
    result = (PromptTemplate.from_template("{q}") | llm.ranked() | ConsensusOutputParser()).invoke({"q": QUESTION})
    assert result.candidates
    assert result.model == "tiny"


async def test_the_chat_model_awaits(engine):
    chat = ChatEquilibriumRanking.from_engine(engine, num_candidates=3, max_new_tokens=6)
    assert isinstance((await chat.ainvoke(QUESTION)).content, str)


def test_the_ranker_ranks_given_answers(engine):
    ranked = ConsensusRanker.from_engine(engine).invoke({"question": QUESTION, "candidates": ["yes it is", "no"]})
    assert {candidate.text for candidate in ranked.candidates} == {"yes it is", "no"}


def test_the_reranker_orders_documents(engine):
    documents = [Document(page_content="the answer is yes"), Document(page_content="it is not")]
    found = ConsensusReranker.from_engine(engine).compress_documents(documents, QUESTION)
    assert {one.page_content for one in found} <= {one.page_content for one in documents}


def test_ask_draws_from_a_server(stub, folder):
    ran = run("ask", QUESTION, "--base-url", stub.url, "--tokenizer", folder, "--n", 3, "--max-new-tokens", 6, "--json")
    assert ran.exit_code == 0, ran.stderr
    record = json.loads(ran.stdout)
    assert sum(one["count"] for one in record["candidates"]) == 3
    assert record["model"] == "tiny"


def test_rank_scores_a_file_on_a_server_and_goes_on_where_it_stopped(stub, folder, tmp_path):
    items, output = tmp_path / "items.jsonl", tmp_path / "out.jsonl"
    rows = [{"id": str(i), "question": f"{QUESTION} {i}", "choices": ["yes it is", "no"]} for i in range(5)]
    items.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ("rank", "--input", items, "--base-url", stub.url, "--tokenizer", folder, "--output", output)
    assert run(*command).exit_code == 0
    first = output.read_text()
    results = [json.loads(line) for line in first.splitlines() if "candidates" in line]
    assert [one["id"] for one in results] == [row["id"] for row in rows]
    before = len(stub.bodies)
    assert run(*command).exit_code == 0
    assert output.read_text() == first
    assert len(stub.bodies) == before


def test_probe_prints_what_a_server_can_do(stub, folder):
    ran = run("probe", "--base-url", stub.url, "--tokenizer", folder)
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == stub.url
    assert lines[1] == "  model tiny, dialect vllm, context 2048 tokens"
    assert any("ok   alignment:" in line for line in lines)
    assert lines[-1] == "usable"


def test_probe_says_what_is_wrong_and_exits_with_one(folder):
    with StubServer(tiny_tokenizer(), protocol="echo", defect="shifted") as broken:
        ran = run("probe", "--base-url", broken.url, "--tokenizer", folder)
        told = run("probe", "--base-url", broken.url, "--tokenizer", folder, "--json")
        asked = run("ask", QUESTION, "--base-url", broken.url, "--tokenizer", folder)
    assert ran.exit_code == told.exit_code == asked.exit_code == 1
    assert "FAIL alignment: The server's log-probabilities of a prompt are shifted by one position" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "not usable"
    record = json.loads(told.stdout)
    assert not record["usable"]
    assert record["checks"][-1]["name"] == "alignment"
    assert asked.stderr.startswith("error: http://127.0.0.1")
    assert asked.stderr.count("\n") == 1


def test_a_key_in_the_environment_reaches_the_server_and_no_output(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("LANGCHAIN_CONSENSUS_API_KEY", "a-secret")
    items, output = tmp_path / "items.jsonl", tmp_path / "out.jsonl"
    items.write_text(json.dumps({"id": "1", "question": QUESTION, "choices": ["yes", "no"]}) + "\n")
    with StubServer(tiny_tokenizer(), key="a-secret") as stub:
        ran = run("rank", "--input", items, "--output", output, "--base-url", stub.url, "--tokenizer", folder)
    assert ran.exit_code == 0, ran.stderr
    assert "a-secret" not in "".join(path.read_text() for path in tmp_path.iterdir() if path.is_file())
