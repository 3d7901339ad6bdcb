"""When the views of a question should not be trusted: `Views` go in, sentences come out.

The published method has no notion of a view that knows nothing: after cross-normalisation a judge that answers at
random weighs as much as one that knows. The thresholds are marks for a reader, not part of the method; none of them
changes a ranking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.views import Views

__all__ = [
    "LEAST_MASS",
    "LEAST_MATCHED",
    "LEAST_SPREAD",
    "LEAST_WEIGHT",
    "Worded",
    "spread",
    "warnings_of",
    "warnings_of_documents",
]

LEAST_MASS = 0.5
"""Probability on the verdict words below which the model is not answering the judge's question."""
LEAST_SPREAD = 0.1
"""Spread (largest minus smallest, in nats) below which a view says the same of every candidate."""
LEAST_WEIGHT = 0.05
"""Weight below which a judge among several hardly counts."""
LEAST_MATCHED = 0.5
"""Part of the draws under the correct condition below which sampled views rest on few of them."""


class Worded(Protocol):
    """What a ranking says of its wording."""

    @property
    def name(self) -> str:
        """The wording's name."""
        ...

    @property
    def verdicts(self) -> tuple[str, str]:
        """The two verdict words: (incorrect, correct)."""
        ...


def warnings_of(candidates: Candidates, views: Views, wording: Worded) -> tuple[str, ...]:
    """Sentences for the reader of a ranking; empty if there is nothing to say."""
    said = []
    if candidates.empty:
        said.append(f"{candidates.empty} draws were empty and left out.")
    if candidates.cut:
        said.append(
            f"{candidates.cut} draws were cut at the length limit; raise `max_new_tokens` if answers are longer."
        )
    if candidates.unfinished:
        said.append(
            f"{candidates.unfinished} draws were cut before they were complete under the grammar and left out; raise "
            "`max_new_tokens`, or look at the stop strings."
        )
    matched = 1.0 if views.counts is None else float(views.counts.matched[-1])
    if matched < LEAST_MATCHED:
        said.append(
            f"Only {matched:.0%} of the draws under the correct condition are candidates, so the generator's view is "
            "rough; use a wording that lists them ('multiple_choice'), or an `answer_key`."
        )
    mass = float(views.verdict_mass.mean())
    if mass < LEAST_MASS and not views.judges:
        low, high = wording.verdicts
        said.append(
            f"The judge is not answering: it puts {mass:.0%} of its probability on {low.strip()!r} and "
            f"{high.strip()!r}; trust the generator's view, or use another wording."
        )
    said.extend(_of_judges(views))
    if len(candidates.items) == 1:
        said.append("There is one distinct answer, so the game says nothing; `confidence` is the judge's raw verdict.")
        return tuple(said)
    if spread(views.verdict_logodds) < LEAST_SPREAD:
        said.append("The judge hardly tells the candidates apart; the discriminator's view is uninformative here.")
    if spread(views.contrast) < LEAST_SPREAD:
        said.append(
            "Asking for an incorrect answer hardly changes the generator; its normalised view is uninformative."
        )
    return tuple(said)


def _of_judges(views: Views) -> list[str]:
    said = []
    informed = [one for one in views.judges if one.informativeness is not None]
    if informed and not any(one.informativeness for one in informed):
        said.append("No judge's verdicts are informative by what this batch shows of them, so the judges weigh alike.")
        informed = []
    said.extend(
        f"The judge {one.name} counts {one.weight:.0%}: by what this batch shows, its verdicts are uninformative; use "
        "another wording or model for it."
        for one in informed
        if one.weight < LEAST_WEIGHT
    )
    for one in views.judges:
        mass = float(np.exp(one.logprobs).sum(axis=0).mean())
        if mass < LEAST_MASS:
            said.append(f"The judge {one.name} is not answering: it puts {mass:.0%} of its probability on its words.")
    return said


def spread(values: NDArray[np.float64]) -> float:
    """The largest less the smallest of some numbers; 0 where all are the same infinity."""
    low, high = float(values.min()), float(values.max())
    return 0.0 if low == high else high - low


def warnings_of_documents(views: Views, wording: Worded) -> tuple[str, ...]:
    """As `warnings_of`, for the documents of a query."""
    said = []
    mass = float(views.verdict_mass.mean())
    if mass < LEAST_MASS:
        low, high = wording.verdicts
        said.append(
            f"The judge is not answering: it puts {mass:.0%} of its probability on {low.strip()!r} and "
            f"{high.strip()!r}; use another wording or another model."
        )
    if views.verdict_logodds.size == 1:
        said.append("There is one document, so the game says nothing; its score is the judge's raw verdict.")
        return tuple(said)
    if spread(views.verdict_logodds) < LEAST_SPREAD:
        said.append("The judge hardly tells the documents apart; the discriminator's view is uninformative here.")
    if spread(views.contrast) < LEAST_SPREAD:
        said.append("The query is about as probable after every document; the generator's view is uninformative here.")
    return tuple(said)
