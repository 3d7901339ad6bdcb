"""Two judges on every surface: the same setting, the same evidence, and settings that are written down and read."""

import json
import math

import pytest
from langchain_core.documents import Document
from langchain_core.load import dumps, loads
from langchain_core.runnables import ConfigurableField
from pydantic import ValidationError

from langchain_consensus import (
    ChatEquilibriumRanking,
    ConsensusOutputParser,
    ConsensusRanker,
    EquilibriumRankingLLM,
    FakeEngine,
    GroundedAnswering,
    Judge,
    Question,
)
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.judges import judges_of
from langchain_consensus.middleware import ConsensusMiddleware
from langchain_consensus.prompts import wording_named
from langchain_consensus.settings import SamplingFields
from langchain_consensus.verification import Verifier
from tests.agents import agent_of, ask, scripted
from tests.engines import BELIEFS, CAPITAL, RecordingEngine

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `loads` is in beta

SURFACES = [EquilibriumRankingLLM, ChatEquilibriumRanking, ConsensusRanker]
BESIDE = [{"wording": "agent_answer", "weight": 3.0}, {"weight": 1.0}]
FAST = {"solver": "log_time_flow", "judges": BESIDE}
DOUBTS = FakeEngine({CAPITAL: {"Canberra": 0.2, "Sydney": 0.8}})


def weights(evidence):
    return [(one["name"], one["weight"]) for one in evidence["candidates"][0]["judges"]]


EXPECTED = [("fake:chat_qa", 0.25), ("fake:agent_answer", 0.75)]


def test_the_text_model_and_the_parser_behind_it():
    llm = EquilibriumRankingLLM(engine=RecordingEngine(), **FAST)
    result = (llm.ranked() | ConsensusOutputParser(min_confidence=0.1)).invoke(CAPITAL)
    assert [(one.name, one.weight) for one in result.candidates[0].judges] == EXPECTED
    generations = llm.generate([CAPITAL]).generations[0]
    assert ConsensusOutputParser().parse_result(generations) == result.model_copy(
        update={"usage": ConsensusOutputParser().parse_result(generations).usage}
    )


def test_the_chat_model():
    message = ChatEquilibriumRanking(engine=RecordingEngine(), **FAST).invoke(CAPITAL)
    assert weights(message.response_metadata["consensus"]) == EXPECTED
    assert ConsensusOutputParser().invoke(message).candidates[0].judges is not None


def test_the_ranker_and_an_override_of_a_call():
    ranker = ConsensusRanker(engine=RecordingEngine(), **FAST)
    asked = {"question": CAPITAL, "candidates": ["Sydney", "Canberra"]}
    assert weights(ranker.invoke(asked).model_dump(mode="json")) == EXPECTED
    configurable = ranker.configurable_fields(judges=ConfigurableField(id="judges"))
    found = configurable.with_config(configurable={"judges": []}).invoke(asked)
    assert found.candidates[0].judges is None
    llm = EquilibriumRankingLLM(engine=RecordingEngine(), solver="log_time_flow")
    [overridden] = llm.rank_inputs([CAPITAL], {"judges": BESIDE})
    assert len(overridden.candidates[0].judges) == 2


def test_grounded_answers():
    judges = [{"wording": wording_named("rag_qa").model_copy(update={"name": "mine"}).model_dump()}]
    answering = GroundedAnswering(engine=RecordingEngine(), solver="log_time_flow", judges=judges)
    found = answering.invoke({"question": CAPITAL, "documents": [Document(page_content="Canberra is the capital.")]})
    assert [one.name for one in found.result.candidates[0].judges] == ["fake:rag_qa", "fake:mine"]


def test_the_middleware_verifies_by_the_weighted_mean_of_the_verdicts():
    # The judge believes Canberra with 0.6, the other one with 0.2; alike they say 0.4, and 3 : 1 they say 0.5.
    for weight, confidence in (("informed", 0.4), (1 / 3, 0.5)):
        beside = (Judge(engine=DOUBTS, weight=weight), Judge(weight=weight if weight == "informed" else 1))
        state = ask(agent_of(scripted("Canberra"), RecordingEngine(), judges=beside, min_confidence=0.3))
        evidence = state["messages"][-1].response_metadata["consensus"]
        assert evidence["confidence"] == pytest.approx(confidence)
    rejected = ask(agent_of(scripted("Canberra"), RecordingEngine(), judges=beside, min_confidence=0.55, max_retries=0))
    assert rejected["messages"][-1].response_metadata["consensus"]["abstained"]


