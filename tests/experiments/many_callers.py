"""16 callers with a question each, against one batch call of the same questions: throughput, waiting times, scores.

    python -m tests.experiments.many_callers
    python -m tests.experiments.many_callers --model wide
    python -m tests.experiments.many_callers --model qwen2.5-coder-0.5b-instruct --rounds 3

Every round has questions of its own and asks them four times: in one batch call, by async callers at once (`asyncio`),
by threads at once, and one after the other. Which comes first changes from round to round.
"""

import argparse
import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from langchain_consensus import ConsensusResult, EquilibriumRankingLLM, TransformersEngine


def questions_of(number, callers):
    return [f"What is {number + 2} times {caller + 3}?" for caller in range(callers)]


def timed(work):
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def processor_seconds(work):
    began = time.process_time()
    return work(), time.process_time() - began


def batch(runnable, questions):
    results, seconds = timed(lambda: runnable.batch(questions))
    return results, seconds, [seconds] * len(questions)


def in_turn(runnable, questions):
    pairs, seconds = timed(lambda: [timed(lambda one=one: runnable.invoke(one)) for one in questions])
    return [one for one, _ in pairs], seconds, [took for _, took in pairs]


def tasks(runnable, questions):
    async def one(question):
        began = time.perf_counter()
        return await runnable.ainvoke(question), time.perf_counter() - began

    async def all_of_them():
        return await asyncio.gather(*map(one, questions))

    pairs, seconds = timed(lambda: asyncio.run(all_of_them()))
    return [one for one, _ in pairs], seconds, [took for _, took in pairs]


def threads(runnable, questions):
    with ThreadPoolExecutor(len(questions)) as pool:
        pairs, seconds = timed(lambda: list(pool.map(lambda one: timed(lambda: runnable.invoke(one)), questions)))
    return [one for one, _ in pairs], seconds, [took for _, took in pairs]


WAYS = {"batch": batch, "async callers": tasks, "threads": threads, "in turn": in_turn}


def difference(found, expected):
    """The largest difference of a raw log-probability; infinite where the candidates are not the same."""
    worst = 0.0
    for one, other in zip(found, expected, strict=True):
        if {c.text for c in one.candidates} != {c.text for c in other.candidates}:
            return float("inf")
        known = {c.text: c for c in other.candidates}
        for candidate in one.candidates:
            for view in ("generator", "discriminator"):
                a, b = getattr(candidate, view), getattr(known[candidate.text], view)
                worst = max(worst, abs(a.correct - b.correct), abs(a.incorrect - b.incorrect))
    return worst


def main(engine, *, callers=16, rounds=5, candidates=4, tokens=8, solver="log_time_flow", ways=tuple(WAYS)):
    """Prints a line for each way of asking, and returns its questions a second, p95 seconds and largest difference."""
    llm = EquilibriumRankingLLM(
        engine=engine, num_candidates=candidates, max_new_tokens=tokens, solver=solver, wording="auto"
    )
    runnable = llm.ranked()
    seconds = {way: [] for way in ways}
    waits = {way: [] for way in ways}
    worst, processor = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    runnable.batch(questions_of(900, 2))  # loads, and fills the prefix cache
    for number in range(rounds):
        questions = questions_of(number, callers)
        found = {}
        for way in [*ways[number % len(ways) :], *ways[: number % len(ways)]]:
            (found[way], took, each), spent = processor_seconds(lambda way=way, q=questions: WAYS[way](runnable, q))
            seconds[way].append(took)
            processor[way] += spent
            waits[way] += each
        expected = [ConsensusResult.of(one) for one in found["batch"]]
        for way in ways:
            worst[way] = max(worst[way], difference([ConsensusResult.of(one) for one in found[way]], expected))
    report = {}
    print(f"{engine.name}: {callers} callers, {rounds} rounds, {candidates} candidates of {tokens} tokens, {solver}")
    for way in ways:
        share = np.array(seconds["batch"]) / np.array(seconds[way])
        rate, p95 = callers * rounds / sum(seconds[way]), float(np.percentile(waits[way], 95))
        report[way] = (rate, p95, worst[way])
        print(
            f"{way:13s} {rate:7.2f} questions/s, {100 * np.median(share):4.0f}% of the batch (median of rounds; "
            f"{100 * share.min():.0f} to {100 * share.max():.0f}), p50 {np.median(waits[way]):.3f} s, p95 {p95:.3f} s, "
            f"{processor[way] / rounds:.2f} processor seconds a round, largest difference {worst[way]:.1e}"
        )
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--candidates", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=8)
    parser.add_argument("--solver", default="log_time_flow")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    given = vars(parser.parse_args())
    model = given.pop("model")
    if model == "tiny":
        from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

        engine = TransformersEngine.from_model(tiny_model("qwen2"), tiny_tokenizer(), name="tiny random qwen2")
    elif model == "wide":
        import torch
        import transformers

        from tests.unit_tests.engine.tiny_models import VOCABULARY, tiny_tokenizer

        torch.manual_seed(0)
        shape = {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 6}
        config = transformers.Qwen2Config(vocab_size=VOCABULARY, num_key_value_heads=2, eos_token_id=2, **shape)
        wide = transformers.AutoModelForCausalLM.from_config(config).eval()
        engine = TransformersEngine.from_model(wide, tiny_tokenizer(), name="random qwen2 of 13 million parameters")
    else:
        engine = TransformersEngine(model)
    main(engine, **given | {"ways": tuple(given["ways"])})
