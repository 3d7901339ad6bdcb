"""Options that belong to a server and options that belong to a local model are kept apart."""

import pytest

from langchain_consensus import OpenAICompatibleEngine, TransformersEngine
from langchain_consensus.cli.engines import ModelSettings, ServerSettings, make_engine
from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL
from langchain_consensus.errors import InvalidInputError

SERVER = ServerSettings(base_urls=("http://localhost:8000",), tokenizer="a/b")


def test_without_an_address_the_model_is_local():
    assert isinstance(make_engine(ModelSettings(name="a/b")), TransformersEngine)


def test_with_addresses_it_is_served_and_nothing_is_sent():
    engine = make_engine(ModelSettings(name="served-name", server=SERVER))
    assert isinstance(engine, OpenAICompatibleEngine)
    assert engine.base_urls == ("http://localhost:8000/v1",)
    assert engine.name == "served-name"


def test_the_local_default_is_no_name_of_a_served_model():
    engine = make_engine(ModelSettings(name=DEFAULT_EMBEDDED_MODEL, server=SERVER))
    assert engine._options["model"] is None


@pytest.mark.parametrize("given", [{"dtype": "float16"}, {"device_map": "cuda:0"}, {"token_budget": 64}])
def test_options_of_a_local_model_are_refused_beside_an_address(given):
    with pytest.raises(InvalidInputError, match="has no meaning beside --base-url"):
        make_engine(ModelSettings(name="a/b", server=SERVER, **given))


def test_a_tokenizer_is_refused_without_an_address():
    with pytest.raises(InvalidInputError, match="--tokenizer has no meaning without --base-url"):
        make_engine(ModelSettings(name="a/b", server=ServerSettings(tokenizer="a/b")))


def test_a_key_is_not_shown():
    assert "secret" not in repr(ServerSettings(api_key="secret"))
