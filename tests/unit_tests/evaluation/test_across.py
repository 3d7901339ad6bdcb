"""Runs against each other, item by item, and the constants of the method varied on one run."""

from dataclasses import replace

from stored_data import given_lines, run_of

from langchain_consensus.evaluation.across import compared_runs
from langchain_consensus.evaluation.classes import LENGTHS
from langchain_consensus.evaluation.methods import Method, decided
from langchain_consensus.evaluation.variants import compared_variants
from langchain_consensus.game import PiKL


def test_a_run_against_itself_differs_nowhere_and_other_tasks_are_left_alone():
    run, other = run_of(given_lines(30)), run_of(given_lines(30, seed=1), task="boolq")
    (found,) = compared_runs([run, replace(run), other])
    assert (found.task, found.items, found.reference) == ("arc_easy", 30, "chat_qa, some-model")
    assert all((d.value, d.low, d.high) == (0, 0, 0) for d in found.differences.values())


def test_items_are_matched_by_id_in_whatever_order_and_failed_ones_left_out():
    lines = given_lines(30)
    shuffled = [*reversed(lines[5:]), {"id": "item-2", "error": "failed"}, *given_lines(1, seed=9)]
    shuffled[-1]["id"] = "item-99"
    (found,) = compared_runs([run_of(lines), run_of(shuffled, wording="chat_words")])
    assert found.items == 25
    assert found.name == "chat_words, some-model"
    assert all(d.value == 0 for d in found.differences.values())


def test_differences_are_of_the_accuracies_on_the_shared_items():
    lines, others = given_lines(40), given_lines(40, seed=1)
    (found,) = compared_runs([run_of(lines), run_of(others)])
    mine, theirs = (decided(run_of(some).items, length="mean", metric="accuracy") for some in (others, lines))
    for method, difference in found.differences.items():
        assert difference.value == (mine[method].right.sum() - theirs[method].right.sum()) / 40
        assert difference.low <= difference.value <= difference.high


def test_variants_begin_with_the_published_setting_which_differs_from_itself_nowhere():
    run = run_of(given_lines(40))
    first, *rest = compared_variants(run)
    published = decided(run.items, length="mean", metric="accuracy", published=PiKL())
    assert first.accuracies[Method.ER_DISCRIMINATOR].right == published[Method.ER_DISCRIMINATOR].right.sum()
    assert (first.gain.value, first.changed) == (0, 0)
    assert len(rest) == len(LENGTHS) - 1 + 15 + 4
    one = next(variant for variant in rest if variant.name == "lambda_G 10, lambda_D 0.01")
    solver = PiKL(lambda_generator=10, lambda_discriminator=0.01)
    by_hand = decided(run.items, length="mean", metric="accuracy", published=solver)
    assert one.accuracies[Method.ER_GENERATOR].right == by_hand[Method.ER_GENERATOR].right.sum()