def test_the_middleware_selects_with_every_judge():
    beside = (Judge(engine=DOUBTS),)
    state = ask(
        agent_of(scripted("Sydney", "Canberra", "Sydney", "Perth"), RecordingEngine(), mode="select", judges=beside)
    )
    evidence = state["messages"][-1].response_metadata["consensus"]
    assert [name for name, _ in weights(evidence)] == ["fake:agent_answer", "fake:agent_answer"]
    json.dumps(evidence, allow_nan=False)


class Silent(FakeEngine):
    def score(self, requests):
        result = super().score(requests)
        for one in result.scores:
            one.logprobs[:] = math.log(0.01)
        return result


def test_a_judge_who_does_not_answer_has_no_part_in_a_verification_and_that_is_said():
    question, wording = Question(text=CAPITAL), wording_named("agent_answer")
    judge = Verifier(engine=FakeEngine(BELIEFS), wording=wording, beside=(Judge(engine=Silent({})),))
    found = judge.verify(question, "Canberra")
    assert found.confidence == pytest.approx(0.6)
    assert found.result.warnings[0].startswith("One judge was left out: the judge is not answering: it puts 2%")
    alone = Verifier(engine=Silent({}), wording=wording, beside=(Judge(engine=FakeEngine(BELIEFS)),))
    assert alone.verify(question, "Canberra").confidence == pytest.approx(0.6)
    nobody = Verifier(engine=Silent({}), wording=wording, beside=(Judge(engine=Silent({})),))
    assert nobody.verify(question, "Canberra").confidence is None
    assert "not answering" in nobody.verify(question, "Canberra").problem


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"judges": ["qa"]}, r"`judges` is \('qa',\)|`judges` is \['qa'\]; it must be a sequence of `Judge`s"),
        ({"mode": "tools", "verify_tools": {"lookup": 0.5}, "judges": [Judge(wording="qa")]}, "the mode is 'tools'"),
        ({"mode": "select", "rank_tool_calls": True, "judges": [Judge(wording="qa")]}, "asks about answers alone"),
        ({"judges": [Judge(), Judge()]}, "more than one without `engine` and `wording`"),
    ],
)
def test_judges_that_do_not_fit_the_middleware_are_refused_when_it_is_made(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ConsensusMiddleware(FakeEngine(), **options)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_round_trip_gives_the_same_judges_and_loads_nothing(surface):
    mine = wording_named("qa").model_copy(update={"name": "mine"})
    before = surface.from_model_id(
        "nobody/none",
        judges=[
            {"engine": {"model_id": "nobody/other", "dtype": "float32"}, "weight": 0.5},
            Judge(wording=mine),
            Judge(weight=0),
        ],
    )
    text = dumps(before)
    after = loads(text, allowed_objects=SURFACES, valid_namespaces=["langchain_consensus"])
    assert after._describe() == before._describe()
    assert [judge.weight for judge in after.judges] == [0.5, "informed", 0]
    assert after.judges[1].wording == mine
    assert after.judges[0].engine.recipe == {"model_id": "nobody/other", "dtype": "float32"}
    assert after.judges[0].engine._held.loaded is None


def test_a_judge_whose_engine_was_not_made_from_a_model_id_is_not_written_down():
    ranker = ConsensusRanker.from_model_id("nobody/none", judges=[Judge(engine=FakeEngine())])
    assert ranker.to_json()["type"] == "not_implemented"
    assert "`judges` is a FakeEngine" in ranker.to_json()["repr"]
    assert ranker._describe()["judges"] == [{"engine": "fake", "weight": "informed"}]


def test_what_a_trace_shows_tells_settings_with_judges_from_those_without():
    settings = SamplingFields(engine=FakeEngine(), judges=BESIDE)
    assert settings._describe()["judges"] == [{"wording": "agent_answer", "weight": 3.0}, {"weight": 1.0}]
    assert "judges" not in SamplingFields(engine=FakeEngine())._describe()


@pytest.mark.parametrize(
    ("judges", "message"),
    [
        ("qa", "`judges` is 'qa'; it must be a sequence"),
        ({"wording": "qa"}, "it must be a sequence"),
        ([3], "`judges` has 3; it must be a `Judge`, or a mapping"),
        ([{"model": "x"}], "`judges` has"),
        ([{"engine": {"model_id": "x", "trust_remote_code": True}}], "it needs 'model_id'"),
        ([{"wording": "nope"}], "the presets are"),
        ([{"weight": -1}], "`weight` of a judge is -1"),
        ([{}, {}], "more than one without"),
    ],
)
def test_settings_that_say_no_judges_are_refused(judges, message):
    with pytest.raises((ValidationError, InvalidInputError), match=message):
        SamplingFields(engine=FakeEngine(), judges=judges)


def test_no_judges_may_be_said_in_many_ways():
    for said in (None, (), []):
        assert judges_of(said, engine_of=lambda engine: engine) == ()
        assert SamplingFields(engine=FakeEngine(), judges=said).judges == ()
