"""Rivals on every surface that has answers: they are shown as what they are, and no surface gives one as its answer."""

import json

import pytest
from langchain_core.documents import Document
from langchain_core.exceptions import OutputParserException
from langchain_core.load import dumps, loads
from langchain_core.output_parsers import PydanticOutputParser
from langchain_core.runnables import RunnableLambda
from pydantic import BaseModel

from langchain_consensus import (
    ChatEquilibriumRanking,
    Consensus,
    ConsensusOutputParser,
    ConsensusRanker,
    ConsensusResult,
    EquilibriumRankingLLM,
    Question,
    SamplingSettings,
    given,
    grounded_qa,
)
from langchain_consensus.calibration import calibrated_from
from langchain_consensus.engine import TransformersEngine
from langchain_consensus.errors import InvalidInputError, LowConfidenceError
from langchain_consensus.evidence import result_from_generations
from langchain_consensus.game import PiKL
from langchain_consensus.prompts import wording_named
from langchain_consensus.report import explain_html, explain_svg, notebook_html
from langchain_consensus.verification import Verifier
from tests.chats import CategoricalEngine
from tests.engines import CAPITAL
from tests.two_faced import ASKED, KNOWN, OTHER, TwoFaced

FAST = {"solver": PiKL(steps=100), "num_candidates": 4}


def weak():
    """An engine whose lone answer to `OTHER`, "four", is judged worse than its rival "five"."""
    return TwoFaced("five", "six", right=("four",))


def of(engine, text=ASKED, **options):
    consensus = Consensus(
        engine=engine, sampling=SamplingSettings(n=4), **{"solver": PiKL(steps=100), "rivals": 2, **options}
    )
    return consensus.ask([Question(text=text)])[0]


def test_the_text_model_s_generations_are_answers_and_the_rivals_are_in_the_evidence():
    llm = EquilibriumRankingLLM(engine=weak(), rivals=2, **FAST)
    [generations] = llm.generate([OTHER]).generations
    assert [one.text for one in generations] == ["four"]
    result = result_from_generations(generations)
    assert result == ConsensusResult.of(llm.ranked().invoke(OTHER))
    assert [(one.text, one.is_rival) for one in result.candidates] == [
        ("four", False),
        ("five", True),
        ("six", True),
    ]
    assert [one.text for one in result.answers] == ["four"]
    assert result.confidence == result.candidates[0].confidence < 0.5


def test_a_call_overrides_the_number_of_rivals_and_settings_describe_it():
    llm = EquilibriumRankingLLM(engine=TwoFaced(), **FAST)
    assert len(llm.ranked(rivals=1).invoke(ASKED).rivals) == 1
    assert llm.ranked().invoke(ASKED).rivals == ()
    assert "rivals" not in llm._identifying_params
    assert llm.overridden({"rivals": 3})._identifying_params["rivals"] == 3


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_settings_with_rivals_are_written_down_and_read_again():
    kept = EquilibriumRankingLLM(engine=TransformersEngine("some/model"), rivals=3)
    again = loads(dumps(kept), valid_namespaces=["langchain_consensus"], allowed_objects=[EquilibriumRankingLLM])
    assert again.rivals == 3


@pytest.mark.parametrize("options", [{"rule": "majority"}, {"anchors": "informed"}, {"rivals": -1}])
def test_settings_refuse_what_the_pipeline_refuses_when_they_are_made(options):
    with pytest.raises(ValueError, match="`rivals` is"):
        EquilibriumRankingLLM(engine=TwoFaced(), **{"rivals": 2, **options})


def test_the_chat_model_says_its_own_answer_and_shows_the_rivals():
    chat = ChatEquilibriumRanking(engine=weak(), rivals=2, **FAST)
    message = chat.invoke(OTHER)
    assert message.text == "four"
    evidence = message.response_metadata["consensus"]
    assert [one["is_rival"] for one in evidence["candidates"]] == [False, True, True]
    assert message.usage_metadata["output_tokens"] == 20


def test_a_structured_answer_that_does_not_fit_is_not_replaced_by_a_rival_that_does():
    class City(BaseModel):
        name: str

        def model_post_init(self, context):
            if self.name == "Canberra":
                msg = "no"
                raise ValueError(msg)

    right, wrong = '{"name": "Canberra"}', '{"name": "Sydney"}'
    engine = TwoFaced(wrong, right=(right,), beliefs={ASKED: {right: 0.6, wrong: 0.4}})
    chat = ChatEquilibriumRanking(engine=engine, rivals=2, **FAST)
    found = chat.with_structured_output(City, include_raw=True).invoke(ASKED)
    assert found["raw"].text == right
    assert found["parsed"] is None
    [(_, settings)] = engine.asked_for_rivals
    assert settings.grammar == engine.sample_calls[0][1].grammar != ()


def test_a_call_of_a_tool_gets_other_calls_as_rivals_under_the_same_grammar():
    def get_weather(city: str) -> str:
        """The weather in a city."""
        return city

    calls = [f'<tool_call>\n{{"name": "get_weather", "arguments": {{"city": "{one}"}}}}\n</tool_call>' for one in "AB"]
    engine = TwoFaced(calls[1], right=(calls[0],), beliefs={ASKED: {calls[0]: 0.6, calls[1]: 0.4}})
    chat = ChatEquilibriumRanking(engine=engine, rivals=2, **FAST).bind_tools([get_weather], tool_choice="any")
    message = chat.invoke(ASKED)
    assert [call["args"] for call in message.tool_calls] == [{"city": "A"}]
    assert [one["is_rival"] for one in message.response_metadata["consensus"]["candidates"]] == [False, True]
    assert engine.asked_for_rivals[0][1].grammar == engine.sample_calls[0][1].grammar != ()


