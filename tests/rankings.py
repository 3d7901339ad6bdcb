"""Rankings made of numbers, without an engine."""

import numpy as np

from langchain_consensus.candidates import Candidate, Candidates, Member
from langchain_consensus.engine import Usage
from langchain_consensus.game import ConsensusGame, PiKL, solve
from langchain_consensus.prompts import Question, wording_named
from langchain_consensus.ranking import Rule, ranked
from langchain_consensus.views import Views


def views(generator, verdicts, *, tokens=None, length="sum"):
    """Views from log-probabilities `[V, N]` of candidates and of verdict words."""
    generator, verdicts = np.array(generator, dtype=float), np.array(verdicts, dtype=float)
    tokens = np.ones(generator.shape[1], dtype=int) if tokens is None else np.array(tokens)
    return Views(
        generator_logprobs=generator,
        generator_tokens=tokens,
        generator=generator / tokens if length == "mean" else generator,
        verdict_logprobs=verdicts,
        discriminator=verdicts - np.logaddexp.reduce(verdicts, axis=0),
        usage=Usage(input_tokens=100, forwards=1),
    )


def rank(
    view, *, rule="er_discriminator", counts=None, steps=200, texts=None, solver=None, question="Why?", wording="qa"
):
    """The ranking of candidates y1, y2, ... or `texts` with these views."""
    n = view.generator.shape[1]
    texts = texts or [f"y{i}" for i in range(1, n + 1)]
    items = tuple(
        Candidate(key=text, members=(Member(text=text, draws=count),), position=i)
        for i, (text, count) in enumerate(zip(texts, counts or [1] * n, strict=True))
    )
    candidates = Candidates(
        question=Question(text=question), items=items, sampled=counts is not None, usage=Usage(sampled_tokens=8)
    )
    game = ConsensusGame.from_log_scores(generator=view.generator, discriminator=view.discriminator)
    solution = solve(game, solver or PiKL(steps=steps))
    return ranked(candidates, view, solution, rule=Rule(rule), wording=wording_named(wording), model="m")
