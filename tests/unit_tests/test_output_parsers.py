"""`ConsensusOutputParser`: every carrier of a ranking, thresholds, and typed answers."""

import asyncio
import re
import threading
from math import inf

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, ValidationError

from langchain_consensus import ConsensusOutputParser, ConsensusResult, EquilibriumRankingLLM
from langchain_consensus.errors import InvalidInputError, LowConfidenceError
from langchain_consensus.evidence import EVIDENCE, to_generations
from langchain_consensus.result_parts import GeneratorScores, VerdictScores
from langchain_consensus.results import CandidateResult
from tests.engines import CAPITAL, SUM, RecordingEngine


class Integer(BaseOutputParser[int]):
    """Parses whole numbers written in digits."""

    def parse(self, text):
        if not re.fullmatch(r"\d+", text):
            msg = f"no number: {text!r}"
            raise OutputParserException(msg, llm_output=text)
        return int(text)


@pytest.fixture
def llm(recording_engine):
    return EquilibriumRankingLLM.from_engine(recording_engine, num_candidates=16, solver="log_time_flow")


@pytest.fixture
def ranking(llm):
    return llm.ranked().invoke(CAPITAL)


def candidate(text, verdict_correct=-1.0, verdict_incorrect=-1.0):
    return CandidateResult(
        text=text,
        members=(text,),
        position=0,
        count=1,
        generator=GeneratorScores(correct=-1, incorrect=-1, tokens=1),
        discriminator=VerdictScores(correct=verdict_correct, incorrect=verdict_incorrect),
        scores={},
    )


def result(confidence, *texts):
    return ConsensusResult(
        answer=texts[0],
        text=texts[0],
        confidence=confidence,
        margin=0.5,
        candidates=tuple(candidate(text) for text in texts),
    )


# --- what it reads ---


def message(ranking, kind=AIMessage):
    evidence = ConsensusResult.of(ranking).model_dump(mode="json")
    return kind(content=ranking.answer, response_metadata={"model_name": "m", EVIDENCE: evidence})


CARRIERS = {
    "a ranking": lambda ranking: ranking,
    "a result": ConsensusResult.of,
    "a list of generations": lambda ranking: to_generations(ConsensusResult.of(ranking)),
    "an LLMResult": lambda ranking: LLMResult(generations=[to_generations(ConsensusResult.of(ranking))]),
    "a message": message,
    "a message chunk": lambda ranking: message(ranking, AIMessageChunk),
    "a chat generation": lambda ranking: [ChatGeneration(message=message(ranking))],
    "a chat LLMResult": lambda ranking: LLMResult(generations=[[ChatGeneration(message=message(ranking))]]),
}


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_every_carrier_of_a_ranking_gives_the_same_result(ranking, carrier):
    source, expected = CARRIERS[carrier](ranking), ConsensusResult.of(ranking)
    parser = ConsensusOutputParser()
    assert parser.invoke(source) == expected
    assert await parser.ainvoke(source) == expected
    assert parser.parse_any(source) == expected


def test_langchain_s_own_hooks_work(llm, ranking):
    parser = ConsensusOutputParser()
    generations = llm.generate([CAPITAL]).generations[0]
    assert parser.parse_result(generations) == ConsensusResult.of(ranking)
    assert parser.invoke(llm.generate([CAPITAL])) == ConsensusResult.of(ranking)


async def test_langchain_s_async_hook_works(llm, ranking):
    generations = (await llm.agenerate([CAPITAL])).generations[0]
    assert await ConsensusOutputParser().aparse_result(generations) == ConsensusResult.of(ranking)


@pytest.mark.parametrize(
    "bare",
    [
        "Canberra",
        AIMessage("Canberra"),
        AIMessage([{"type": "text", "text": "Canberra"}]),
        HumanMessage("Canberra"),
        [Generation(text="Canberra")],
        [ChatGeneration(message=AIMessage("Canberra"))],
        LLMResult(generations=[[Generation(text="Canberra"), Generation(text="Sydney")]]),
    ],
    ids=lambda bare: type(bare).__name__,
)
def test_a_bare_answer_has_no_confidence(bare):
    found = ConsensusOutputParser().invoke(bare)
    assert (found.answer, found.text, found.confidence, found.candidates) == ("Canberra", "Canberra", None, ())
    assert type(found.text) is str


def test_a_bare_answer_with_a_threshold_is_an_error_that_names_the_remedy(llm):
    parser = ConsensusOutputParser(min_confidence=0.5)
    said = r"`min_confidence` is set and the input carries no confidence.* Use `prompt \| llm.ranked\(\)"
    for source in ("Canberra", AIMessage("Canberra"), [Generation(text="Canberra")]):
        with pytest.raises(InvalidInputError, match=said):
            parser.invoke(source)
    with pytest.raises(InvalidInputError, match=said):
        (llm | parser).invoke(CAPITAL)


