"""`ConsensusRanker`: candidates that are there already, in every way of calling."""

import copy
import threading

import pytest
from langchain_core.runnables import ConfigurableField, RunnableLambda
from pydantic import ValidationError

from langchain_consensus import Consensus, ConsensusOutputParser, ConsensusRanker, ConsensusResult, Question, given
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import LogTimeFlow
from tests.engines import CAPITAL, SUM, text_of

ONE = {"question": CAPITAL, "candidates": ["Sydney", "Canberra", "Melbourne"]}
TWO = {"question": SUM, "candidates": ["five", "four"]}
BAD = {"question": "", "candidates": ["a"]}


@pytest.fixture
def ranker(recording_engine):
    return ConsensusRanker.from_engine(recording_engine, solver="log_time_flow")


def test_it_ranks_what_it_is_given_and_draws_nothing(ranker, recording_engine):
    found = ranker.invoke(ONE)
    assert isinstance(found, ConsensusResult)
    assert found.answer == "Canberra"
    assert {one.text: (one.position, one.count) for one in found.candidates} == {
        "Sydney": (0, 1),
        "Canberra": (1, 1),
        "Melbourne": (2, 1),
    }
    assert recording_engine.calls == (0, 1)


def test_it_gives_what_the_pipeline_gives(ranker, recording_engine):
    consensus = Consensus(engine=recording_engine, solver=LogTimeFlow())
    (expected,) = consensus.rank([given(Question(text=CAPITAL), ONE["candidates"])])
    assert ranker.invoke(ONE) == ConsensusResult.of(expected)


async def test_every_way_of_calling_gives_the_same(ranker):
    first = ranker.invoke(ONE)
    found = [
        await ranker.ainvoke(ONE),
        *ranker.batch([ONE]),
        *await ranker.abatch([ONE]),
        *ranker.stream(ONE),
        *[one async for one in ranker.astream(ONE)],
    ]
    assert [one == first for one in found] == [True] * 5


async def test_a_batch_is_one_call_of_the_engine(ranker, recording_engine):
    for found in (ranker.batch([ONE, TWO] * 2), await ranker.abatch([ONE, TWO] * 2)):
        assert [one.answer for one in found] == ["Canberra", "four"] * 2
    assert recording_engine.calls == (0, 2)
    assert ranker.batch([]) == []


async def test_no_async_call_runs_the_model_on_the_event_loop(ranker, recording_engine):
    await ranker.ainvoke(ONE)
    await ranker.abatch([ONE])
    assert recording_engine.calls == (0, 2)
    assert threading.get_ident() not in recording_engine.threads


async def test_an_input_that_fails_takes_no_other_with_it(ranker):
    for batch in (
        ranker.batch([ONE, BAD, TWO], return_exceptions=True),
        await ranker.abatch([ONE, BAD, TWO], return_exceptions=True),
    ):
        assert (batch[0].answer, batch[2].answer) == ("Canberra", "four")
        assert isinstance(batch[1], InvalidInputError)
    with pytest.raises(InvalidInputError, match="`question` is ''"):
        ranker.batch([ONE, BAD])


def test_candidates_that_differ_in_case_stay_apart_unless_a_key_joins_them(recording_engine):
    answers = {"question": CAPITAL, "candidates": ["Aa", "aa"]}
    assert len(ConsensusRanker(engine=recording_engine).invoke(answers).candidates) == 2
    assert len(ConsensusRanker(engine=recording_engine, answer_key=str.lower).invoke(answers).candidates) == 1


def test_the_candidates_are_the_choices_that_a_wording_lists(recording_engine):
    ConsensusRanker(engine=recording_engine, wording="multiple_choice").invoke(
        {"question": CAPITAL, "candidates": [" Sydney\n", "Canberra"]}
    )
    assert "Options:\nA. Sydney\nB. Canberra\n" in text_of(recording_engine.score_calls[0][0].prompt)


def test_a_context_is_shown_to_both_views(ranker, recording_engine):
    ranker.invoke(ONE | {"context": "It is not Sydney."})
    texts = [text_of(request.prompt) for request in recording_engine.score_calls[0]]
    assert len(texts) == 5
    assert all("Context: It is not Sydney.\n" in text for text in texts)


