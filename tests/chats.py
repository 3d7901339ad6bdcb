"""A LangChain chat model whose distribution is known: what it says is drawn from a table."""

import math
import threading

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

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
                raise TypeError("unexpected option 'logprobs'")
            table = self._table(text)
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

    def _table(self, text):
        if "Proposed answer:" in text:
            answer = text.split("Proposed answer: ")[1].split("\n")[0]
            p, (yes, no) = self.verdicts[answer], self.yes
            return {yes: p, no: 1 - p}
        return self.incorrect if "the incorrect answer" in text else self.correct

    @property
    def _llm_type(self):
        return "categorical"
