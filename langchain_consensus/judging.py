"""Step 2 with several judges: Views -> Views with the verdicts and the weights of all of them.

The judges of one engine are asked in one call. How much an `informed` judge weighs is what its verdicts show without
labels (`InformedAnchors.informativeness`, from 0 to 1); judges that all show nothing weigh alike.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.several import evidence_with
from langchain_consensus.engine.base import ScoreRequest, Usage
from langchain_consensus.engine.deadline import current_call
from langchain_consensus.judges import Judge, wording_for
from langchain_consensus.observation import Step, watched
from langchain_consensus.verdicts import Verdicts, mixed
from langchain_consensus.views import joined, members_of, scores_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from langchain_consensus.candidates import Candidates
    from langchain_consensus.engine.base import Engine
    from langchain_consensus.observation import Observer
    from langchain_consensus.prompts import Wording
    from langchain_consensus.views import Views

    FloatArray = NDArray[np.float64]

__all__ = ["Asked", "asked", "judged", "shares_of"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Asked:
    """What one judge said of a batch.

    Attributes:
        name: Its model and its wording.
        members: For each question `[V, M]` log-probabilities of its verdict words, on every string of the candidates.
    """

    name: str
    members: tuple[FloatArray, ...]


def judged(
    batch: Sequence[Candidates],
    views: Sequence[Views],
    judges: Sequence[Judge],
    *,
    engine: Engine,
    wording: Wording | str,
    observer: Observer | None = None,
) -> list[Views]:
    """The views with every judge's verdicts, the model's own first, and what each weighs.

    Args:
        batch: The candidates of at least one question.
        views: Their views, with the model's own verdicts.
        judges: The judges beside it, and what it weighs itself; see `Judge`.
        engine: The model itself.
        wording: Of the views, as it was set: `auto` is resolved for each judge's own model.
        observer: Is told of the step.
    """
    others = [judge for judge in judges if not judge.is_own]
    sizes = tuple(len(one.items) for one in batch)
    with watched(observer, Step(name="judging", questions=len(batch), candidates=sizes)) as done:
        said, usages = asked(batch, others, engine=engine, wording=wording)
        done(usages=usages)
    own = f"{engine.name}:{wording_for(wording, engine).name}"
    with_all = [
        replace(
            view,
            judges=(
                Verdicts(name=own, logprobs=view.verdict_logprobs),
                *(Verdicts(name=one.name, logprobs=joined(item, view, one.members[place])) for one in said),
            ),
            usage=view.usage + usages[place],
        )
        for place, (item, view) in enumerate(zip(batch, views, strict=True))
    ]
    itself = next((judge for judge in judges if judge.is_own), Judge())
    return _weighed(batch, with_all, [itself, *others])


def asked(
    batch: Sequence[Candidates], judges: Sequence[Judge], *, engine: Engine, wording: Wording | str
) -> tuple[list[Asked], tuple[Usage, ...]]:
    """What judges say of every string of every candidate, and each question's part of the tokens.

    Raises:
        ContextWindowError: If a prompt is longer than a judge can read.
        NonFiniteScoreError: If a judge gives NaN.
    """
    used = [(judge.engine or engine, wording_for(judge.wording or wording, judge.engine or engine)) for judge in judges]
    found: dict[int, Asked] = {}
    usages = [Usage()] * len(batch)
    by_engine: dict[int, list[int]] = defaultdict(list)
    for place, (model, _) in enumerate(used):
        by_engine[id(model)].append(place)
    for places in by_engine.values():
        current_call().check()
        model = used[places[0]][0]
        requests = [
            (question, _request(used[place][1], one, text))
            for place in places
            for question, one in enumerate(batch)
            for text in (member.text for member in members_of(one))
        ]
        result = scores_for(model, batch, requests)
        scores = iter(result.scores)
        for place in places:
            name = f"{model.name}:{used[place][1].name}"
            members = tuple(np.stack([next(scores).logprobs for _ in members_of(one)], axis=1) for one in batch)
            found[place] = Asked(name=name, members=members)
        usages = [usage + more for usage, more in zip(usages, result.usage.split(len(batch)), strict=True)]
    return [found[place] for place in range(len(judges))], tuple(usages)


def _request(wording: Wording, candidates: Candidates, text: str) -> ScoreRequest:
    prompt = wording.discriminator_prompt(candidates.question, text)
    return ScoreRequest(prompt=prompt, continuations=wording.verdicts)


def _weighed(batch: Sequence[Candidates], views: Sequence[Views], judges: Sequence[Judge]) -> list[Views]:
    """The views with the weights of their judges, which are the same for the whole batch."""
    shown = [
        InformedAnchors().informativeness(evidence_with(batch, views, place)) if judge.weight == "informed" else None
        for place, judge in enumerate(judges)
    ]
    shares = shares_of(judges, shown)
    weighed = [
        tuple(
            replace(one, weight=share, informativeness=how)
            for one, share, how in zip(view.judges, shares, shown, strict=True)
        )
        for view in views
    ]
    return [replace(view, judges=each, discriminator=mixed(each)) for view, each in zip(views, weighed, strict=True)]


def shares_of(judges: Sequence[Judge], informativeness: Sequence[float | None]) -> list[float]:
    """What each judge weighs, summing to one: its number, or how informative it is; alike where that is 0 for all."""
    relative = [
        (how or 0.0) if judge.weight == "informed" else float(judge.weight)
        for judge, how in zip(judges, informativeness, strict=True)
    ]
    if not sum(relative):
        relative = [float(judge.weight == "informed") for judge in judges]
    return [one / sum(relative) for one in relative]
