"""The integration suite of langchain-tests once more, on the same model behind a real vLLM: `pytest -m servers`."""

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_consensus import ChatEquilibriumRanking, OpenAICompatibleEngine
from langchain_consensus.engine.embedded import prepare
from tests.servers.running import vllm

# The suite passes the options of models behind a server of their own, which are taken with a warning.
pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore:`(api_key|max_retries|timeout)` has no meaning:UserWarning"),
]
MODEL = "qwen2.5-coder-0.5b-instruct"


class TestChatOnVllm(ChatModelIntegrationTests):
    engine = None

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _served(cls, tmp_path_factory):
        log = tmp_path_factory.mktemp("vllm") / "server.log"
        with vllm(prepare(MODEL), log) as url, OpenAICompatibleEngine(url, tokenizer=MODEL) as engine:
            engine.check()
            cls.engine = engine
            yield
            cls.engine = None

    @property
    def chat_model_class(self):
        return ChatEquilibriumRanking

    @property
    def chat_model_params(self):
        return {
            "engine": self.engine,
            "num_candidates": 3,
            "max_new_tokens": 96,
            "temperature": 0.7,
            "solver": "log_time_flow",
        }

    @property
    def standard_chat_model_params(self):
        return {}  # a temperature of 0 would make every candidate the same

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_model_override(self):
        return False  # one engine, one model
