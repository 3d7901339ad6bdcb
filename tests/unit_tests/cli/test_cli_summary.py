import math

import pytest
from cli_running import BatchEngine, run, write_items

from langchain_consensus.cli.summary import best_under
from langchain_consensus.ranking import Rule

ITEMS = [
    {"id": str(i), "question": f"Question {i}?", "choices": [f"a{i}", f"b{i}", f"c{i}", f"d{i}"], "answer_index": i % 4}
    for i in range(20)
]


def shown(err):
    """The summary's numbers: {rule: (right, of, percent)}."""
    rows = [line.split() for line in err.splitlines()]
    return {row[0]: (int(row[1]), int(row[2]), float(row[3])) for row in rows if row and row[0] in list(Rule)}


def test_the_summary_counts_what_each_rule_got_right_from_the_raw_scores(tmp_path):
    path = write_items(tmp_path / "items.jsonl", ITEMS)
    ran = run("rank", "--input", path, engine=BatchEngine())
    table = shown(ran.err)
    assert set(table) == set(Rule) - {Rule.MAJORITY}
    # The rules again, from the log-probabilities alone (mean log-probability: `chat_qa` normalises length).
    for rule, score in {
        "generator": lambda one, _: one["generator"]["correct"] / one["generator"]["tokens"],
        "mutual_information": lambda one, _: one["generator"]["correct"] / one["generator"]["tokens"] + verdict(one),
        "discriminator": lambda one, all_: math.exp(verdict(one)) / sum(math.exp(verdict(other)) for other in all_),
    }.items():
        right = 0
        for one in ran.objects:
            candidates = one["candidates"]
            best = max(candidates, key=lambda candidate: score(candidate, candidates))
            right += best["position"] == one["gold_index"]
        assert table[rule] == (right, 20, round(100 * right / 20, 1))
    chosen = sum(one["answer_index"] == one["gold_index"] for one in ran.objects)
    assert table["er_discriminator"][0] == chosen


def verdict(one):
    correct, incorrect = one["discriminator"]["correct"], one["discriminator"]["incorrect"]
    return correct - math.log(math.exp(correct) + math.exp(incorrect))


def test_resumed_lines_count_and_failures_do_not(tmp_path):
    items = [
        *ITEMS,
        {"id": "x", "question": "BROKEN", "choices": ["a"], "answer_index": 0},
        {"id": "y", "question": "no gold", "choices": ["a"]},
    ]
    path, out = write_items(tmp_path / "items.jsonl", items), tmp_path / "out.jsonl"
    run("rank", "--input", path, "--output", out, "--limit", 16, engine=BatchEngine())
    continued = run("rank", "--input", path, "--output", out, engine=BatchEngine())
    whole = run("rank", "--input", path, engine=BatchEngine())
    assert continued.code == whole.code == 1
    assert shown(continued.err) == shown(whole.err)
    assert {row[1] for row in shown(whole.err).values()} == {20}
    assert "22 items, 1 failed" in continued.err


def test_a_right_choice_that_is_listed_twice_is_right_wherever_it_stands(tmp_path):
    # Some items of CommonsenseQA repeat a choice; the two are one candidate, at the first place.
    question = "What is the capital of Italy?"
    item = {"id": "1", "question": question, "choices": ["Rome", "Milan", "Rome"], "answer_index": 2}
    ran = run("rank", "--input", write_items(tmp_path / "items.jsonl", [item]))
    assert ran.objects[0]["answer_index"] == 0
    assert set(shown(ran.err).values()) == {(1, 1, 100.0)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"er": 0.2, "count": 1, "generator": -9}, {"er": 0.1, "count": 5, "generator": -1}),
        ({"er": 0.2, "count": 2, "generator": -9}, {"er": 0.2, "count": 1, "generator": -1}),
        ({"er": 0.2, "count": 1, "generator": -1}, {"er": 0.2, "count": 1, "generator": -9}),
        ({"er": 0.2, "count": 1, "generator": -1}, {"er": None, "count": 1, "generator": -1}),
        ({"er": 0.2, "count": 1, "generator": None}, {"er": 0.2, "count": 1, "generator": None}),
    ],
)
def test_ties_are_broken_as_in_a_ranking(first, second):
    """By draws, then the generator's score, then the place; a score that JSON could not hold is the lowest."""
    plain = [
        {"scores": {"er_generator": one["er"], "generator": one["generator"]}, "count": one["count"], "position": place}
        for place, one in enumerate((first, second))
    ]
    assert best_under(Rule.ER_GENERATOR, plain[::-1])["position"] == 0


def test_a_rival_is_no_answer_under_any_rule():
    plain = [
        {"scores": {"er_generator": score}, "count": count, "position": place, "is_rival": place == 1}
        for place, (score, count) in enumerate([(0.1, 1), (0.9, 0)])
    ]
    for one in plain:
        one["scores"]["generator"] = -1.0
    assert best_under(Rule.ER_GENERATOR, plain)["position"] == 0
