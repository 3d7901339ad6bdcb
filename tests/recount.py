"""Every method of an evaluation counted once more, from the lines of stored scores and nothing else.

Plain Python on purpose, with `oracle` for the game: it shares no line with `langchain_consensus`.
"""

from math import exp, inf, log, tanh

from tests import oracle


def rights(lines, length, metric="accuracy"):
    """`{method: [whether each item was right]}`, for stored items as plain objects."""
    found = {"informed": _informed(lines, length, metric)}
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


def _informed(lines, length, metric):
    """Informed anchors by docs/design/0007-informed-anchors.md, from the correlations to the published dynamics."""
    batch = []
    for item in lines:
        strings = [c for c in item["candidates"] if c["key"]] or item["candidates"]
        keys = dict.fromkeys(c["key"] for c in strings)
        answers = [_merged([c for c in strings if c["key"] == key], length) for key in keys]
        views = [
            [a["generator"]["correct"] for a in answers],
            [a["generator"]["correct"] - a["generator"]["incorrect"] for a in answers],
            [log(a["count"]) for a in answers],
            [a["discriminator"]["correct"] - a["discriminator"]["incorrect"] for a in answers],
        ]
        mass = sum(exp(w) for a in answers for w in a["discriminator"].values()) / len(answers)
        batch.append((answers, [[x - sum(view) / len(view) for x in view] for view in views], mass))
    weights = _informed_weights(batch)
    return [_informed_right(answers, views, weights, metric) for answers, views, _ in batch]


def _informed_weights(batch):
    """What each of the four centred views is multiplied by."""
    freedom = sum(len(answers) - 1 for answers, _, _ in batch)
    size = sum(len(answers) for answers, _, _ in batch) / len(batch)
    mass = sum(one for _, _, one in batch) / len(batch)
    total = [[sum(_dot(v[i], v[j]) for _, v, _ in batch) for j in range(4)] for i in range(4)]
    spread = [(total[i][i] / max(freedom, 1)) ** 0.5 for i in range(4)]
    used = [1.0 if s > 0 else 0.0 for s in spread]
    r = [[total[i][j] / ((total[i][i] * total[j][j]) ** 0.5 or 1) for j in range(4)] for i in range(4)]
    speaks = [used[0], used[1] * _share(spread[1]), used[2], used[3] * _share(spread[3]) * min(mass / 0.5, 1)]
    plain = max(_dot(speaks[:3], [r[i][3] for i in range(3)]), 0)
    plain /= max(sum(speaks[i] * speaks[j] * r[i][j] for i in range(3) for j in range(3)), 1e-12)
    ridge = [[freedom * r[i][j] + (100 if i == j else 0) for j in range(3)] for i in range(3)]
    right = [freedom * r[i][3] + 100 * plain * speaks[i] for i in range(3)]
    parts = [max(x, 0) * u for x, u in zip(_solved(ridge, right), used, strict=False)]
    parts = parts if sum(parts) > 1e-12 else speaks[:3]
    side = _unit(parts, r)
    agreed = (freedom * _dot(side, [r[i][3] for i in range(3)]) + 100 * 0.2) / (freedom + 100)
    trust = min(max(agreed, 0) / 0.2, 1)
    side = [trust * a + (1 - trust) * b for a, b in zip(side, _unit([used[0], 0, used[2]], r), strict=True)]
    sharp = min(max(agreed, 0.2), 0.8)
    sharpness = sharp**0.5 / (1 - sharp) * size**0.5
    scales = [((freedom * s**2 + 4) / (freedom + 4)) ** 0.5 for s in spread]
    return [sharpness * w / s for w, s in zip([*side, trust * speaks[3]], scales, strict=True)]


def _informed_right(answers, views, weights, metric):
    n = len(answers)
    generator = [sum(weights[i] * views[i][k] for i in range(3)) for k in range(n)]
    judge = [weights[3] * x for x in views[3]]
    if n == 1:
        odds = [0.0]
    else:
        first_g, belief = _both(generator), _both(judge)
        _, d = oracle._pikl(first_g, oracle._over_correctness(belief), 5000, 0.1, 0.5, 1 / (2 * n))
        odds = [c - i for i, c in zip(*d, strict=True)]
    best = min(range(n), key=lambda k: (-odds[k], -answers[k]["count"], -answers[k]["generator"]["correct"]))
    return max(answers[best]["strings"], key=lambda c: c["count"])["right"][metric]


def _both(belief):
    total = oracle._log_sum(belief)
    correct = [x - total for x in belief]
    others = [oracle._log_sum([x for j, x in enumerate(correct) if j != k]) for k in range(len(belief))]
    return [[x - log(len(belief) - 1) for x in others], correct]


def _unit(parts, r):
    joint = sum(a * b * r[i][j] for i, a in enumerate(parts) for j, b in enumerate(parts))
    return [p / max(joint, 1e-12) ** 0.5 for p in parts]


def _share(spread):
    return spread**2 / (spread**2 + 0.01)


def _dot(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True))


def _solved(matrix, right):
    """By Gauss and Jordan."""
    rows = [[*row, x] for row, x in zip(matrix, right, strict=True)]
    for i in range(len(rows)):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [a - rows[j][i] * b for a, b in zip(rows[j], rows[i], strict=True)]
    return [row[-1] for row in rows]
