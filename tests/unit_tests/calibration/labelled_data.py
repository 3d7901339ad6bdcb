"""Labelled questions whose truth is known: views that know so much, err together or apart, and speak so loud."""

import numpy as np

from langchain_consensus.calibration.evidence import Evidence, Feature
from langchain_consensus.calibration.logit import Labelled


def questions(count, seed=0, *, size=4, score=0.5, contrast=0.5, verdict=0.5, scales=(1.5, 0.4, 1.2), mass=0.9):
    """Views whose correlation with the truth is `score`, `contrast` and `verdict`; the first two err together."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        right = np.arange(size) == rng.integers(size)
        truth = (right - 1 / size) * np.sqrt(size)
        shared = rng.normal(size=size)
        features = np.zeros((len(Feature), size))
        for feature, loading, together, scale in (
            (Feature.SCORE, score, 0.5, scales[0]),
            (Feature.CONTRAST, contrast, 0.5, scales[1]),
            (Feature.VERDICT, verdict, 0.0, scales[2]),
        ):
            noise = np.sqrt(together) * shared + np.sqrt(1 - together) * rng.normal(size=size)
            features[feature] = scale * (loading * truth + np.sqrt(1 - loading**2) * noise)
        features[Feature.SCORE] -= 8.0
        features[Feature.VERDICT] += rng.normal()
        found.append(Labelled(evidence=Evidence(features=features, mass=mass), right=right))
    return found


def accuracy(items, values):
    """Share of questions whose candidate of the largest value is right; `values` of an item's evidence are `[N]`."""
    return float(np.mean([one.right[int(np.argmax(values(one.evidence)))] for one in items]))
