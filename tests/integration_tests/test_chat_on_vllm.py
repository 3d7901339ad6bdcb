"""The integration suite of langchain-tests once more, on the same model behind a real vLLM: `pytest -m servers`."""

import pytest

from langchain_consensus import OpenAICompatibleEngine
from langchain_consensus.engine.embedded import prepare
from tests.servers.running import vllm
from tests.standard_chat import TAKEN_WITH_A_WARNING, StandardChat

pytestmark = [pytest.mark.servers, TAKEN_WITH_A_WARNING]
MODEL = "qwen2.5-coder-0.5b-instruct"


class TestChatOnVllm(StandardChat):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _served(cls, tmp_path_factory):
        log = tmp_path_factory.mktemp("vllm") / "server.log"
        with vllm(prepare(MODEL), log) as url, OpenAICompatibleEngine(url, tokenizer=MODEL) as engine:
            engine.check()
            cls.engine = engine
            yield
            cls.engine = None
