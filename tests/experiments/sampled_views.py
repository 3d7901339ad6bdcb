"""How far sampled views are from exact ones: a local model gives both, the one from draws alone, the other by scoring.

    python -m tests.experiments.sampled_views --data DIR --questions 10

Options of ARC-Easy's development set (shuffled by `random.Random(0)`, the first ones) are ranked with the wording
`multiple_choice`, its log-probabilities summed with the end token, as counts are of whole replies. One pool of draws a
question serves every number of draws: the first 16 of it, the first 64.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np

from langchain_consensus import Consensus, Question, SamplingSettings, TransformersEngine, given, normalised_text
from langchain_consensus.engine.base import SampleResult, ScoreRequest, Usage
from langchain_consensus.engine.sampler import Beginnings
from langchain_consensus.game import LogTimeFlow
from langchain_consensus.prompts import wording_named
from langchain_consensus.sampled_views import _Matcher

WORDING = wording_named("multiple_choice").model_copy(update={"length": "sum", "end_token": True})
MOST = 64


class Pool:
    """Draws of a local model, each prompt's made once; nothing else of it can be seen from here."""

    def __init__(self, engine):
        self.engine, self.drawn = engine, {}

    def draw(self, prompts, tokens):
        """Makes the draws of prompts that have none."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self.drawn]
        settings = SamplingSettings(n=MOST, max_new_tokens=tokens, top_p=1.0, top_k=0)
        for start in range(0, len(new), 2):
            some = new[start : start + 2]
            self.drawn |= dict(zip(some, self.engine.sample(some, settings).samples, strict=True))


class OnlyDraws:
    """A `SamplingEngine` on a pool. With `tells` it says how replies begin, from the scores of the two words."""

    name, is_chat = "drawn", True

    def __init__(self, pool, draws, *, tells):
        self.pool, self.draws, self.verdict_draws, self.tells = pool, draws, draws, tells

    def sample(self, prompts, settings):
        self.pool.draw(prompts, settings.max_new_tokens)
        return SampleResult(samples=tuple(self.pool.drawn[prompt][: settings.n] for prompt in prompts), usage=Usage())

    def beginnings(self, prompts):
        if not self.tells:
            return Beginnings(tokens=(None,) * len(prompts))
        requests = [ScoreRequest(prompt=prompt, continuations=WORDING.verdicts) for prompt in prompts]
        scores = self.pool.engine.score(requests).scores
        return Beginnings(tokens=tuple(tuple(zip(WORDING.verdicts, one.logprobs, strict=True)) for one in scores))

    def token_ids(self, text):
        return self.pool.engine.token_ids(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct")
    parser.add_argument("--questions", type=int, default=10)
    options = parser.parse_args()
    rows = [json.loads(line) for line in (options.data / "arc_easy" / "dev.jsonl").read_text().splitlines()]
    random.Random(0).shuffle(rows)
    pool = Pool(TransformersEngine(options.model))
    batch = [
        given(Question(text=row["question"], choices=tuple(row["choices"])), row["choices"], answer_key=normalised_text)
        for row in rows[: options.questions]
    ]
    sampling = SamplingSettings(max_new_tokens=24)
    solver = LogTimeFlow()
    found = {}
    for tells in (True, False):
        for n in (16, MOST):
            engine = OnlyDraws(pool, n, tells=tells)
            consensus = Consensus(engine=engine, wording=WORDING, solver=solver, sampling=sampling)
            found[n, tells] = consensus.rank(batch)
            print(f"drawn: {n}, told: {tells}", flush=True)
    exact = Consensus(engine=pool.engine, wording=WORDING, solver=solver).rank([whole(one, pool) for one in batch])
    for (n, tells), rankings in found.items():
        print(f"\nn = {n}, verdicts {'told' if tells else 'drawn'}")
        report(rankings, exact)


def whole(candidates, pool):
    """The candidates with every string that was drawn for them, as exact scores are of strings."""
    matcher = _Matcher(WORDING, candidates, None)
    texts = [item.text for item in candidates.items]
    for correctness in (0, 1):
        drawn = pool.drawn[WORDING.generator_prompt(candidates.question, correctness)]
        texts += [sample.text for sample in drawn if matcher.place(sample) < len(candidates.items)]
    return given(candidates.question, texts, answer_key=normalised_text)


def report(rankings, exact):
    pairs = [
        (one, next(other for other in true.candidates if normalised_text(other.text) == normalised_text(one.text)))
        for ranking, true in zip(rankings, exact, strict=True)
        for one in ranking.candidates
    ]
    for name, values in {
        "log P(y|correct)": [(o.generator_correct, t.generator_correct, o.errors.generator_correct) for o, t in pairs],
        "log P(y|incorrect)": [
            (o.generator_incorrect, t.generator_incorrect, o.errors.generator_incorrect) for o, t in pairs
        ],
        "verdict log-odds": [
            (o.verdict_correct - o.verdict_incorrect, t.verdict_correct - t.verdict_incorrect, o.errors.verdict)
            for o, t in pairs
        ],
    }.items():
        told, true, error = np.array(values).T
        off = np.abs(told - true)
        common = true > np.log(0.05) if name.startswith("log P") else np.ones_like(true, dtype=bool)
        inside = f"{np.mean(off <= 1.96 * error + 1e-9):.0%} of all" if error.any() else "told"
        among = f", {np.mean(off[common] <= 1.96 * error[common] + 1e-9):.0%} of those above 5%" if error.any() else ""
        middle = f"median |error| {np.median(off):.2f} ({np.median(off[common]):.2f} over {common.sum()} above 5%)"
        print(f"  {name}: {middle}, mean standard error {error.mean():.2f}, within 1.96 of them: {inside}{among}")
    same = [one.answer == true.answer for one, true in zip(rankings, exact, strict=True)]
    certain = [one.is_certain for one in rankings]
    both = sum(a and b for a, b in zip(same, certain, strict=True))
    print(f"  same choice {sum(same)} of {len(same)}; called certain {sum(certain)}, of those the same {both}")


if __name__ == "__main__":
    main()
