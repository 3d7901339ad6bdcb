"""A model's mean over tasks: each task counts the same, and intervals are of the items."""

from dataclasses import replace

import numpy as np
import pytest
from stored_data import drawn_lines, given_lines, run_of

from langchain_consensus.evaluation.mean_over_tasks import means_over_tasks
from langchain_consensus.evaluation.methods import DRAWN_ONLY, Method, decided
from langchain_consensus.evaluation.tables import means_table

EASY, OPENBOOK = run_of(given_lines(40)), run_of(given_lines(8, seed=1), task="openbookqa")
DRAWN = [
    run_of(drawn_lines(9, seed=seed), task=task, wording="chat_short")
    for seed, task in enumerate(("nq_open", "triviaqa"))
]


def right(run, method):
    return decided(run.items, length=run.settings["wording"]["length"], metric="accuracy")[method].right


def test_a_task_counts_as_much_as_one_with_five_times_the_items():
    (found,) = means_over_tasks([EASY, OPENBOOK])
    assert (found.model, found.tasks, found.items) == ("some-model", ("arc_easy", "openbookqa"), (40, 8))
    for method, value in found.accuracies.items():
        assert value == pytest.approx((right(EASY, method).mean() + right(OPENBOOK, method).mean()) / 2)
    game = found.accuracies[Method.ER_DISCRIMINATOR]
    assert found.gains.keys() == found.accuracies.keys() - {Method.ER_DISCRIMINATOR}
    for method, gain in found.gains.items():
        assert gain.value == pytest.approx(game - found.accuracies[method])
        assert gain.low <= gain.value <= gain.high


def test_the_interval_has_the_width_of_independent_tasks():
    (found,) = means_over_tasks([EASY, OPENBOOK])
    rows = [
        right(run, Method.ER_DISCRIMINATOR).astype(float) - right(run, Method.GENERATOR) for run in (EASY, OPENBOOK)
    ]
    error = np.sqrt(sum(row.var() / len(row) for row in rows)) / 2
    gain = found.gains[Method.GENERATOR]
    assert gain.high - gain.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_other_wordings_second_runs_and_single_tasks_are_left_out():
    other = run_of(given_lines(40, seed=5), wording="chat_words")
    assert means_over_tasks([EASY, other]) == []
    assert means_over_tasks([other, EASY, run_of(given_lines(4, seed=7)), OPENBOOK]) == means_over_tasks(
        [EASY, OPENBOOK]
    )
    assert means_over_tasks([EASY, replace(OPENBOOK, settings=OPENBOOK.settings | {"model": "another"})]) == []


def test_drawn_answers_are_not_averaged_with_given_choices():
    given, drawn = means_over_tasks([EASY, DRAWN[0], OPENBOOK, DRAWN[1]])
    assert (given.tasks, drawn.tasks) == (("arc_easy", "openbookqa"), ("nq_open", "triviaqa"))
    assert set(DRAWN_ONLY) <= drawn.accuracies.keys()
    assert not set(DRAWN_ONLY) & given.accuracies.keys()


def test_the_table_names_the_tasks_and_leaves_the_game_s_own_gain_empty():
    table = means_table(means_over_tasks([EASY, OPENBOOK]))
    assert "some-model, the mean of 2 tasks" in table
    assert "arc_easy (40), openbookqa (8)." in table
    (row,) = [line for line in table.splitlines() if line.startswith("| ER-D ")]
    assert row.split("|")[3].strip() == ""
    assert means_table([]) == ""
