"""`dumps` and `loads`: a component is its ids and numbers, never weights; reading it again loads nothing."""

import json
import sys

import pytest
from langchain_core.load import dumpd, dumps, loads
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableSequence

from langchain_consensus import (
    ChatEquilibriumRanking,
    ConsensusOutputParser,
    ConsensusRanker,
    EquilibriumRankingLLM,
    FakeEngine,
    Limits,
    TransformersEngine,
)
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranked import RankedAnswers
from langchain_consensus.settings import SamplingFields

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `loads` is in beta

SURFACES = [EquilibriumRankingLLM, ChatEquilibriumRanking, ConsensusRanker]
ALLOWED = [*SURFACES, RankedAnswers, ConsensusOutputParser, PromptTemplate, RunnableSequence]
MODEL = "nobody/no-such-model"


def again(component):
    return loads(dumps(component), allowed_objects=ALLOWED, valid_namespaces=["langchain_consensus"])


@pytest.mark.parametrize("surface", SURFACES)
def test_a_round_trip_gives_the_same_settings_and_loads_nothing(surface):
    before = surface.from_model_id(
        MODEL,
        engine_options={
            "dtype": "float32",
            "revision": "v2",
            "token_budget": 64,
            "device_map": {"": "cpu"},
            "attention": "sdpa",
            "limits": Limits(candidates=16, documents=20),
            "max_waiting": 8,
        },
        wording=wording_named("qa").model_copy(update={"name": "mine"}),
        rule="majority",
        solver=LogTimeFlow(time=100),
    )
    after = again(before)
    assert type(after) is surface
    assert after._describe() == before._describe()
    assert after.engine is not before.engine
    assert after.engine.recipe == {
        "model_id": MODEL,
        "dtype": "float32",
        "revision": "v2",
        "token_budget": 64,
        "device_map": {"": "cpu"},
        "attention": "sdpa",
        "limits": {"candidates": 16, "documents": 20},
        "max_waiting": 8,
    }
    assert after.engine.limits == Limits(candidates=16, documents=20)
    assert after.engine._held.loaded is None


@pytest.mark.parametrize("surface", SURFACES[:2])
def test_how_answers_are_drawn_comes_back_too(surface):
    numbers = {
        "num_candidates": 3, "max_new_tokens": 9, "temperature": 0.0, "top_p": 0.5, "top_k": 0, "min_p": 0.1, "seed": 4,
    }  # fmt: skip
    after = again(surface.from_model_id(MODEL, stop=["a", "b"], **numbers))
    assert {name: getattr(after, name) for name in numbers} == numbers
    assert after.stop == ("a", "b")


@pytest.mark.parametrize("solver", [PiKL(steps=7, eta=0.2), LogTimeFlow(), Equilibrium(starts=3)])
def test_every_solver_comes_back_with_its_numbers(solver):
    assert again(ConsensusRanker.from_model_id(MODEL, solver=solver)).solver == solver


def test_a_whole_chain_comes_back():
    llm = EquilibriumRankingLLM.from_model_id(MODEL, num_candidates=3)
    chain = PromptTemplate.from_template("{q}") | llm.ranked(seed=5) | ConsensusOutputParser(min_confidence=0.6)
    after = again(chain)
    prompt, ranked, parser = after.steps
    assert prompt.template == "{q}"
    assert ranked.model._describe_sampling() == llm.overridden({"seed": 5})._describe_sampling()
    assert parser == ConsensusOutputParser(min_confidence=0.6)


def test_what_is_written_holds_no_weights_no_paths_of_this_machine_and_no_code(tmp_path):
    llm = EquilibriumRankingLLM.from_model_id(MODEL, engine_options={"cache_dir": tmp_path})
    text = dumps(llm)
    assert str(tmp_path) not in text
    assert "0x" not in text
    assert len(text) < 600
    assert json.loads(text)["kwargs"]["engine"] == {"model_id": MODEL}


def test_reading_and_writing_import_no_model_library():
    if "torch" in sys.modules:  # another test of this process has loaded a model
        before = set(sys.modules)
        again(EquilibriumRankingLLM.from_model_id(MODEL))
        assert not {name for name in set(sys.modules) - before if name.startswith(("torch", "transformers"))}
    else:
        again(EquilibriumRankingLLM.from_model_id(MODEL))
        assert "torch" not in sys.modules


class OwnSolver(PiKL):
    pass


def owned_engine():
    class Model:
        name_or_path = "mine"

    return TransformersEngine.from_model(Model(), object())


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda s: s.from_engine(FakeEngine()), "`engine` is a FakeEngine; only a `TransformersEngine` of a model id"),
        (lambda s: s.from_engine(owned_engine()), "`engine` 'mine' wraps a model that the caller owns"),
        (lambda s: s.from_model_id(MODEL, engine_options={"trust_remote_code": True}), "`trust_remote_code=True`"),
        (lambda s: s.from_model_id(MODEL, answer_key=str.lower), "`answer_key` is the function builtins.str.lower"),
        (lambda s: s.from_model_id(MODEL, solver=OwnSolver()), "`solver` is a OwnSolver; only ['equilibrium'"),
    ],
    ids=["fake", "owned", "remote code", "function", "own solver"],
)
def test_what_cannot_be_made_again_is_refused_with_the_reason(surface, make, reason):
    component = make(surface)
    written = dumpd(component)
    assert written["type"] == "not_implemented"
    assert reason in written["repr"]
    with pytest.raises(NotImplementedError, match="cannot be written down"):
        again(component)


def test_a_chain_around_it_is_refused_as_well():
    chain = PromptTemplate.from_template("{q}") | EquilibriumRankingLLM.from_engine(FakeEngine()).ranked()
    with pytest.raises(NotImplementedError, match="cannot be written down: `engine` is a FakeEngine"):
        again(chain)


@pytest.mark.parametrize(
    "engine",
    [
        {"model_id": MODEL, "trust_remote_code": True},
        {"model_id": MODEL, "cache_dir": "/tmp"},
        {"dtype": "float32"},
        {},
    ],
)
def test_a_text_from_elsewhere_cannot_ask_for_code_or_folders(engine):
    text = json.dumps(
        {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain_consensus", "llms", "EquilibriumRankingLLM"],
            "kwargs": {"engine": engine},
        }
    )
    with pytest.raises(ValueError, match=r"`engine` has the keys .*; it needs 'model_id' and may have"):
        loads(text, allowed_objects=ALLOWED, valid_namespaces=["langchain_consensus"])


@pytest.mark.parametrize(
    ("solver", "said"),
    [
        ({"name": "nash"}, "`solver` is 'nash'"),
        ({"name": "pikl", "stepz": 3}, "`solver` has the number 'stepz'; those of 'pikl' are ['steps', 'eta'"),
        ({"name": "pikl", "steps": -1}, "`steps` is -1"),
        ({"steps": 3}, "`solver` is {'steps': 3}"),
    ],
)
def test_a_solver_s_numbers_are_checked(solver, said):
    with pytest.raises(ValueError) as caught:
        SamplingFields(engine=FakeEngine(), solver=solver)
    assert said in str(caught.value)


def test_traces_show_the_settings_of_the_call_and_not_of_an_earlier_one():
    llm = EquilibriumRankingLLM.from_model_id(MODEL)
    assert "seed" not in llm._serialized["kwargs"]
    assert llm.overridden({"seed": 3})._serialized["kwargs"]["seed"] == 3
