"""`with_structured_output`: every kind of schema by every method, ranked like any answer, objects of the schema out."""

import json
import warnings
from dataclasses import dataclass
from typing import Annotated

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from langchain_consensus import ChatEquilibriumRanking, ConsensusOutputParser
from langchain_consensus.errors import EngineError, InvalidInputError
from langchain_consensus.evidence import EVIDENCE, result_from_json
from tests.engines import RecordingEngine

QUESTION = "What is the capital of Australia?"


class City(BaseModel):
    """A city."""

    city: str = Field(description="its name")
    people: int | None = None


@dataclass
class CityData:
    """A city."""

    city: str
    people: int | None = None


class CityDict(TypedDict):
    """A city."""

    city: Annotated[str, ..., "its name"]
    people: Annotated[int | None, None, "how many live there"]


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydantic.v1 import BaseModel as OldBaseModel

    class OldCity(OldBaseModel):
        """A city."""

        city: str
        people: int = 0


SCHEMA = City.model_json_schema()
FUNCTION = {"name": "City", "description": "A city.", "parameters": {k: SCHEMA[k] for k in ("type", "properties")}}
KINDS = {
    "pydantic": (City, City(city="Canberra")),
    "pydantic_v1": (OldCity, OldCity(city="Canberra")),
    "dataclass": (CityData, CityData(city="Canberra")),
    "typeddict": (CityDict, {"city": "Canberra"}),
    "json_schema": (SCHEMA, {"city": "Canberra"}),
    "function": (FUNCTION, {"city": "Canberra"}),
    "tool": ({"type": "function", "function": FUNCTION}, {"city": "Canberra"}),
}
METHODS = ["json_schema", "function_calling", "json_mode"]
ANSWERS = {'{"city": "Canberra"}': 0.35, '{"city":"Canberra" }': 0.3, '{"city": "Sydney"}': 0.2, "Sydney": 0.1}


def calls(beliefs, name):
    mark = '<tool_call>\n{{"name": "{}", "arguments": {}}}\n</tool_call>'
    return {mark.format(name, text) if text.startswith("{") else text: p for text, p in beliefs.items()}


def chat(beliefs, **settings):
    defaults = {"num_candidates": 24, "solver": "log_time_flow", "rule": "majority"}
    return ChatEquilibriumRanking.from_engine(RecordingEngine({QUESTION: beliefs}), **defaults | settings)


def name_of(schema):
    return schema.__name__ if isinstance(schema, type) else "City"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_schema_gives_its_object_by_every_method_and_way_of_calling(kind, method):
    schema, expected = KINDS[kind]
    model = chat(calls(ANSWERS, name_of(schema)) if method == "function_calling" else ANSWERS)
    structured = model.with_structured_output(schema, method=method)
    assert structured.invoke(QUESTION) == expected
    assert await structured.ainvoke(QUESTION) == expected
    assert structured.batch([QUESTION] * 2) == [expected] * 2
    assert list(structured.stream(QUESTION))[-1] == expected


@pytest.mark.parametrize("method", METHODS)
def test_the_same_value_written_twice_is_one_candidate_and_the_evidence_is_in_the_message(method):
    model = chat(calls(ANSWERS, "City") if method == "function_calling" else ANSWERS)
    found = model.with_structured_output(City, method=method, include_raw=True).invoke(QUESTION)
    assert (found["parsed"], found["parsing_error"]) == (City(city="Canberra"), None)
    assert isinstance(found["raw"], AIMessage)
    result = result_from_json(found["raw"].response_metadata[EVIDENCE])
    assert [len(candidate.members) for candidate in result.candidates] == [2, 1]
    assert result.text == (result.candidates[0].text)
    assert ConsensusOutputParser().invoke(found["raw"]).text == result.text


def test_both_views_are_told_the_schema_and_json_mode_tells_nothing():
    model = chat(ANSWERS)
    model.with_structured_output(City, method="json_schema").invoke(QUESTION)
    asked = [prompt.messages[-1].content for prompt in model.engine.sample_calls[0][0]]
    judged = [request.prompt.messages[-1].content for request in model.engine.score_calls[0]]
    assert all("Answer in JSON that follows this schema: {" in text and '"its name"' in text for text in asked + judged)
    model.with_structured_output(City, method="json_mode").invoke(QUESTION)
    assert "JSON" not in model.engine.sample_calls[1][0][0].messages[-1].content


def test_what_is_decoded_under_is_the_schema_closed():
    model = chat(ANSWERS)
    for strict in (None, True, False):
        model.with_structured_output(City, strict=strict).invoke(QUESTION)
        (form,) = model.engine.sample_calls[-1][1].grammar
        assert (form.before, form.after) == ("", "")
        assert json.loads(form.schema) == {**SCHEMA, "additionalProperties": False}


def test_a_base_model_gives_objects_too():
    engine = RecordingEngine({QUESTION: {'{"city": "Canberra"}': 1.0}}, is_chat=False)
    model = ChatEquilibriumRanking.from_engine(engine, solver="log_time_flow")
    assert model.with_structured_output(City).invoke(QUESTION) == City(city="Canberra")


class Real(BaseModel):
    """A city that is one."""

    city: str

    @field_validator("city")
    @classmethod
    def _is_one(cls, city):
        if city != "Canberra":
            msg = "no capital"
            raise ValueError(msg)
        return city


