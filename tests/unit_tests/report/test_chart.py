"""Where lines, ticks and labels stand, by hand."""

import numpy as np
import pytest

from langchain_consensus.report.chart import HEIGHT, WIDTH, as_text, panel

LEFT, RIGHT, TOP, BOTTOM = 48, WIDTH - 30, 12, HEIGHT - 42


def drawn(times, policy):
    return panel(np.array(times, dtype=float), np.array(policy), name="g", title="Title", described_by="t")


def points(chart, place):
    [line] = [one for one in chart.iter("polyline") if one.get("class") == f"line c{place}"]
    return [tuple(float(number) for number in point.split(",")) for point in line.get("points").split()]


def labels(chart, name):
    found = [one for one in chart.iter("text") if one.get("class") == name]
    return [(one.text, float(one.get("x")), float(one.get("y"))) for one in found]


def test_probabilities_and_iterations_are_placed_by_hand():
    # log10 of 1, 10, 100 is 0, 1, 2: the left edge, the middle and the right edge.
    chart = drawn([1, 10, 100], [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    middle = (LEFT + RIGHT) / 2
    assert points(chart, 1) == [(LEFT, BOTTOM), (middle, (TOP + BOTTOM) / 2), (RIGHT, TOP)]
    assert points(chart, 2) == [(LEFT, TOP), (middle, (TOP + BOTTOM) / 2), (RIGHT, BOTTOM)]
    shares, iterations = ["0%", "25%", "50%", "75%", "100%"], ["1", "10", "100"]
    assert [label for label, *_ in labels(chart, "tick")] == [*shares, *iterations, "iteration"]


def test_an_equilibrium_stands_behind_the_last_iteration():
    chart = drawn([1, 100, np.inf], [[0.5], [0.6], [0.7]])
    (first, _), (last, _), (end, _) = points(chart, 1)
    assert first == LEFT < last < end == RIGHT
    assert labels(chart, "tick")[-2][0] == "∞"


def test_many_decades_have_few_ticks_with_short_names():
    names = [label for label, *_ in labels(drawn([1, 7e10], [[0.5], [0.5]]), "tick")][5:-1]
    assert names == ["1", "100", "10,000", "10⁶", "10⁸", "10¹⁰"]


@pytest.mark.parametrize("ends", [[0.5] * 8, [0.0] * 8, [1.0] * 8, [0.1, 0.11, 0.9, 0.12, 0.13, 0.89, 0.0, 1.0]])
def test_labels_at_the_ends_never_overlap_nor_leave_the_chart(ends):
    chart = drawn([1, 10], [ends, ends])
    heights = sorted(float(one.get("y")) for one in chart.iter("text") if one.get("class").startswith("end"))
    assert len(heights) == 8
    assert (np.diff(heights) >= 14 - 0.11).all()  # coordinates have one decimal
    assert heights[0] > 0
    assert heights[-1] < HEIGHT


def test_a_single_snapshot_is_a_point_at_the_left_edge():
    assert points(drawn([1], [[0.5]]), 1) == [(LEFT, (TOP + BOTTOM) / 2)]


def test_a_chart_is_the_same_text_every_time_and_draws_the_best_on_top():
    policy = np.random.default_rng(0).random((3, 12))
    chart = drawn([1, 2, 3], policy)
    assert as_text(chart) == as_text(drawn([1, 2, 3], policy))
    assert [one.get("class") for one in chart.iter("polyline")] == [f"line c{place}" for place in range(8, 0, -1)]
