"""The options that the surfaces share: what they become, and what is refused."""

import functools
import json

import pytest
from pydantic import ValidationError

from langchain_consensus.engine import FakeEngine, SamplingSettings
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.game import Equilibrium, LogTimeFlow, PiKL
from langchain_consensus.prompts import wording_named
from langchain_consensus.ranking import Rule
from langchain_consensus.settings import SOLVERS, RankingSettings, SamplingFields, solver_named

ENGINE = FakeEngine()


def settings(**options):
    return SamplingFields(engine=ENGINE, **options)


def test_the_defaults_are_the_paper_s():
    # Nucleus 0.9, top-k 50, temperature 1; eta = lambda = 0.1, 5000 steps.
    used = settings()._consensus()
    assert used.sampling == SamplingSettings(n=8, max_new_tokens=256, temperature=1.0, top_p=0.9, top_k=50)
    assert used.solver == PiKL(steps=5000, eta=0.1, lambda_generator=0.1, lambda_discriminator=0.1)
    assert used.rule is Rule.ER_DISCRIMINATOR
    assert used.engine is ENGINE


def test_every_option_reaches_the_pipeline():
    used = settings(
        num_candidates=3, max_new_tokens=4, temperature=0.5, top_p=0.6, top_k=7, min_p=0.1, stop=["x"], seed=9,
        wording="qa", rule="majority", solver="equilibrium", answer_key=str.lower,
    )._consensus()  # fmt: skip
    assert used.sampling == SamplingSettings(
        n=3, max_new_tokens=4, temperature=0.5, top_p=0.6, top_k=7, min_p=0.1, stop=("x",), seed=9
    )
    assert (used.wording, used.rule, used.solver, used.answer_key) == ("qa", Rule.MAJORITY, Equilibrium(), str.lower)


@pytest.mark.parametrize(("given", "used"), [(None, ()), ("ab", ("ab",)), (["a", "b"], ("a", "b")), ((), ())])
def test_stop_strings_may_be_none_one_or_many(given, used):
    assert settings(stop=given).stop == used
    assert settings(stop="default")._sampling(given).stop == (("default",) if given is None else used)


def test_solvers_have_names():
    assert [type(solver_named(name)) for name in SOLVERS] == [PiKL, LogTimeFlow, Equilibrium]
    with pytest.raises(InvalidInputError, match=r"`solver` is 'nash'; it must be one of \['equilibrium', 'log_time"):
        solver_named("nash")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "gpt"}, "`engine` is 'gpt'; it must have the methods of `Engine`"),
        ({"wording": "best"}, "`wording` is 'best'; the presets are"),
        ({"rule": "best"}, "`rule` is 'best'; it must be one of"),
        ({"solver": "nash"}, "`solver` is 'nash'; it must be one of"),
        ({"solver": 5}, "`solver` is 5; it must be one of"),
        ({"solver": PiKL}, "; it must be one of"),
        ({"answer_key": "number"}, "`answer_key` is 'number'; it must be a function"),
        ({"num_candidates": 0}, "`num_candidates` is 0; it must be a whole number of at least 1"),
        ({"max_new_tokens": 0}, "`max_new_tokens` is 0; it must be a whole number of at least 1"),
        ({"temperature": -1}, "`temperature` is -1.0; it must be a finite number of at least 0"),
        ({"top_p": 0}, "`top_p` is 0.0; it must be above 0 and at most 1"),
        ({"top_k": -1}, "`top_k` is -1; it must be a whole number of at least 0"),
        ({"min_p": 2}, "`min_p` is 2.0; it must be from 0 to 1"),
        ({"seed": -1}, "`seed` is -1; it must be a whole number of at least 0"),
        ({"stop": [""]}, "`stop` is ('',); it must be a tuple of strings, none of them empty"),
        ({"num_candidate": 4}, "num_candidate"),
    ],
)
def test_a_bad_option_is_named_with_its_value_and_the_rule(options, said):
    with pytest.raises(ValidationError) as caught:
        SamplingFields(**{"engine": ENGINE} | options)
    assert said in str(caught.value)


def test_a_missing_engine_is_named():
    with pytest.raises(ValidationError, match="engine"):
        RankingSettings()


def test_the_description_is_json_and_says_what_a_cache_must_keep_apart():
    described = [
        settings()._describe(),
        settings(wording="qa")._describe(),
        settings(wording=wording_named("qa").model_copy(update={"name": "mine"}))._describe(),
        settings(rule="majority")._describe(),
        settings(solver=PiKL(steps=1))._describe(),
        settings(solver="equilibrium")._describe(),
        settings(answer_key=str.lower)._describe(),
        settings(answer_key=functools.partial(str.split, sep="a"))._describe(),
    ]
    texts = [json.dumps(one, allow_nan=False, sort_keys=True) for one in described]
    assert len(set(texts)) == len(texts)
    assert not any("0x" in text for text in texts)  # no address of an object


def test_the_engine_is_neither_shown_nor_dumped():
    shown = settings()
    assert "FakeEngine" not in repr(shown)
    assert "engine" not in shown.model_dump()