def test_an_answer_whose_judge_said_nothing_is_below_every_threshold(llm):
    result = (llm.ranked() | ConsensusOutputParser()).invoke(CAPITAL).model_copy(update={"confidence": None})
    with pytest.raises(LowConfidenceError, match="has no confidence, since its judge could not say anything"):
        ConsensusOutputParser(min_confidence=0.0).invoke(result)
    abstained = ConsensusOutputParser(min_confidence=0.0, below="abstain").invoke(result)
    assert (abstained.answer, abstained.abstained) == (None, True)
    assert ConsensusOutputParser().invoke(result).answer == result.answer


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "The input is NoneType; it must be a `Ranking`, a message, a list of generations"),
        (3, "The input is int; it must be a `Ranking`"),
        ({"answer": "a"}, "The input is dict; it must be a `Ranking`"),
        ([], "The input is list; it must be"),
        (["a"], "The input is list; it must be"),
        (LLMResult(generations=[]), "The `LLMResult` holds 0 prompts; parse one at a time, or use `batch`"),
        (LLMResult(generations=[[], []]), "The `LLMResult` holds 2 prompts"),
        (LLMResult(generations=[[]]), "The list of generations is empty; there is no answer to parse"),
    ],
    ids=str,
)
def test_anything_else_is_refused_by_name(source, said):
    with pytest.raises(InvalidInputError) as caught:
        ConsensusOutputParser().invoke(source)
    assert said in str(caught.value)


# --- the threshold ---


@pytest.mark.parametrize("below", ["raise", "abstain", "fallback"])
def test_an_answer_at_the_threshold_passes(below):
    parser = ConsensusOutputParser(min_confidence=0.6, below=below)
    found = parser.invoke(result(0.6, "a"))
    assert (found.answer, found.abstained) == ("a", False)


def test_below_the_threshold_it_raises_with_both_numbers():
    parser = ConsensusOutputParser(min_confidence=0.6)
    with pytest.raises(
        LowConfidenceError, match=r"The best answer, 'a', has confidence 0\.599; `min_confidence` is 0\.6"
    ):
        parser.invoke(result(0.5994, "a"))


@pytest.mark.parametrize(
    ("options", "answer"),
    [({"below": "abstain"}, None), ({"below": "fallback", "fallback": "ask a person"}, "ask a person")],
)
def test_or_it_abstains_or_falls_back_and_keeps_the_evidence(options, answer):
    found = ConsensusOutputParser(min_confidence=0.6, **options).invoke(result(0.5, "a", "b"))
    assert (found.answer, found.abstained) == (answer, True)
    assert (found.text, found.confidence, len(found.candidates)) == ("a", 0.5, 2)


def test_without_a_threshold_every_answer_passes():
    assert ConsensusOutputParser(below="abstain").invoke(result(0.0, "a")).answer == "a"


@pytest.mark.parametrize("edge", [0, 1])
def test_the_ends_of_the_range_are_thresholds(edge):
    assert ConsensusOutputParser(min_confidence=edge).invoke(result(float(edge), "a")).answer == "a"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_confidence": 1.1}, "less than or equal to 1"),
        ({"min_confidence": -0.1}, "greater than or equal to 0"),
        ({"min_confidence": float("nan")}, "min_confidence"),
        ({"below": "ignore"}, "'raise', 'abstain' or 'fallback'"),
        ({"fallback": "x"}, "`fallback` is given and `below` is 'raise'; set below='fallback'"),
        ({"inner": "json"}, "inner"),
        ({"min_confidnce": 0.5}, "min_confidnce"),
    ],
)
def test_bad_options_are_refused_by_name(options, said):
    with pytest.raises(ValidationError) as caught:
        ConsensusOutputParser(**options)
    assert said in str(caught.value)


# --- typed answers ---


def test_an_inner_parser_gives_the_answer_its_type():
    found = ConsensusOutputParser(inner=Integer()).invoke(result(0.9, "42", "x"))
    assert (found.answer, found.text, found.confidence, found.warnings) == (42, "42", 0.9, ())


def test_candidates_that_do_not_parse_are_passed_over_and_the_confidence_is_the_chosen_one_s():
    ranked = result(0.9, "x", "y", "42", "43")
    # The third candidate's verdict: log-odds log 3, so 3/4.
    chosen = candidate("42", verdict_correct=-1.0, verdict_incorrect=-1.0 - 1.0986122886681098)
    ranked = ranked.model_copy(update={"candidates": (*ranked.candidates[:2], chosen, ranked.candidates[3])})
    found = ConsensusOutputParser(inner=Integer()).invoke(ranked)
    assert (found.answer, found.text) == (42, "42")
    assert found.confidence == pytest.approx(0.75)
    assert found.margin is None
    assert any("rank higher" in warning for warning in found.warnings)
    with pytest.raises(LowConfidenceError, match=r"'42', has confidence 0\.750"):
        ConsensusOutputParser(inner=Integer(), min_confidence=0.8).invoke(ranked)


