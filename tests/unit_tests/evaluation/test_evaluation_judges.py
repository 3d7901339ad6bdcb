"""Two judges from two files of stored scores."""

import math
from dataclasses import replace

import pytest
from stored_data import given_lines, run_of

from langchain_consensus.evaluation.judges import SETTINGS, compared_judges
from langchain_consensus.evaluation.methods import Method, decided
from langchain_consensus.evaluation.tables import judges_table
from langchain_consensus.game import PiKL

FAST = PiKL(steps=100)


def lent(lines, seed):
    """The same candidates with another judge's verdicts, and another generator's scores."""
    others = given_lines(len(lines), seed=seed)
    return [
        {
            **line,
            "candidates": [
                {**one, "generator": two["generator"], "discriminator": two["discriminator"]}
                for one, two in zip(line["candidates"], other["candidates"], strict=True)
            ],
        }
        for line, other in zip(lines, others, strict=True)
    ]


def er_d(run):
    return decided(run.items, length="mean", metric="accuracy", published=FAST)[Method.ER_DISCRIMINATOR].right.sum()


def test_a_judge_that_is_lent_itself_changes_nothing():
    run = run_of(given_lines(30))
    (found,) = compared_judges([run, replace(run)], solver=FAST)
    assert {name: found.accuracies[name].right for name in SETTINGS} == dict.fromkeys(SETTINGS, er_d(run))
    assert found.informed == (0.5, 0.5)
    assert all((one.value, one.low, one.high) == (0, 0, 0) for one in found.differences.values())


def test_each_judge_alone_is_the_game_of_the_first_generator_with_its_verdicts():
    lines = given_lines(40)
    first, second = run_of(lines), run_of(lent(lines, 1), wording="chat_words")
    mixed = [
        {
            **line,
            "candidates": [
                {**one, "discriminator": two["discriminator"]}
                for one, two in zip(line["candidates"], other["candidates"], strict=True)
            ],
        }
        for line, other in zip(lines, lent(lines, 1), strict=True)
    ]
    (found,) = compared_judges([first, second], solver=FAST)
    assert found.accuracies["first"].right == er_d(first)
    assert found.accuracies["second"].right == er_d(run_of(mixed))
    assert (found.first, found.second, found.items) == ("chat_qa, some-model", "chat_words, some-model", 40)
    assert sum(found.informed) == pytest.approx(1)
    for name, difference in found.differences.items():
        assert difference.value == (found.accuracies[name].right - found.accuracies["first"].right) / 40


def test_a_judge_who_says_the_same_of_everything_weighs_nothing_beside_one_who_does_not():
    lines = given_lines(40)
    for line in lines:
        for one in line["candidates"]:  # a judge who agrees with the generator's contrast
            odds = one["generator"]["correct"] - one["generator"]["incorrect"]
            one["discriminator"] = {"correct": -math.log1p(math.exp(-odds)), "incorrect": -math.log1p(math.exp(odds))}
    flat = lent(lines, 1)
    for line in flat:
        for one in line["candidates"]:
            one["discriminator"] = {"correct": math.log(0.5), "incorrect": math.log(0.5)}
    (found,) = compared_judges([run_of(lines), run_of(flat)], solver=FAST)
    assert found.informed == (1.0, 0.0)
    assert found.accuracies["informed"] == found.accuracies["first"]


def test_items_with_other_candidates_and_other_tasks_are_left_out():
    lines, others = given_lines(10), given_lines(10)
    others[0]["candidates"] = others[0]["candidates"][:2]
    others[1] = {"id": "item-1", "error": "failed"}
    (found,) = compared_judges([run_of(lines), run_of(others), run_of(given_lines(3), task="boolq")], solver=FAST)
    assert found.items == 8
    assert compared_judges([run_of(lines)]) == []
    assert judges_table([]) == ""


def test_the_table_has_a_row_for_each_pair():
    run = run_of(given_lines(20))
    table = judges_table(compared_judges([run, replace(run)], solver=FAST))
    assert "| task | first | second | n | informed weights | first | second | alike | informed |" in table
    assert "0.50 : 0.50" in table
