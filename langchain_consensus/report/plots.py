"""Figures for papers, through matplotlib: a ranking goes in, a `Figure` comes out; nothing is shown or saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.dependencies import require
from langchain_consensus.report.chart import DRAWN
from langchain_consensus.report.course import course_of
from langchain_consensus.report.texts import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from langchain_consensus.ranking import Ranking

__all__ = ["plot_policies"]

_LONGEST = 40


def plot_policies(ranking: Ranking) -> Figure:
    """The path of both policies over the iterations: the generator's on the left, the discriminator's on the right.

    The first eight candidates are drawn, the best first. `figure.savefig("policies.pdf")` writes it.

    Args:
        ranking: Whose game is drawn; it is solved once more, with its path recorded.

    Raises:
        MissingDependencyError: If matplotlib is not installed.
    """
    require("report", "matplotlib")
    from matplotlib.figure import Figure

    course = course_of(ranking)
    finite = np.isfinite(course.times)
    figure = Figure(figsize=(7.0, 2.9), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    views = (
        (axes[0], course.generator, r"$\pi_G(y \mid x, \mathrm{correct})$"),
        (axes[1], course.judge, r"$\pi_D(\mathrm{correct} \mid x, y)$"),
    )
    for axis, policy, title in views:
        for place, values in enumerate(policy.T[:DRAWN]):
            (line,) = axis.plot(course.times[finite], values[finite], linestyle=("-", "--", ":", "-.")[place % 4])
            line.set_label(f"{place + 1}  {_label(ranking.candidates[place].text)}")
            if not finite.all():  # the equilibrium, to which the path leads
                axis.axhline(values[-1], color=line.get_color(), linewidth=0.6, alpha=0.6)
        axis.set(title=title, xlabel="iteration", xscale="log", ylim=(-0.02, 1.02))
    axes[0].set_ylabel("probability")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), frameon=False)
    return figure


def _label(text: str) -> str:
    line = visible(" ".join(text.split()))
    short = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return short.replace("$", r"\$")  # matplotlib would read mathematics