@pytest.mark.parametrize(("verdict", "confidence"), [((-inf, -inf), 0.5), ((-inf, -1), 0.0), ((-1, -inf), 1.0)])
def test_the_chosen_one_s_confidence_is_a_number_even_at_probability_zero(verdict, confidence):
    ranked = result(0.9, "x").model_copy(update={"candidates": (candidate("x"), candidate("42", *verdict))})
    assert ConsensusOutputParser(inner=Integer()).invoke(ranked).confidence == confidence


def test_if_no_candidate_parses_the_error_carries_the_best_one_and_the_reason():
    with pytest.raises(
        OutputParserException, match=r"None of the 2 candidates parses; the best, 'x': no number: 'x'"
    ) as e:
        ConsensusOutputParser(inner=Integer(), below="abstain", min_confidence=0.1).invoke(result(0.9, "x", "y"))
    assert e.value.llm_output == "x"


def test_an_error_that_is_no_parsing_error_is_not_swallowed():
    class Broken(BaseOutputParser[int]):
        def parse(self, text):
            msg = "a bug"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="a bug"):
        ConsensusOutputParser(inner=Broken()).invoke(result(0.9, "x"))


def test_an_inner_parser_works_on_a_bare_string():
    assert ConsensusOutputParser(inner=Integer()).invoke("42").answer == 42
    with pytest.raises(OutputParserException, match="None of the 1 candidates parses"):
        ConsensusOutputParser(inner=Integer()).invoke("x")


class Place(BaseModel):
    city: str


def test_langchain_s_own_parsers_fit_inside():
    ranked = result(0.9, "not json", '{"city": "Canberra"}')
    assert ConsensusOutputParser(inner=PydanticOutputParser(pydantic_object=Place)).invoke(ranked).answer == Place(
        city="Canberra"
    )
    assert ConsensusOutputParser(inner=JsonOutputParser()).invoke(ranked).answer == {"city": "Canberra"}
    assert ConsensusOutputParser(inner=StrOutputParser()).invoke(ranked).answer == "not json"


# --- in a chain ---


PROMPT = ChatPromptTemplate([("human", "{q}")])


async def test_the_chain_of_the_design_runs_in_every_way(llm, recording_engine):
    chain = PROMPT | llm.ranked() | ConsensusOutputParser(min_confidence=0.4)
    first = chain.invoke({"q": CAPITAL})
    assert (first.answer, first.abstained) == ("Canberra", False)
    found = [
        await chain.ainvoke({"q": CAPITAL}),
        *chain.batch([{"q": CAPITAL}]),
        *await chain.abatch([{"q": CAPITAL}]),
        *chain.stream({"q": CAPITAL}),
        *[one async for one in chain.astream({"q": CAPITAL})],
    ]
    assert [one == first for one in found] == [True] * 5


def test_a_chain_s_batch_is_one_call_of_the_engine(llm, recording_engine):
    chain = PROMPT | llm.ranked() | ConsensusOutputParser()
    assert [one.answer for one in chain.batch([{"q": CAPITAL}, {"q": SUM}])] == ["Canberra", "four"]
    assert recording_engine.calls == (1, 1)


def test_one_low_answer_of_a_batch_leaves_the_others(llm):
    # The fake's verdict is its belief: 0.6 and 0.5.
    chain = PROMPT | llm.ranked() | ConsensusOutputParser(min_confidence=0.55)
    good, low = chain.batch([{"q": CAPITAL}, {"q": SUM}], return_exceptions=True)
    assert good.answer == "Canberra"
    assert isinstance(low, LowConfidenceError)


def test_a_chain_with_a_typed_answer(recording_engine):
    engine = RecordingEngine({"q": {"about six": 0.5, "6": 0.3, "7": 0.2}})
    llm = EquilibriumRankingLLM.from_engine(engine, num_candidates=32, solver="log_time_flow")
    found = (PROMPT | llm.ranked() | ConsensusOutputParser(inner=Integer())).invoke({"q": "q"})
    assert (found.answer, found.candidates[0].text) == (6, "about six")
    assert found.confidence == pytest.approx(0.3)


def test_behind_a_text_model_the_answer_survives_without_evidence(llm):
    found = (PROMPT | llm | ConsensusOutputParser()).invoke({"q": CAPITAL})
    assert (found.answer, found.confidence) == ("Canberra", None)


def test_its_types_are_known_to_langchain():
    parser = ConsensusOutputParser()
    assert issubclass(parser.OutputType, ConsensusResult)
    assert "answer" in parser.get_output_jsonschema()["properties"]


async def test_a_slow_inner_parser_does_not_block_the_event_loop():
    seen = []

    class Where(BaseOutputParser[str]):
        def parse(self, text):
            seen.append(threading.get_ident())
            return text

    await asyncio.gather(*(ConsensusOutputParser(inner=Where()).ainvoke("a") for _ in range(3)))
    assert len(seen) == 3
    assert threading.get_ident() not in seen


def test_an_answer_that_is_nested_too_deeply_is_one_that_does_not_parse():
    with pytest.raises(OutputParserException, match="None of the 1 candidates parses"):
        ConsensusOutputParser(inner=JsonOutputParser()).invoke("[" * 100_000)