def test_the_ranker_compares_a_single_given_candidate():
    ranker = ConsensusRanker(engine=weak(), rivals=2, solver=PiKL(steps=100))
    lone, two = ranker.batch(
        [
            {"question": OTHER, "candidates": ["four"]},
            {"question": OTHER, "candidates": ["four", "six"]},
        ]
    )
    assert (lone.answer, lone.confidence < 0.5, len(lone.candidates)) == ("four", True, 3)
    assert [one.is_rival for one in two.candidates] == [False, False]


def test_the_parser_s_threshold_holds_against_rivals():
    result = ConsensusResult.of(of(weak(), OTHER))
    with pytest.raises(LowConfidenceError, match="'four', has confidence"):
        ConsensusOutputParser(min_confidence=0.5).invoke(result)
    found = ConsensusOutputParser(min_confidence=0.5, below="abstain").invoke(result)
    assert (found.answer, found.abstained, found.text) == (None, True, "four")


def test_an_inner_parser_does_not_take_a_rival_for_the_answer():
    class Number(BaseModel):
        value: int

    engine = TwoFaced('{"value": 4}', right=("four",), beliefs={OTHER: {"four": 0.3, '{"value": 4}': 0.7}})
    ranking = of(engine, OTHER)
    assert len(ranking.rivals) == 1
    parser = ConsensusOutputParser(inner=PydanticOutputParser(pydantic_object=Number))
    with pytest.raises(OutputParserException, match="None of the 1 candidates parses"):
        parser.invoke(ranking)


def test_grounded_answers_draw_rivals_from_the_same_passages():
    documents = [Document(page_content="Canberra is the capital of Australia.", id="1")]
    engine = TwoFaced("Sydney")
    chain = grounded_qa(RunnableLambda(lambda _: documents), engine, rivals=1, **FAST)
    found = chain.invoke(ASKED)
    assert found.answer == "Canberra"
    assert [one.is_rival for one in found.result.candidates] == [False, True]
    assert "Canberra is the capital" in str(engine.asked_for_rivals[0][0][0])


def test_a_model_that_can_only_be_sampled_draws_rivals_and_says_how_sure_the_lead_is():
    engine = CategoricalEngine(draws=64, verdict_draws=32)
    [found] = Consensus(engine=engine, rivals=8, solver=PiKL(steps=100)).rank([given(CAPITAL, ["Canberra"])])
    assert found.views == "sampled"
    assert {one.text for one in found.rivals} == {"Sydney", "Perth"}
    assert found.confidence > 0.5
    assert found.margin_error > 0


def test_a_judge_compares_one_answer_with_rivals_of_its_own():
    judge = Verifier(engine=weak(), wording=wording_named("chat_qa"), rivals=2)
    found = judge.verify(Question(text=OTHER), "four")
    assert found.confidence < 0.5
    assert (found.result.answer, len(found.result.candidates)) == ("four", 3)
    assert found.result.usage.sampled_tokens == 10
    alone = Verifier(engine=TwoFaced("four"), wording=wording_named("chat_qa"), rivals=1).verify(
        Question(text=OTHER), "four"
    )
    assert alone.confidence == pytest.approx(0.3)
    assert "No rival was found" in alone.result.warnings[-1]


def test_a_profile_is_not_fitted_on_rankings_with_rivals():
    with pytest.raises(InvalidInputError, match="a profile is fitted without rivals"):
        calibrated_from([of(TwoFaced())], [bool])


# --- shown in words ---


def test_tables_and_pages_say_which_candidates_are_rivals():
    ranking = of(weak(), OTHER)
    lines = str(ranking).splitlines()
    share = ranking.candidates[0].against_rivals
    assert f"confidence {ranking.confidence:.2f}, {share:.2f} against the best rival, agreement" in lines[1]
    assert [line.split("  ")[0] for line in lines[4:7]] == ["four", "five (rival)", "six (rival)"]
    page = explain_html(ranking)
    assert page.count("Rival: drawn as an incorrect answer, never the answer") == 2
    assert "Against the best rival" in page
    assert "The lower of both is its confidence." in page
    assert "over the best rival, by ER-D" in page
    assert "none of these rivals can be the answer" in page
    assert "a rival has the better score" in page
    assert "The answer, then its rivals, best first." in page
    assert notebook_html(ranking).count("(rival)") == 2
    assert explain_svg(ranking).count(">rival<") == 2
    assert "rival" not in explain_html(of(TwoFaced(), rivals=0)).split("<body>")[1]


def test_json_says_which_candidates_are_rivals_and_is_read_back():
    result = ConsensusResult.of(of(TwoFaced()))
    plain = json.loads(json.dumps(result.model_dump(mode="json"), allow_nan=False))
    assert ConsensusResult.model_validate(plain) == result
    # What was written before there were rivals can still be read.
    for one in plain["candidates"]:
        del one["is_rival"], one["against_rivals"]
    assert all(not one.is_rival for one in ConsensusResult.model_validate(plain).candidates)
    assert KNOWN[ASKED]["Canberra"] == pytest.approx(0.7)