def test_a_value_that_the_class_refuses_is_an_error_or_reported_beside_the_message():
    model = chat({'{"city": "Sydney"}': 1.0})
    with pytest.raises(OutputParserException, match="no capital"):
        model.with_structured_output(Real).invoke(QUESTION)
    found = model.with_structured_output(Real, include_raw=True).invoke(QUESTION)
    assert found["parsed"] is None
    assert isinstance(found["parsing_error"], OutputParserException)


@dataclass
class RealData:
    """A city that is one."""

    city: str

    def __post_init__(self):
        if self.city != "Canberra":
            msg = "no capital"
            raise ValueError(msg)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Real, RealData])
async def test_a_value_that_the_class_refuses_is_passed_over_for_the_best_that_it_takes(schema, method):
    beliefs = {'{"city": "Sydney"}': 0.6, '{"city": "Melbourne"}': 0.28, '{"city": "Canberra"}': 0.12}
    model = chat(
        calls(beliefs, schema.__name__) if method == "function_calling" else beliefs,
        cache=InMemoryCache(),
        num_candidates=100,
    )
    structured = model.with_structured_output(schema, method=method, include_raw=True)
    for found in (structured.invoke(QUESTION), await structured.ainvoke(QUESTION), *structured.batch([QUESTION])):
        assert found["parsed"] == schema(city="Canberra")
        result = result_from_json(found["raw"].response_metadata[EVIDENCE])
        assert "Canberra" in result.text
        assert "Sydney" in result.candidates[0].text
        assert "2 of the candidates rank higher and do not fit the class that was asked for." in result.warnings
    assert len(model.engine.sample_calls) == 1
    model.with_structured_output({**SCHEMA, "title": schema.__name__}, method=method)
    assert model._fits is None  # the model itself takes any value


def test_the_cache_keeps_classes_with_the_same_schema_apart():
    model = chat({'{"city": "Sydney"}': 0.9, '{"city": "Canberra"}': 0.1}, cache=InMemoryCache())
    schema = {**Real.model_json_schema()}
    assert model.with_structured_output(schema).invoke(QUESTION) == {"city": "Sydney"}
    assert model.with_structured_output(Real).invoke(QUESTION) == Real(city="Canberra")


def test_the_cache_keeps_any_object_apart_from_an_object_that_was_asked_for():
    model = chat({'{"city": "Canberra"}': 1.0}, cache=InMemoryCache())
    model.with_structured_output({"title": "Any", "type": "object"}, method="json_mode").invoke(QUESTION)
    model.invoke(QUESTION, response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}})
    assert len(model.engine.sample_calls) == 2  # the second was told a schema


@dataclass
class Small:
    """A small number."""

    number: int


def test_a_dataclass_that_json_mode_does_not_fill_is_a_parser_s_error():
    with pytest.raises(OutputParserException, match="does not fit the schema"):
        chat({'{"x": 1}': 1.0}).with_structured_output(Small, method="json_mode").invoke(QUESTION)


def test_where_no_draw_is_complete_the_error_says_so():
    with pytest.raises(InvalidInputError, match="no answer in `beliefs` has a form"):
        chat({"Canberra": 1.0}).with_structured_output(City).invoke(QUESTION)
    long = chat({'{"city": "Can berra is a long name"}': 1.0}, max_new_tokens=2).with_structured_output(City)
    with pytest.raises(EngineError, match="is complete under the grammar; raise `max_new_tokens`"):
        long.invoke(QUESTION)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"method": "xml"}, "`method` is 'xml'; it must be one of"),
        ({"num_candidate": 3}, "`num_candidate` is no option"),
    ],
)
def test_a_wrong_option_is_refused(options, reason):
    with pytest.raises(InvalidInputError, match=reason):
        chat(ANSWERS).with_structured_output(City, **options).invoke(QUESTION)


def test_a_thing_that_is_no_schema_is_refused():
    with pytest.raises(InvalidInputError, match="must be a pydantic class, a dataclass"):
        chat(ANSWERS).with_structured_output("City")


def test_options_of_calls_are_bound():
    model = chat(ANSWERS)
    model.with_structured_output(City, num_candidates=2, seed=5).invoke(QUESTION)
    settings = model.engine.sample_calls[0][1]
    assert (settings.n, settings.seed) == (2, 5)


def test_an_agent_gives_a_structured_response_beside_its_tools():
    from langchain import agents
    from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
    from langchain_core.tools import tool

    @tool
    def look_up(country: str) -> str:
        """The capital of a country."""
        return "Canberra"

    call = '<tool_call>\n{"name": "look_up", "arguments": {"country": "Australia"}}\n</tool_call>'
    done = {
        ProviderStrategy: '{"city": "Canberra"}',
        ToolStrategy: '<tool_call>\n{"name": "City", "arguments": {"city": "Canberra"}}\n</tool_call>',
    }

    class Agent(RecordingEngine):
        def sample(self, prompts, settings):
            self._beliefs = {QUESTION: {self.final if prompts[0].messages[-1].role == "tool" else call: 1.0}}
            return super().sample(prompts, settings)

    for strategy, final in done.items():
        engine = Agent({})
        engine.final = final
        model = ChatEquilibriumRanking.from_engine(engine, solver="log_time_flow", rule="majority")
        agent = agents.create_agent(model, tools=[look_up], response_format=strategy(City))
        state = agent.invoke({"messages": [("human", QUESTION)]})
        assert state["structured_response"] == City(city="Canberra")
        assert [message.type for message in state["messages"]][:3] == ["human", "ai", "tool"]
        assert all(settings.grammar for _, settings in engine.sample_calls)  # a call or the answer, nothing else
