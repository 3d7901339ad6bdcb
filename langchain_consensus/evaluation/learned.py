"""Weights that are learned, judged on questions that they were not learned on: stored runs go in, comparisons come out.

Informed anchors with each term switched off; profiles of 100 labels of the same task, every item by one that was fitted
without it; profiles of all other tasks; promises kept and broken on random splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.calibration.evidence import Feature
from langchain_consensus.calibration.fit import Fitting
from langchain_consensus.calibration.guarantee import Promise, certified_threshold, threshold_sequence
from langchain_consensus.calibration.informed import InformedAnchors
from langchain_consensus.calibration.logit import Labelled
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.classes import answers_of
from langchain_consensus.evaluation.comparison import Accuracy, Difference, Resampled
from langchain_consensus.evaluation.confidence import ConfidenceQuality, confidence_quality
from langchain_consensus.evaluation.labelled import evidence_in
from langchain_consensus.evaluation.methods import Decisions, Method, decided, decided_by_weights
from langchain_consensus.evaluation.summary import SINGLE_VIEWS
from langchain_consensus.game import LogTimeFlow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from langchain_consensus.calibration.fit import Fitted
    from langchain_consensus.evaluation.classes import Answers, Length
    from langchain_consensus.evaluation.stored import StoredRun

__all__ = ["ABLATIONS", "LearnedSummary", "RiskTrial", "learned"]

_LABELS = 100
_FOLDS = 5
_SPLITS = 10
_RISKS = (0.1, 0.3, 0.5)

ABLATIONS: Mapping[str, InformedAnchors] = {
    "informed": InformedAnchors(),
    "without the label mass": InformedAnchors(mass=False),
    "without the spread": InformedAnchors(spread=False),
    "without the agreement": InformedAnchors(agreement=False),
    "without the fall-back": InformedAnchors(fall_back=False),
    "without the sharpness": InformedAnchors(sharpness=False),
    "without any": InformedAnchors(mass=False, spread=False, agreement=False, fall_back=False, sharpness=False),
    "without the score": InformedAnchors(views=(Feature.CONTRAST, Feature.VOTES, Feature.VERDICT)),
    "without the contrast": InformedAnchors(views=(Feature.SCORE, Feature.VOTES, Feature.VERDICT)),
    "without the verdict": InformedAnchors(views=(Feature.SCORE, Feature.CONTRAST, Feature.VOTES)),
}
"""The rule, and the rule with a term or a view off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RiskTrial:
    """A promise on random splits of one task: 100 labels, half of them kept apart, the rest judged.

    Attributes:
        max_risk: What was promised at 90% certainty.
        broken: Share of the splits whose judged answers hold more wrong ones.
        promised: Share of the splits in which anything was answered.
        coverage: Mean share of questions answered.
        raw_coverage: The same for the judge's raw verdict under the same bound.
    """

    max_risk: float
    broken: float
    promised: float
    coverage: float
    raw_coverage: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedSummary:
    """One task.

    Attributes:
        task: Its name.
        model: The model's name.
        items: How many there are.
        best_view: The single view with the most right answers on these very items.
        accuracies: By name: `best_view`, `er_discriminator`, the ablations, `profile` (100 labels of the task; absent
            with fewer than 125 items) and `other_tasks` (absent for a single task).
        against_view: Each minus the best view.
        against_er: Each minus ER-D.
        confidence: The worth of the confidence of the raw verdict, `informed`, `profile` and `other_tasks`.
        risks: Promises; empty with fewer than 150 items.
    """

    task: str
    model: str
    items: int
    best_view: str
    accuracies: dict[str, Accuracy]
    against_view: dict[str, Difference]
    against_er: dict[str, Difference]
    confidence: dict[str, ConfidenceQuality | None]
    risks: tuple[RiskTrial, ...]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _TaskScores:
    """The items of a run that have scores."""

    run: StoredRun
    answers: list[Answers]
    labelled: list[Labelled]
    length: Length
    metric: str

    @property
    def name(self) -> str:
        """The task's name."""
        return str(self.run.settings["task"]["name"])


def learned(runs: Sequence[StoredRun], *, length: Length | None = None) -> list[LearnedSummary]:
    """Every task's comparison, under its main metric.

    Args:
        runs: One of each task, of one model under one wording a kind.
        length: How generator scores are normalised; as the wording says by default.

    Raises:
        InvalidInputError: If a task is there twice.
    """
    tasks = [_scores(run, length) for run in runs]
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        msg = f"The runs are of the tasks {names}; what is learned across tasks needs one run of each."
        raise InvalidInputError(msg)
    return [_summary(task, [other for other in tasks if other is not task]) for task in tasks]


def _scores(run: StoredRun, length: Length | None) -> _TaskScores:
    items = [item for item in run.items if item.error is None]
    if not items:
        msg = f"{run.path}: no item has scores."
        raise InvalidInputError(msg)
    used: Length = length or run.settings["wording"]["length"]
    metric = next(iter(items[0].candidates[0].right))
    answers = [answers_of(item, length=used, metric=metric) for item in items]
    labelled = [Labelled(evidence=evidence_in(one), right=one.right) for one in answers]
    return _TaskScores(run=run, answers=answers, labelled=labelled, length=used, metric=metric)


