"""Every method of an evaluation counted once more, from the lines of stored scores and nothing else.

Plain Python on purpose, with `oracle` for the game: it shares no line with `langchain_consensus`.
"""

from math import exp, inf, log, tanh

from tests import oracle


def rights(lines, length, metric="accuracy"):
    """`{method: [whether each item was right]}`, for stored items as plain objects."""
    found = {}
    for item in lines:
        strings = [c for c in item["candidates"] if c["key"]] or item["candidates"]
        answers = [
            _merged([c for c in strings if c["key"] == key], length) for key in dict.fromkeys(c["key"] for c in strings)
        ]
        words = [[a["discriminator"][v] for a in answers] for v in ("incorrect", "correct")]
        scores = oracle.scores({"candidates": answers}, length="sum")
        last_g, last_d = _equilibrium(answers, words)
        scores |= {
            "equilibrium_generator": last_g[1],
            "discriminator_raw": [c - i for i, c in zip(*words, strict=True)],
        }
        scores |= {"equilibrium_discriminator": [c - i for i, c in zip(*last_d, strict=True)]}
        scores["confidence_weighted_vote"] = [sum(c["count"] * exp(_verdict(c)) for c in a["strings"]) for a in answers]
        if "greedy" not in item:
            del scores["majority"], scores["confidence_weighted_vote"]
        else:
            found.setdefault("best_of_n", []).append(max(strings, key=_verdict)["right"][metric])
            found.setdefault("greedy", []).append(item["greedy"]["right"][metric])
        for method, values in scores.items():
            order = [
                (-s, -a["count"], -a["generator"]["correct"], a["position"])
                for s, a in zip(values, answers, strict=True)
            ]
            best = answers[order.index(min(order))]
            found.setdefault(method, []).append(max(best["strings"], key=lambda c: c["count"])["right"][metric])
    return found


def _merged(group, length):
    sizes = [{"sum": 1, "mean": c["generator"]["tokens"], "per_character": c["characters"]}[length] for c in group]
    best = max(range(len(group)), key=lambda i: group[i]["generator"]["correct"] / sizes[i])
    total = oracle._log_sum([c["generator"]["correct"] for c in group])
    share = [exp(c["generator"]["correct"] - total) for c in group]
    return {
        "strings": group,
        "position": group[0]["position"],
        "count": sum(c["count"] for c in group),
        "generator": {"tokens": 1}
        | {
            v: oracle._log_sum([c["generator"][v] for c in group])
            if length == "sum"
            else group[best]["generator"][v] / sizes[best]
            for v in ("incorrect", "correct")
        },
        "discriminator": {
            v: log(sum(s * exp(c["discriminator"][v]) for s, c in zip(share, group, strict=True)))
            for v in ("incorrect", "correct")
        },
    }


def _verdict(candidate):
    words = candidate["discriminator"]
    return 0.5 + 0.5 * tanh((words["correct"] - words["incorrect"]) / 2)


def _equilibrium(answers, words, weight=0.1, step=0.25):
    """From the policies at T = 5000 on along the averages' flow, until nothing moves."""
    generator = [[a["generator"][v] for a in answers] for v in ("incorrect", "correct")]
    first_g = oracle._over_candidates(oracle._over_correctness(generator))
    first_d = oracle._over_correctness(oracle._over_candidates(oracle._over_correctness(words)))
    g, d = oracle._pikl(first_g, first_d, 5000, 0.1, weight, weight)
    mean_g, mean_d = [[[exp(x) for x in row] for row in policy] for policy in (g, d)]
    moved = inf
    while moved > 1e-9:
        g = oracle._over_candidates(
            [[a + q / (2 * weight) for a, q in zip(*r, strict=True)] for r in zip(first_g, mean_d, strict=True)]
        )
        d = oracle._over_correctness(
            [[a + q / (2 * weight) for a, q in zip(*r, strict=True)] for r in zip(first_d, mean_g, strict=True)]
        )
        moved = 0.0
        for means, policy in ((mean_g, g), (mean_d, d)):
            for mean, row in zip(means, policy, strict=True):
                for place, value in enumerate(row):
                    change = step * (exp(value) - mean[place])
                    mean[place] += change
                    moved = max(moved, abs(change))
    return g, d
