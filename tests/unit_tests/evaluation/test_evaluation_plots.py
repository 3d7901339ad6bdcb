"""Figures of evaluations: a panel a run, whatever their number."""

import sys

import pytest
from stored_data import drawn_lines, given_lines, run_of

from langchain_consensus.errors import InvalidInputError, MissingDependencyError
from langchain_consensus.evaluation.plots import plot_calibration, plot_comparison, plot_risk_coverage
from langchain_consensus.evaluation.summary import summarised

PLOTS = [plot_comparison, plot_risk_coverage, plot_calibration]


@pytest.fixture(scope="module")
def summaries():
    return [summarised(run_of(given_lines(12, seed=seed))) for seed in range(3)] + [summarised(run_of(drawn_lines(12)))]


@pytest.mark.parametrize("plot", PLOTS)
def test_every_run_has_a_panel_that_is_named_after_it(plot, summaries):
    figure = plot(summaries)
    shown = [axis for axis in figure.axes if axis.axison]
    assert len(shown) == 4
    assert all(axis.get_title() == "arc_easy, chat_qa\nsome-model, n=12" for axis in shown)
    assert [len(plot(summaries[:count]).axes) for count in (1, 2, 3)] == [1, 2, 3]


def test_the_comparison_shows_each_method_s_accuracy_beside_chance(summaries):
    (axis,) = plot_comparison(summaries[:1]).axes
    methods = summaries[0].main.methods
    assert [label.get_text() for label in axis.get_yticklabels()] == list(methods)
    points = axis.containers[0].lines[0].get_xdata()
    assert points == pytest.approx([100 * one.accuracy.value for one in methods.values()])
    chance = axis.lines[-1].get_xdata()
    assert chance == pytest.approx([100 * summaries[0].main.views.chance] * 2)


def test_the_curve_of_risk_ends_with_all_items_and_the_error_rate(summaries):
    (axis,) = plot_risk_coverage(summaries[:1]).axes
    methods = summaries[0].main.methods
    for line in axis.lines:
        wrong = 100 * (1 - methods[line.get_label()].accuracy.value)
        assert (line.get_xdata()[-1], line.get_ydata()[-1]) == pytest.approx((1, wrong))


@pytest.mark.parametrize("plot", PLOTS)
def test_no_summary_and_no_matplotlib_are_each_one_clear_error(plot, summaries, monkeypatch):
    with pytest.raises(InvalidInputError, match="`summaries` is empty; give at least one"):
        plot([])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"langchain-consensus\[eval\]"):
        plot(summaries)
