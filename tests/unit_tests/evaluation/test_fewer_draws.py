"""A run of many draws seen as runs of fewer."""

import pytest
from stored_data import drawn_lines, given_lines, run_of

from langchain_consensus.evaluation.fewer_draws import fewer_draws
from langchain_consensus.evaluation.methods import DRAWN_ONLY, Method, decided
from langchain_consensus.evaluation.summary import summarised
from langchain_consensus.evaluation.tables import draws_table


def lines_of(counts, right, *, count=30, empty=0):
    """Items of one answer a string, string `k` drawn `counts[k]` times; the first of them is right if `right`."""
    lines = drawn_lines(count, strings=len(counts))
    for line in lines:
        line["empty"] = empty
        for place, (one, drawn) in enumerate(zip(line["candidates"], counts, strict=True)):
            one |= {"key": f"answer {place}", "count": drawn, "right": {"accuracy": right and place == 0}}
    return lines


def test_all_draws_are_the_run_itself():
    run = run_of(drawn_lines(40))
    *_, last = fewer_draws(run, subsets=3)
    whole = decided(run.items, length="mean", metric="accuracy")
    assert last.accuracies.keys() == {Method.GENERATOR, Method.DISCRIMINATOR_RAW, Method.NORMALISED_PRODUCT} | {
        Method.ER_DISCRIMINATOR,
        Method.INFORMED,
        *DRAWN_ONLY,
    }
    assert last.accuracies == {method: whole[method].right.mean() for method in last.accuracies}


def test_the_numbers_of_draws_double_up_to_all_of_them():
    assert [one.draws for one in fewer_draws(run_of(lines_of([7, 4], right=True)), subsets=2)] == [1, 2, 4, 8, 11]
    assert [one.draws for one in fewer_draws(run_of(lines_of([5, 3], right=True)), subsets=2)] == [1, 2, 4, 8]


def test_with_a_single_draw_every_method_takes_it_so_that_its_accuracy_is_the_share_of_right_draws():
    first, *_ = fewer_draws(run_of(lines_of([3, 9], right=True, count=6)), subsets=150)
    shares = {value for method, value in first.accuracies.items() if method is not Method.GREEDY}
    assert len(shares) == 1
    assert shares.pop() == pytest.approx(3 / 12, abs=0.04)
    assert first.covered == pytest.approx(3 / 12, abs=0.04)
    assert (first.candidates, first.over_majority.value, first.over_fewest.value) == (1, 0, 0)


def test_some_answer_among_two_draws_is_right_as_often_as_counting_says():
    _, two, *_ = fewer_draws(run_of(lines_of([3, 9], right=True, count=6)), subsets=150)
    assert two.covered == pytest.approx(1 - (9 * 8) / (12 * 11), abs=0.04)


def test_empty_draws_are_draws_and_a_subset_of_nothing_else_is_wrong():
    first, *_ = fewer_draws(run_of(lines_of([4], right=True, empty=12, count=6)), subsets=150)
    assert first.accuracies[Method.ER_DISCRIMINATOR] == pytest.approx(4 / 16, abs=0.04)
    assert first.candidates == pytest.approx(4 / 16, abs=0.04)


def test_greedy_decoding_is_the_same_with_any_number_of_draws():
    found = fewer_draws(run_of(drawn_lines(20)), subsets=2)
    assert len({one.accuracies[Method.GREEDY] for one in found}) == 1


def test_gains_are_those_of_the_accuracies():
    first, *_, last = fewer_draws(run_of(drawn_lines(40)), subsets=4)
    mine = Method.ER_DISCRIMINATOR
    assert last.over_majority.value == pytest.approx(last.accuracies[mine] - last.accuracies[Method.MAJORITY])
    assert last.over_fewest.value == pytest.approx(last.accuracies[mine] - first.accuracies[mine])
    assert last.over_fewest.low <= last.over_fewest.value <= last.over_fewest.high


def test_the_same_seed_gives_the_same_numbers_and_choices_that_were_given_have_no_draws():
    run = run_of(drawn_lines(20))
    assert fewer_draws(run, subsets=3) == fewer_draws(run, subsets=3)
    assert fewer_draws(run, subsets=3, seed=1) != fewer_draws(run, subsets=3)
    assert fewer_draws(run_of(given_lines(20))) == []


def test_the_table_has_a_row_for_each_number_of_draws():
    run = run_of(drawn_lines(20))
    found = fewer_draws(run, subsets=2)
    table = draws_table(summarised(run), found)
    assert "arc_easy, chat_qa, some-model: with fewer of the draws" in table
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][2:] == [
        str(one.draws) for one in found
    ]
    assert draws_table(summarised(run), []) == ""
