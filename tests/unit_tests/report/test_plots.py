import io
import sys

import numpy as np
import pytest

from langchain_consensus import plot_policies
from langchain_consensus.errors import MissingDependencyError
from langchain_consensus.game import Equilibrium
from langchain_consensus.ranking import Rule
from langchain_consensus.report.course import course_of
from tests.rankings import rank, views


def random_ranking(n, **options):
    random = np.random.default_rng(3)
    return rank(views(-10 * random.random((2, n)), -5 * random.random((2, n))), **options)


def test_a_figure_draws_the_course_of_both_policies():
    ranking = random_ranking(3)
    course = course_of(ranking)
    figure = plot_policies(ranking)
    for axis, policy in zip(figure.axes, (course.generator, course.judge), strict=True):
        assert axis.get_xscale() == "log"
        assert len(axis.lines) == 3
        for line, values in zip(axis.lines, policy.T, strict=True):
            assert line.get_xdata() == pytest.approx(course.times)
            assert line.get_ydata() == pytest.approx(values)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{i}  {one.text}" for i, one in enumerate(ranking.candidates, start=1)
    ]
    assert axis.lines[0].get_ydata()[-1] == pytest.approx(ranking.candidates[0].scores[Rule.ER_DISCRIMINATOR])


def test_an_equilibrium_is_a_level():
    ranking = random_ranking(2, solver=Equilibrium())
    axis = plot_policies(ranking).axes[0]
    levels = [line.get_ydata()[0] for line in axis.lines if len(line.get_xdata()) == 2]
    assert levels == pytest.approx([one.scores[Rule.ER_GENERATOR] for one in ranking.candidates])


@pytest.mark.parametrize("text", ["_hidden", "$5 and $10", r"$\frac{$", "w" * 900, "\x00\u202e", "日本"])
def test_texts_are_no_mathematics_and_no_hidden_labels(text):
    figure = plot_policies(random_ranking(2, texts=[text, "b"]))
    assert len(figure.legends[0].get_texts()) == 2
    if text.isascii():  # the font that ships with matplotlib has no other letters
        figure.savefig(io.BytesIO(), format="svg")


def test_only_as_many_lines_as_can_be_told_apart_are_drawn():
    assert len(plot_policies(random_ranking(20)).axes[0].lines) == 8


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "langchain-consensus\[report\]"'):
        plot_policies(random_ranking(2))
