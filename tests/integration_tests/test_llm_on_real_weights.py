"""The 0.5B model: the suite for text models, and 32 calls at once beside an event loop that is never blocked."""

import asyncio

import pytest

from langchain_consensus import ChatEquilibriumRanking, EquilibriumRankingLLM
from langchain_consensus.errors import ContextWindowError
from tests.unit_tests.llm_standard import LLMStandardTests
from tests.watchdog import watched_loop

CALLS = 32
LONGEST_BLOCK = 0.05  # seconds
OPTIONS = {"num_candidates": 2, "max_new_tokens": 4}


class TestEquilibriumRankingLLM(LLMStandardTests):
    @pytest.fixture(autouse=True)
    def _engine(self, qwen_engine):
        self.engine = qwen_engine

    @property
    def llm_class(self):
        return EquilibriumRankingLLM

    @property
    def llm_params(self):
        return {"engine": self.engine, "solver": "log_time_flow", **OPTIONS}

    @property
    def serializable_params(self):
        return self.llm_params

    @property
    def override(self):
        return {"seed": 7}


async def test_calls_at_once_give_the_answers_of_calls_in_turn_and_never_block_the_loop(qwen_engine):
    options = {"engine": qwen_engine, "solver": "log_time_flow", **OPTIONS}
    llm, chat = EquilibriumRankingLLM(**options), ChatEquilibriumRanking(**options)
    surfaces = {
        "llm": (llm, str),
        "chat": (chat, lambda message: message.text),
        "ranked": (llm.ranked(), lambda ranking: ranking.answer),
    }
    questions = [f"What is {number} + 1?" for number in range(CALLS)]
    in_turn = [llm.ranked().invoke(question).answer for question in questions]
    assert len(set(in_turn)) > CALLS // 4
    for name, (runnable, text) in surfaces.items():
        async with watched_loop() as watch:
            found = await asyncio.gather(*(runnable.ainvoke(question) for question in questions))
        assert [text(one) for one in found] == in_turn, name
        assert watch.ticks > CALLS
        assert watch.blocked < LONGEST_BLOCK, name


async def test_a_hundred_thousand_tokens_are_refused_with_their_number_and_do_not_block_the_loop(qwen_engine):
    llm = EquilibriumRankingLLM(engine=qwen_engine)
    async with watched_loop() as watch:
        with pytest.raises(ContextWindowError, match=r"the prompt has 1000\d\d tokens .*reads at most 32768"):
            await llm.ainvoke("the" + " the" * 99_990)
    assert watch.blocked < LONGEST_BLOCK
