"""What drawing in rounds would have saved on stored scores of a run of many draws, and what it would have cost.

    python -m tests.experiments.rounds_on_scores out/n16/gsm8k.chat_math.jsonl

Rounds make the draws that one call makes (`test_draws_in_rounds_are_the_draws_at_once`), so the stored draws of a
question in any order are rounds that might have been; the mean over twenty orders counts. The bound on answers not seen
yet is computed from the probabilities of the strings seen, which is exact where no draw was cut; `--no-bound` leaves it
out, for runs of which many were.
"""

import argparse
from pathlib import Path

import numpy as np

from langchain_consensus import Rounds
from langchain_consensus.evaluation.classes import answers_of
from langchain_consensus.evaluation.comparison import Resampled
from langchain_consensus.evaluation.methods import chosen, solved
from langchain_consensus.evaluation.stored import read_run
from langchain_consensus.game import LogTimeFlow
from langchain_consensus.rounds import wrong_leader

ORDERS = 20


def first_draws(item, order, size):
    """The item as it stands after `size` draws of an order."""
    counts = np.bincount(order[:size], minlength=len(item.candidates))
    kept = [one.model_copy(update={"count": int(n)}) for one, n in zip(item.candidates, counts, strict=True) if n]
    return item.model_copy(update={"candidates": tuple(kept)})


def played(items, *, length, metric):
    """For each item: whether ER-D's choice and the vote's are right and the same, and what rounds are stopped by."""
    answers = [answers_of(item, length=length, metric=metric) for item in items]
    policies = solved(answers, LogTimeFlow()).discriminator_policy
    for number, (item, one) in enumerate(zip(items, answers, strict=True)):
        with np.errstate(divide="ignore"):
            best, voted = chosen(np.log(policies[number, :, : len(one.draws)]), one), chosen(np.log(one.draws), one)
        first, second, *_ = *sorted(one.draws, reverse=True), 0
        seen = sum(np.exp(candidate.generator.correct) for candidate in item.candidates)
        tokens = sum(candidate.count * candidate.generator.tokens for candidate in item.candidates)
        yield {
            "er_discriminator": bool(one.right[best]),
            "majority": bool(one.right[voted]),
            "agree": best == voted,
            "wrong_leader": wrong_leader(int(first), int(second)),
            "several": len(one.draws) > 1,
            "seen": min(float(seen), 1.0),
            "tokens": tokens,
        }


def settled(state, rule, rounds, left, *, bound):
    """Whether a question needs no further round, as `rounds` decides it."""
    if bound and rule != "majority" and 1 - state["seen"] ** left <= rounds.risk:
        return True
    if state["wrong_leader"] > rounds.risk:
        return False
    return rule == "majority" or (state["several"] and state["agree"])


def report(path, rounds, *, bound):
    """Prints, for each rule, accuracy with all draws and in rounds, their difference, and the tokens drawn."""
    run = read_run(path)
    items = [item for item in run.items if item.error is None]
    metric, length = next(iter(items[0].candidates[0].right)), run.settings["wording"]["length"]
    chance, ends = np.random.default_rng(0), np.cumsum(rounds.sizes).tolist()
    stages = {size: [] for size in ends}
    for item in items:
        draws = np.repeat(np.arange(len(item.candidates)), [one.count for one in item.candidates])
        for _ in range(ORDERS):
            order = chance.permutation(draws)
            for size in ends:
                stages[size].append(first_draws(item, order, size))
    states = {size: list(played(some, length=length, metric=metric)) for size, some in stages.items()}
    for rule in ("er_discriminator", "majority"):
        stops = [
            next(s for s in ends if s == ends[-1] or settled(states[s][k], rule, rounds, ends[-1] - s, bound=bound))
            for k in range(len(stages[ends[-1]]))
        ]
        right = {
            "rounds": np.array([states[stop][k][rule] for k, stop in enumerate(stops)], float),
            "fixed": np.array([state[rule] for state in states[ends[-1]]], float),
        }
        gain = Resampled({way: row.reshape(len(items), -1).mean(1) for way, row in right.items()}).gain(
            "rounds", "fixed"
        )
        tokens = sum(states[stop][k]["tokens"] for k, stop in enumerate(stops))
        share = tokens / sum(state["tokens"] for state in states[ends[-1]])
        print(f"{rule}: {len(items)} questions, fixed {right['fixed'].mean():.3f}, rounds {right['rounds'].mean():.3f}")
        print(f"  difference {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")
        print(f"  tokens {share:.0%}; draws {np.mean(stops):.1f} of {ends[-1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="Files that eval wrote, of 16 draws.")
    parser.add_argument("--risk", type=float, nargs="+", default=[0.05])
    parser.add_argument("--no-bound", action="store_true")
    options = parser.parse_args()
    for path in options.results:
        for risk in options.risk:
            print(f"{path.name}, risk {risk:g}")
            report(path, Rounds(risk=risk), bound=not options.no_bound)


if __name__ == "__main__":
    main()
