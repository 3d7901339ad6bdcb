"""The main job on real weights: a question in, candidates, both views, the game and the answer out."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

from langchain_consensus import ConsensusOutputParser, ConsensusRanker, EquilibriumRankingLLM
from tests import oracle

QUESTIONS = Path(__file__).parent / "data/questions.jsonl"
ROWS = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]


@pytest.fixture(scope="module")
def llm(qwen_engine):
    return EquilibriumRankingLLM.from_engine(qwen_engine, num_candidates=6, max_new_tokens=12)


def test_the_llm_answers_with_one_of_its_own_candidates(llm):
    result = llm.generate(["What is the capital of Australia?"])
    texts = [generation.text for generation in result.generations[0]]
    assert llm.invoke("What is the capital of Australia?") == texts[0]
    assert any("Canberra" in text for text in texts)
    assert sum(g.generation_info["consensus"]["count"] for g in result.generations[0]) == 6
    json.dumps([g.generation_info for g in result.generations[0]], allow_nan=False)


def test_a_batch_gives_the_answers_of_its_prompts_one_by_one(llm):
    prompts = [row["question"] for row in ROWS[:4]]
    assert llm.batch(prompts) == [llm.invoke(prompt) for prompt in prompts]
    assert asyncio.run(llm.abatch(prompts)) == llm.batch(prompts)


def test_a_chat_prompt_is_rendered_through_the_chat_template_with_its_history(llm):
    template = ChatPromptTemplate.from_messages(
        [("system", "You are terse."), ("human", "Remember: my cat is called Tom."), ("ai", "Noted."), ("human", "{q}")]
    )
    answer = (template | llm).invoke({"q": "What is my cat called?"})
    assert "Tom" in answer


def test_a_chain_with_a_threshold_carries_the_evidence_through(llm):
    chain = (
        PromptTemplate.from_template("{q}")
        | llm.ranked()
        | ConsensusOutputParser(min_confidence=0.999, below="abstain")
    )
    result = chain.invoke({"q": "What is the opposite of hot?"})
    assert result.abstained
    assert result.answer is None
    assert result.candidates
    assert result.usage.sampled_tokens > 0


def test_the_ranker_ranks_what_it_is_given(qwen_engine):
    ranker = ConsensusRanker.from_engine(qwen_engine)
    result = ranker.invoke({"question": ROWS[3]["question"], "candidates": ROWS[3]["choices"]})
    assert sorted(candidate.text for candidate in result.candidates) == sorted(ROWS[3]["choices"])
    assert result.candidates[0].text == result.answer


def test_the_base_model_is_asked_in_plain_text(gemma_engine):
    llm = EquilibriumRankingLLM.from_engine(gemma_engine, num_candidates=4, max_new_tokens=10)
    ranking = llm.ranked().invoke("What is the capital of France?")
    assert ranking.wording == "qa"
    assert all("\n" not in candidate.text for candidate in ranking.candidates)


def test_the_command_line_ranks_a_file_and_the_oracle_agrees_with_every_score(tmp_path):
    output = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "langchain_consensus.cli", "rank", "--model", "qwen2.5-coder-0.5b-instruct"]
    run = subprocess.run(
        [*command, "--input", str(QUESTIONS), "--output", str(output)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    items = [json.loads(line) for line in output.read_text().splitlines()]
    assert [item["id"] for item in items] == [row["id"] for row in ROWS]
    for item in items:
        expected = oracle.scores(item, length="mean", steps=5000)
        for rule, values in expected.items():
            found = [candidate["scores"][rule] for candidate in item["candidates"]]
            assert found == pytest.approx(values, rel=1e-6, abs=1e-9), (item["id"], rule)
        best = item["candidates"][0]["scores"]["er_discriminator"]
        assert best == pytest.approx(max(expected["er_discriminator"]))
        assert item["answer"] == item["candidates"][0]["text"]


def test_the_command_line_asks_and_answers_as_json():
    command = [sys.executable, "-m", "langchain_consensus.cli", "ask", "What is the capital of France?", "--json"]
    options = ["--model", "qwen2.5-coder-0.5b-instruct", "--n", "4", "--max-new-tokens", "8"]
    run = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert "Paris" in result["answer"]
    assert {"confidence", "agreement", "candidates", "solver", "usage", "warnings"} <= set(result)
