"""What a method's confidence is worth: calibration, discrimination, and what is gained by answering less.

Confidences `[n]` from 0 to 1 and whether the answers were right `[n]` go in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = ["Bin", "ConfidenceQuality", "confidence_quality"]

_BINS = 10
_LEAST_IN_BIN = 10
_COVERAGES = tuple(step / 20 for step in range(1, 21))


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Items of neighbouring confidence: how many, their mean confidence, and the share that is right."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceQuality:
    """The worth of a confidence.

    Attributes:
        ece: Expected calibration error over bins of equal mass: the mean distance of confidence and accuracy.
        rms_debiased: The root mean square calibration error over the same bins with its bias from small bins taken out
            (Kumar et al., arXiv:1909.10155, section 4.1); 0 where that leaves nothing.
        brier: Mean squared distance of confidence and outcome.
        auroc: How often a right answer has a higher confidence than a wrong one; `None` if all or none are right.
        aurc: Mean error rate over all coverages, answering the most confident items first (Geifman et al. 2017).
        risk: Pairs of a coverage and the error rate where the most confident share of that size is answered.
        bins: For the reliability diagram.
    """

    ece: float
    rms_debiased: float
    brier: float
    auroc: float | None
    aurc: float
    risk: tuple[tuple[float, float], ...]
    bins: tuple[Bin, ...]


def confidence_quality(confidence: FloatArray, right: NDArray[np.bool_]) -> ConfidenceQuality | None:
    """The worth of `[n]` confidences; `None` for a method that has none."""
    from sklearn.metrics import brier_score_loss, roc_auc_score

    if np.isnan(confidence).any():
        return None
    bins = _bins(confidence, right)
    weights = np.array([one.count for one in bins]) / len(right)
    gaps = np.array([one.confidence - one.accuracy for one in bins])
    curve = _risks(confidence, right)
    both = 0 < right.sum() < len(right)
    return ConfidenceQuality(
        ece=float(weights @ np.abs(gaps)),
        rms_debiased=_debiased(bins, weights, gaps),
        brier=float(brier_score_loss(right, confidence, pos_label=True)),
        auroc=float(roc_auc_score(right, confidence)) if both else None,
        aurc=float(curve.mean()),
        risk=tuple((share, float(curve[max(round(share * len(right)), 1) - 1])) for share in _COVERAGES),
        bins=bins,
    )


def _risks(confidence: FloatArray, right: NDArray[np.bool_]) -> FloatArray:
    """`[n]` error rate of the 1, 2, ... most confident items; items of equal confidence share their error rate."""
    values, place, counts = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(place, weights=~right, minlength=len(values)) / counts
    errors = np.repeat(wrong, counts)
    return np.asarray(np.cumsum(errors) / np.arange(1, len(errors) + 1))


def _bins(confidence: FloatArray, right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins of equal mass, ten of them or as many as leave ten items in each."""
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(max(len(order) // _LEAST_IN_BIN, 1), _BINS))
    return tuple(
        Bin(count=len(part), confidence=float(confidence[part].mean()), accuracy=float(right[part].mean()))
        for part in parts
    )


def _debiased(bins: tuple[Bin, ...], weights: FloatArray, gaps: FloatArray) -> float:
    spread = np.array([one.accuracy * (1 - one.accuracy) / max(one.count - 1, 1) for one in bins])
    return float(np.sqrt(max(weights @ (gaps**2 - spread), 0.0)))
