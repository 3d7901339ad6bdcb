"""Results as plain data: the names of the design, JSON and back."""

import json
from math import inf

import pytest
from pydantic import ValidationError

from langchain_consensus import Consensus, ConsensusResult, Question, Rule, given
from langchain_consensus.result_parts import GeneratorScores, VerdictScores
from langchain_consensus.results import CandidateResult
from tests.engines import CAPITAL


@pytest.fixture
def ranking(fake_engine):
    return Consensus(engine=fake_engine).ask([Question(text=CAPITAL)])[0]


@pytest.fixture
def result(ranking):
    return ConsensusResult.of(ranking)


def test_the_names_are_those_of_the_machine_readable_output(result):
    # Design, "Machine-readable output".
    item = result.model_dump(mode="json")
    assert {"answer", "rule", "confidence", "agreement", "warnings", "candidates", "solver", "usage"} <= set(item)
    first = item["candidates"][0]
    assert {"text", "count", "generator", "discriminator", "scores"} <= set(first)
    assert set(first["generator"]) == {"correct", "incorrect", "tokens"}
    assert set(first["discriminator"]) == {"correct", "incorrect"}
    assert set(first["scores"]) == {rule.value for rule in Rule}
    assert set(item["solver"]) == {"name", "outcome", "steps", "gap"}


def test_every_number_is_the_ranking_s(ranking, result):
    assert (result.answer, result.text) == (ranking.answer, ranking.answer)
    for name in ("confidence", "agreement", "margin", "rule", "warnings", "wording", "model"):
        assert getattr(result, name) == getattr(ranking, name), name
    assert not result.abstained
    for plain, one in zip(result.candidates, ranking.candidates, strict=True):
        assert (plain.text, plain.members, plain.position) == (one.text, one.members, one.position)
        assert (plain.count, plain.scores) == (one.draws, one.scores)
        assert plain.generator == GeneratorScores(
            correct=one.generator_correct, incorrect=one.generator_incorrect, tokens=one.tokens
        )
        assert plain.discriminator == VerdictScores(correct=one.verdict_correct, incorrect=one.verdict_incorrect)
    assert result.usage.input_tokens == ranking.usage.input_tokens
    assert result.usage.sampled_tokens == ranking.usage.sampled_tokens > 0
    assert result.solver.gap == ranking.solver.gap


def test_json_and_back_changes_nothing(result):
    text = json.dumps(result.model_dump(mode="json"), allow_nan=False)
    assert ConsensusResult.model_validate(json.loads(text)) == result
    assert ConsensusResult.model_validate_json(result.model_dump_json()) == result


def test_the_infinite_margin_of_a_single_candidate_is_none(fake_engine):
    (single,) = Consensus(engine=fake_engine).rank([given(CAPITAL, ["Canberra"])])
    assert ConsensusResult.of(single).margin is None


def test_a_probability_of_zero_is_null_in_json_and_minus_infinity_again_afterwards():
    impossible = CandidateResult(
        text="a",
        members=("a",),
        position=0,
        count=1,
        generator=GeneratorScores(correct=-inf, incorrect=-1.0, tokens=1),
        discriminator=VerdictScores(correct=-inf, incorrect=-inf),
        scores={Rule.GENERATOR: -inf, Rule.MAJORITY: 1.0},
    )
    plain = json.loads(json.dumps(impossible.model_dump(mode="json"), allow_nan=False))
    assert plain["generator"] == {"correct": None, "incorrect": -1.0, "tokens": 1}
    assert plain["scores"] == {"generator": None, "majority": 1.0}
    assert CandidateResult.model_validate(plain) == impossible
    assert impossible.model_dump()["generator"]["correct"] == -inf


def test_a_result_is_frozen_and_takes_no_unknown_field(result):
    with pytest.raises(ValidationError, match="frozen"):
        result.answer = "Sydney"
    with pytest.raises(ValidationError, match="confidnce"):
        ConsensusResult(answer="a", text="a", confidnce=0.5)


def test_a_result_has_a_json_schema():
    schema = ConsensusResult[str].model_json_schema()
    assert set(schema["required"]) == {"answer", "text"}
    assert schema["additionalProperties"] is False
