"""`EquilibriumRankingLLM` under the suite for text models, on the shipped fake and on a tiny random model."""

import pytest

from langchain_consensus import EquilibriumRankingLLM, TransformersEngine
from tests.engines import CAPITAL, SUM, RecordingEngine
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer
from tests.unit_tests.llm_standard import LLMStandardTests


class TestOnTheFake(LLMStandardTests):
    @property
    def llm_class(self):
        return EquilibriumRankingLLM

    @property
    def llm_params(self):
        return {"engine": RecordingEngine(), "solver": "log_time_flow"}

    @property
    def serializable_params(self):
        return {"engine": {"model_id": "nobody/no-such-model"}, "num_candidates": 3, "stop": ["x"], "rule": "majority"}


@pytest.fixture(scope="module")
def tiny_engine():
    return TransformersEngine.from_model(tiny_model("qwen2"), tiny_tokenizer())


class TestOnATinyModel(LLMStandardTests):
    @pytest.fixture(autouse=True)
    def _engine(self, tiny_engine):
        self.engine = tiny_engine

    @property
    def llm_class(self):
        return EquilibriumRankingLLM

    @property
    def llm_params(self):
        return {"engine": self.engine, "solver": "log_time_flow", "num_candidates": 3, "max_new_tokens": 4}

    @property
    def override(self):
        return {"seed": 7}

    @property
    def prompts(self):
        return [CAPITAL, SUM, "What is the answer?"]
