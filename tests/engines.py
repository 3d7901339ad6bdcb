"""Engines for tests: one that writes down what it is asked, and one that answers from a table of log-probabilities."""

import threading
from collections import Counter

import numpy as np

from langchain_consensus.engine import ContinuationScores, FakeEngine, Sample, SampleResult, ScoreResult, Usage
from langchain_consensus.prompts import ChatPrompt, Wording

CAPITAL = "What is the capital of Australia?"
SUM = "What is two and two?"
BELIEFS = {
    CAPITAL: {"Canberra": 0.6, "Sydney": 0.3, "Melbourne": 0.1},
    SUM: {"four": 0.5, "five": 0.3, "3": 0.2},
}
SHORT_WORDING = Wording(
    name="short",
    kind="text",
    ask="{condition} {question}",
    judge="{question}={answer}",
    conditions=("bad", "good"),
    verdicts=("no", "yes"),
    length="sum",
)
"""Prompts so short that a table of their log-probabilities can be written by hand."""


class RecordingEngine(FakeEngine):
    """A `FakeEngine` that keeps every call, and the threads that made them."""

    def __init__(self, beliefs=None, *, is_chat=True):
        super().__init__(BELIEFS if beliefs is None else beliefs, is_chat=is_chat)
        self.sample_calls, self.score_calls, self.threads = [], [], set()

    def sample(self, prompts, settings):
        self.threads.add(threading.get_ident())
        self.sample_calls.append((tuple(prompts), settings))
        return super().sample(prompts, settings)

    def score(self, requests):
        self.threads.add(threading.get_ident())
        self.score_calls.append(tuple(requests))
        return super().score(requests)

    @property
    def calls(self):
        """(calls of `sample`, calls of `score`)."""
        return len(self.sample_calls), len(self.score_calls)


class TableEngine:
    """Log-probabilities as the test wrote them down: `{(prompt, continuation): probability}`; one token a word."""

    name = "table"
    is_chat = False

    def __init__(self, probabilities, samples=()):
        self._table, self._samples, self.asked = probabilities, samples, []

    def sample(self, prompts, settings):
        return SampleResult(samples=tuple(tuple(group) for group in self._samples), usage=Usage(sampled_tokens=7))

    def score(self, requests):
        self.asked.append([(text_of(r.prompt), r.continuations, r.end_token) for r in requests])
        scores = tuple(
            ContinuationScores(
                logprobs=np.array([_log(self._table[text_of(r.prompt), text]) for text in r.continuations]),
                tokens=np.array([len(text.split()) for text in r.continuations]),
            )
            for r in requests
        )
        return ScoreResult(scores=scores, usage=Usage(input_tokens=11, forwards=1))

    def token_ids(self, text):
        return list(range(len(text.split())))


def drawn(text, probability=0.5, *, end=None, canonical=True, finish="end"):
    """A sample whose text has this probability, and whose end token has `end`."""
    return Sample(
        text=text,
        tokens=len(text.split()),
        logprob=_log(probability),
        end_logprob=None if end is None else _log(end),
        finish=finish,
        canonical=canonical,
    )


def text_of(prompt):
    """What the model reads, whatever kind of prompt it is."""
    if isinstance(prompt, ChatPrompt):
        return "\n".join(f"{message.role}: {message.content}" for message in prompt.messages)
    return prompt.text


def requested(engine):
    """How many continuations each prompt of an engine's last scoring call had."""
    return Counter({text_of(request.prompt): len(request.continuations) for request in engine.score_calls[-1]})


def _log(probability):
    with np.errstate(divide="ignore"):
        return float(np.log(probability))
