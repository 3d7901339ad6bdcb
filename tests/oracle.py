"""Every decision rule once more, from one item of the machine-readable output and nothing else.

Plain Python on purpose: it shares no line with `langchain_consensus`, so that the two can only agree by being right.
Log-scores must be finite. V = (incorrect, correct), tables are `[V][N]`; arXiv:2310.09139, sections 2 to 4.
"""

from math import exp, log

_CORRECTNESS = ("incorrect", "correct")


def scores(item, length="mean", steps=5000, eta=0.1, lambda_generator=0.1, lambda_discriminator=0.1):
    """The score of every candidate under every rule, in the order of the item's candidates: `dict rule -> list`."""
    candidates = item["candidates"]
    tokens = [one["generator"]["tokens"] if length == "mean" else 1 for one in candidates]
    generator = [[one["generator"][v] / n for one, n in zip(candidates, tokens, strict=True)] for v in _CORRECTNESS]
    words = [[one["discriminator"][v] for one in candidates] for v in _CORRECTNESS]
    verdict = _over_correctness(words)
    first_g = _over_candidates(_over_correctness(generator))
    first_d = _over_correctness(_over_candidates(verdict))
    last_g, last_d = _pikl(first_g, first_d, steps, eta, lambda_generator, lambda_discriminator)
    return {
        "generator": generator[1],
        "discriminator": [exp(s) for s in first_d[1]],
        "mutual_information": [g + d for g, d in zip(generator[1], verdict[1], strict=True)],
        "self_contrastive": [exp(s) for s in first_g[1]],
        "normalised_product": [exp(g + d) for g, d in zip(first_g[1], first_d[1], strict=True)],
        "majority": [float(one["count"]) for one in candidates],
        "er_generator": [exp(s) for s in last_g[1]],
        "er_discriminator": [exp(s) for s in last_d[1]],
    }


def _pikl(first_g, first_d, steps, eta, lambda_g, lambda_d):
    """Equations (1) and (2): `steps` simultaneous updates from the anchors, the last iterate, as logarithms."""
    g, d, n = first_g, first_d, len(first_g[0])
    sum_g, sum_d = [[0.0] * n, [0.0] * n], [[0.0] * n, [0.0] * n]
    for t in range(1, steps + 1):
        for v in range(2):
            for y in range(n):
                sum_g[v][y] += exp(g[v][y])
                sum_d[v][y] += exp(d[v][y])
        g = _over_candidates(_answer(sum_d, first_g, t, lambda_g, eta))
        d = _over_correctness(_answer(sum_g, first_d, t, lambda_d, eta))
    return g, d


def _answer(sums, anchor, t, weight, eta):
    """The bracket of equations (1) and (2): [Q + lambda log pi^(1)] / [1/(eta t) + lambda], Q = sums / 2t."""
    return [
        [(s / (2 * t) + weight * a) / (1 / (eta * t) + weight) for s, a in zip(*rows, strict=True)]
        for rows in zip(sums, anchor, strict=True)
    ]


def _over_candidates(table):
    return [[entry - _log_sum(row) for entry in row] for row in table]


def _over_correctness(table):
    totals = [_log_sum(column) for column in zip(*table, strict=True)]
    return [[entry - total for entry, total in zip(row, totals, strict=True)] for row in table]


def _log_sum(entries):
    top = max(entries)
    return top + log(sum(exp(entry - top) for entry in entries))