def test_a_question_with_everything_in_it_is_taken_as_it_is(ranker):
    found = ranker.invoke({"question": Question(text=CAPITAL, context="c"), "candidates": ("Sydney", "Canberra")})
    assert found.answer == "Canberra"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"question": CAPITAL}, "The input has the keys ['question']; it needs `question` and `candidates`"),
        (ONE | {"contxt": "c"}, "and may have `context`"),
        ({}, "The input has the keys []"),
        ("Canberra", "The input is str; it must be a mapping with `question` and `candidates`"),
        (["a"], "The input is list; it must be a mapping"),
        (ONE | {"candidates": "Canberra"}, "`candidates` is 'Canberra'; it must be a list of at least one answer"),
        (ONE | {"candidates": None}, "`candidates` is None; it must be a list"),
        (ONE | {"candidates": []}, "`candidates` is []; it must be a list of at least one answer"),
        (ONE | {"candidates": ["a", " "]}, "`candidates[1]` is ' '; it must be a text"),
        (ONE | {"candidates": ["a", 3]}, "`candidates[1]` is 3; it must be a text"),
        (ONE | {"question": 3}, "`question` is 3; it must be a text"),
        (BAD, "`question` is ''; it must be a text"),
        ({"question": Question(text="q"), "candidates": ["a"], "context": "c"}, "put it into the question"),
    ],
)
async def test_a_bad_input_is_named_with_its_value_and_the_rule(ranker, bad, said):
    with pytest.raises(InvalidInputError) as caught:
        ranker.invoke(bad)
    assert said in str(caught.value)
    with pytest.raises(InvalidInputError) as caught:
        await ranker.ainvoke(bad)
    assert said in str(caught.value)
    (failed,) = ranker.batch([bad], return_exceptions=True)
    assert said in str(failed)


async def test_a_call_has_no_options(ranker):
    with pytest.raises(InvalidInputError, match="`rule` is no option of a call; make one with other fields"):
        ranker.invoke(ONE, rule="majority")
    with pytest.raises(InvalidInputError, match="`rule` is no option of a call"):
        await ranker.ainvoke(ONE, rule="majority")
    with pytest.raises(InvalidInputError, match="`rule` is no option of a call"):
        ranker.batch([ONE], rule="majority")
    with pytest.raises(InvalidInputError, match="`rule` is no option of a call"):
        await ranker.abatch([ONE], rule="majority")


def test_bad_options_are_refused_by_name(recording_engine):
    with pytest.raises(ValidationError, match="rul"):
        ConsensusRanker(engine=recording_engine, rul="majority")
    with pytest.raises(ValidationError, match="`rule` is 'best'; it must be one of"):
        ConsensusRanker(engine=recording_engine, rule="best")
    with pytest.raises(ValidationError, match="num_candidates"):
        ConsensusRanker(engine=recording_engine, num_candidates=4)  # nothing is drawn


def test_construction_loads_nothing():
    assert ConsensusRanker.from_model_id("nobody/no-such-model").engine.name == "nobody/no-such-model"


def test_inputs_are_left_alone(ranker):
    before = copy.deepcopy(ONE)
    ranker.invoke(ONE)
    ranker.batch([ONE])
    assert before == ONE


def test_it_stands_in_a_chain_before_the_parser(ranker, recording_engine):
    chain = RunnableLambda(lambda text: ONE | {"question": text}) | ranker | ConsensusOutputParser(min_confidence=0.5)
    assert chain.invoke(CAPITAL).answer == "Canberra"
    assert [one.answer for one in chain.batch([CAPITAL] * 3)] == ["Canberra"] * 3
    assert recording_engine.calls == (0, 2)


def test_configurable_fields_keep_the_engine(ranker, recording_engine):
    configurable = ranker.configurable_fields(rule=ConfigurableField(id="rule"))
    found = configurable.invoke(ONE, config={"configurable": {"rule": "generator"}})
    assert found.rule == "generator"
    assert recording_engine.calls == (0, 1)


def test_its_types_are_known_to_langchain(ranker):
    assert issubclass(ranker.OutputType, ConsensusResult)
    assert "answer" in ranker.get_output_jsonschema()["properties"]