def _summary(task: _TaskScores, others: Sequence[_TaskScores]) -> LearnedSummary:
    items = [item for item in task.run.items if item.error is None]
    fast = LogTimeFlow()  # follows the published dynamics to about 2e-4
    base = decided(items, length=task.length, metric=task.metric, published=fast, certified=fast)
    best_view = max(SINGLE_VIEWS, key=lambda view: base[view].right.sum())
    evidence = [one.evidence for one in task.labelled]
    found = {name: decided_by_weights(task.answers, rule.weights(evidence)) for name, rule in ABLATIONS.items()}
    if len(items) >= _LABELS * _FOLDS / (_FOLDS - 1):
        found["profile"] = _by_own_labels(task)
    if others:
        fitted = Fitting().fitted([one for other in others for one in other.labelled])
        found["other_tasks"] = decided_by_weights(task.answers, fitted.weights, fitted.curve)
    rows = {"best_view": base[best_view].right, "er_discriminator": base[Method.ER_DISCRIMINATOR].right}
    rows |= {name: one.right for name, one in found.items()}
    resampled = Resampled(rows)
    judged = {"discriminator_raw": base[Method.DISCRIMINATOR_RAW]}
    judged |= {name: found[name] for name in ("informed", "profile", "other_tasks") if name in found}
    return LearnedSummary(
        task=task.name,
        model=task.run.settings["model"],
        items=len(items),
        best_view=best_view.value,
        accuracies={name: Accuracy.counted(right) for name, right in rows.items()},
        against_view={name: resampled.difference(name, "best_view") for name in rows},
        against_er={name: resampled.difference(name, "er_discriminator") for name in rows},
        confidence={name: confidence_quality(one.confidence, one.right) for name, one in judged.items()},
        risks=_trials(task) if len(items) >= 1.5 * _LABELS else (),
    )


def _by_own_labels(task: _TaskScores) -> Decisions:
    """Every item by a profile of 100 labels of the task, drawn from the folds that it is not in."""
    rng = np.random.default_rng(0)
    folds = rng.permutation(len(task.answers)) % _FOLDS
    right, confidence = np.zeros(len(folds), dtype=bool), np.zeros(len(folds))
    for fold in range(_FOLDS):
        labels = rng.choice(np.flatnonzero(folds != fold), _LABELS, replace=False)
        fitted = Fitting().fitted([task.labelled[place] for place in labels])
        mine = np.flatnonzero(folds == fold)
        found = decided_by_weights([task.answers[place] for place in mine], fitted.weights, fitted.curve)
        right[mine], confidence[mine] = found.right, found.confidence
    return Decisions(right=right, confidence=confidence)


def _trials(task: _TaskScores) -> tuple[RiskTrial, ...]:
    rng = np.random.default_rng(1)
    outcomes: dict[float, list[tuple[bool, float, float]]] = {risk: [] for risk in _RISKS}
    for _ in range(_SPLITS):
        order = rng.permutation(len(task.answers))
        parts = np.split(order, [_LABELS // 2, _LABELS])
        fitted = Fitting(ties=False).fitted([task.labelled[place] for place in parts[0]])
        mine = [_judged(task, part, fitted) for part in parts]
        raw = [_raw(task, part) for part in parts]
        for risk, seen in outcomes.items():
            wrong, coverage = _answered(mine, Promise(max_risk=risk))
            seen.append((wrong > risk, coverage, _answered(raw, Promise(max_risk=risk))[1]))
    return tuple(
        RiskTrial(
            max_risk=risk,
            broken=float(np.mean([broken for broken, _, _ in seen])),
            promised=float(np.mean([coverage > 0 for _, coverage, _ in seen])),
            coverage=float(np.mean([coverage for _, coverage, _ in seen])),
            raw_coverage=float(np.mean([coverage for _, _, coverage in seen])),
        )
        for risk, seen in outcomes.items()
    )


def _judged(task: _TaskScores, part: NDArray[np.int64], fitted: Fitted) -> Decisions:
    return decided_by_weights([task.answers[place] for place in part], fitted.weights, fitted.curve)


def _raw(task: _TaskScores, part: NDArray[np.int64]) -> Decisions:
    best = [int(np.argmax(task.answers[place].verdict)) for place in part]
    pairs = [(task.answers[place], choice) for place, choice in zip(part, best, strict=True)]
    return Decisions(
        right=np.array([bool(one.right[choice]) for one, choice in pairs]),
        confidence=np.array([float(one.verdict[choice]) for one, choice in pairs]),
    )


def _answered(parts: Sequence[Decisions], promise: Promise) -> tuple[float, float]:
    """Of the third part the share of wrong answers among those given, and the share answered."""
    seen, kept, judged = parts
    sequence = threshold_sequence(seen.confidence)
    shares = [float((seen.confidence >= value).mean()) for value in sequence]
    found = certified_threshold(kept.confidence, kept.right, sequence, shares, to=promise)
    answered = judged.confidence >= found.value
    wrong = float((~judged.right[answered]).mean()) if answered.any() else 0.0
    return wrong, float(answered.mean())
