"""Chat models whose distribution is known: what they say is drawn from a table. One is LangChain's, one an engine."""

import math
import threading

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from langchain_consensus.engine import Sample, SampleResult, Usage
from langchain_consensus.engine.sampler import Beginnings, check_plain_draws

CORRECT = {"Canberra": 0.6, "Sydney": 0.3, "I do not know": 0.1}
INCORRECT = {"Canberra": 0.1, "Sydney": 0.5, "Perth": 0.4}
VERDICTS = {"Canberra": 0.8, "Sydney": 0.2, "Perth": 0.1, "I do not know": 0.3}


class CategoricalChat(BaseChatModel):
    """Says each answer with its probability under the condition that it is asked for, and judges by a table.

    `tells` returns the first token's log-probabilities as OpenAI's models do where they are asked for.
    """

    correct: dict = CORRECT
    incorrect: dict = INCORRECT
    verdicts: dict = VERDICTS
    yes: tuple = ("Yes", "No")
    tells: bool = False
    refuses_logprobs: bool = False
    temperature: float | None = None
    model_name: str = "categorical"
    seed: int = 0
    _dice: object = PrivateAttr(default=None)
    _lock: object = PrivateAttr(default_factory=threading.Lock)
    _asked: list = PrivateAttr(default_factory=list)

    @property
    def asked(self):
        """(what the last message says, the options of the call), for every call."""
        return self._asked

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        text = str(messages[-1].text)
        with self._lock:
            self._dice = self._dice or np.random.default_rng(self.seed)
            self._asked.append((text, {"stop": stop, **kwargs}))
            if "logprobs" in kwargs and self.refuses_logprobs:
                msg = "unexpected option 'logprobs'"
                raise TypeError(msg)
            table = _table(self, text)
            said = str(self._dice.choice(list(table), p=list(table.values())))
        told = {}
        if "logprobs" in kwargs and self.tells:
            top = [{"token": word, "logprob": math.log(p)} for word, p in table.items() if p > 0]
            told = {"logprobs": {"content": [{"token": said, "top_logprobs": top}]}}
        message = AIMessage(
            content=said,
            response_metadata={"finish_reason": "stop", **told},
            usage_metadata={"input_tokens": 10, "output_tokens": 1, "total_tokens": 11},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    @property
    def _llm_type(self):
        return "categorical"


class CategoricalEngine:
    """The same as an engine, for many draws: a call of LangChain's takes milliseconds."""

    name, is_chat = "categorical", True

    def __init__(self, *, draws=16, verdict_draws=8, seed=0, tells=False, **tables):
        self.draws, self.verdict_draws, self.tells = draws, verdict_draws, tells
        self.correct = tables.get("correct", CORRECT)
        self.incorrect = tables.get("incorrect", INCORRECT)
        self.verdicts, self.yes = tables.get("verdicts", VERDICTS), ("Yes", "No")
        self._dice = np.random.default_rng(seed)

    def sample(self, prompts, settings):
        check_plain_draws(settings)
        groups = []
        for prompt in prompts:
            table = _table(self, prompt.messages[-1].content)
            said = self._dice.choice(list(table), p=list(table.values()), size=settings.n)
            groups.append(tuple(_reply(str(one)) for one in said))
        return SampleResult(samples=tuple(groups), usage=Usage(forwards=len(prompts) * settings.n))

    def beginnings(self, prompts):
        if not self.tells:
            return Beginnings(tokens=(None,) * len(prompts))
        tables = [_table(self, prompt.messages[-1].content) for prompt in prompts]
        tokens = tuple(tuple((word, math.log(p)) for word, p in table.items()) for table in tables)
        return Beginnings(tokens=tokens, usage=Usage(forwards=len(prompts)))

    def token_ids(self, text):
        return list(range(len(text.split())))


def _reply(text):
    return Sample(text=text, tokens=1, logprob=math.nan, end_logprob=None, finish="end", canonical=False)


def _table(model, text):
    """What may be said to `text`, and how probable it is."""
    if "Proposed answer:" in text:
        answer = text.split("Proposed answer: ")[1].split("\n")[0]
        p, (yes, no) = model.verdicts[answer], model.yes
        return {yes: p, no: 1 - p}
    return model.incorrect if "the incorrect answer" in text else model.correct
