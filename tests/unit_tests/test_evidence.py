"""The route of the evidence through LangChain's generations, and back."""

import json

import pytest
from langchain_core.load import dumps, loads
from langchain_core.outputs import Generation

from langchain_consensus import Consensus, ConsensusResult, Question, given
from langchain_consensus.evidence import EVIDENCE, result_from_generations, result_from_json, to_generations
from tests.engines import CAPITAL


@pytest.fixture
def result(fake_engine):
    return ConsensusResult.of(Consensus(engine=fake_engine).ask([Question(text=CAPITAL)])[0])


def test_there_and_back_is_the_same_result(result):
    generations = to_generations(result)
    assert len(generations) == len(result.candidates) > 1
    assert result_from_generations(generations) == result
    assert result_from_json(result.model_dump(mode="json")) == result


def test_generations_are_best_first_and_carry_their_rank_and_their_own_scores(result):
    for rank, (generation, candidate) in enumerate(zip(to_generations(result), result.candidates, strict=True)):
        evidence = generation.generation_info[EVIDENCE]
        assert generation.text == evidence["text"] == candidate.text
        assert evidence["rank"] == rank
        assert evidence["scores"] == candidate.scores
        assert evidence["confidence"] == result.confidence


def test_the_evidence_is_nothing_but_json(result):
    for generation in to_generations(result):
        text = json.dumps(generation.generation_info, allow_nan=False)
        assert json.loads(text) == generation.generation_info


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `loads` itself is in beta
def test_the_evidence_survives_langchain_s_own_serialisation(result):
    # As a cache or a trace store keeps it.
    again = [loads(dumps(one), allowed_objects="all") for one in to_generations(result)]
    assert result_from_generations(again) == result


def test_a_single_candidate_travels_with_its_infinite_margin_as_none(fake_engine):
    (ranking,) = Consensus(engine=fake_engine).rank([given(CAPITAL, ["Canberra"])])
    result = ConsensusResult.of(ranking)
    (generation,) = to_generations(result)
    assert generation.generation_info[EVIDENCE]["margin"] is None
    assert result_from_generations([generation]) == result


def test_generations_without_evidence_have_no_result(result):
    assert result_from_generations([]) is None
    assert result_from_generations([Generation(text="a")]) is None
    assert result_from_generations([Generation(text="a", generation_info={"finish_reason": "stop"})]) is None
    assert result_from_generations([*to_generations(result), Generation(text="a")]) is None
