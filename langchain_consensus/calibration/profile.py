"""A `Profile`: what labelled questions taught of one model under one wording, as a small file that people can read."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from langchain_consensus.calibration.curve import Curve
from langchain_consensus.calibration.evidence import Feature
from langchain_consensus.calibration.guarantee import Promise, Threshold, certified_threshold
from langchain_consensus.calibration.weights import Weights
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from langchain_consensus.calibration.evidence import Evidence
    from langchain_consensus.calibration.weights import Beliefs
    from langchain_consensus.prompts import Wording

    FloatArray = NDArray[np.float64]

__all__ = ["Kept", "PerView", "Profile", "ProfileMismatchWarning", "read_profile", "wording_digest"]

VERSION: Literal[1] = 1


class ProfileMismatchWarning(UserWarning):
    """A profile is used with a model or a wording that it was not fitted on."""


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class PerView(_Plain):
    """A number for each view; see `calibration.evidence.Feature`."""

    score: float
    contrast: float
    votes: float
    verdict: float

    @classmethod
    def of(cls, values: FloatArray) -> PerView:
        """From `[F]`."""
        return cls(**{feature.name.lower(): float(values[feature]) for feature in Feature})

    def array(self) -> FloatArray:
        """`[F]`."""
        return np.array([getattr(self, feature.name.lower()) for feature in Feature])


class Kept(_Plain):
    """Labelled questions that nothing was fitted on: what promises are proved with."""

    thresholds: tuple[float, ...]
    """Confidences from strict to lax, fixed before these questions were looked at."""
    shares: tuple[float, ...]
    """The share of questions that each is expected to answer."""
    confidence: tuple[float, ...]
    """Of the answer to each question."""
    right: tuple[bool, ...]
    """Whether it was right."""

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.thresholds) != len(self.shares) or len(self.confidence) != len(self.right):
            msg = "`kept` must hold as many `shares` as `thresholds`, and as many `right` as `confidence`."
            raise ValueError(msg)
        return self


class Profile(_Plain):
    """What labelled questions taught: how much each view counts, how players are tied, and what a margin is worth.

    It holds for the model and the wording that it was fitted on, and for questions like those that it was fitted on.
    """

    version: Literal[1] = VERSION
    model: str
    """Name of the model, as its engine says it."""
    model_hash: str | None = None
    """Hash of the weights, where it is known."""
    wording: str
    """Name of the wording."""
    wording_digest: str
    """Digest of all its texts; see `wording_digest`."""
    tasks: tuple[str, ...] = ()
    """Where the questions came from."""
    questions: int
    """How many labelled questions the numbers were fitted on."""
    rule: str = "er_discriminator"
    """The rule whose answers the curve was fitted on."""
    scales: PerView
    """Spread of each view over the candidates of a question, in nats."""
    weights: PerView
    """Log-odds of being the right answer for one such spread."""
    tie_generator: float = Field(default=1.0, gt=0)
    """Times the neutral lambda_G of 1/2."""
    tie_discriminator: float = Field(default=1.0, gt=0)
    """Times the neutral lambda_D of 1/(2N), for N candidates."""
    curve: Curve
    """From an answer's share and verdict to the probability that it is right."""
    kept: Kept | None = None
    """What promises are proved with; `None` if no questions were kept apart."""

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that differ for any other profile."""
        text = json.dumps(_rounded(self.model_dump(mode="json")), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def used_weights(self) -> Weights:
        """The weights, for `calibration.play.played`."""
        return Weights(
            scales=self.scales.array(),
            weights=self.weights.array(),
            tie_generator=self.tie_generator,
            tie_discriminator=self.tie_discriminator,
        )

    def probability(self, beliefs: Beliefs, evidence: Evidence) -> FloatArray:
        """`[N]` for each candidate the probability that it is right, as if it were the answer."""
        return self.curve.probability(beliefs.shares, evidence.features[Feature.VERDICT])

    def threshold(self, max_risk: float, *, certainty: float = 0.9) -> Threshold:
        """The least confidence at which at most `max_risk` of the answers given are wrong, with that certainty.

        Raises:
            InvalidInputError: If too few labelled questions were kept for it, or if these show that no threshold
                keeps the promise.
        """
        promise = Promise(max_risk=max_risk, certainty=certainty)
        if self.kept is None:
            msg = (
                f"`max_risk` is {max_risk:g} and the profile kept no questions to prove it with; calibrate again with "
                f"at least {promise.fewest} labelled questions kept apart."
            )
            raise InvalidInputError(msg)
        right = np.array(self.kept.right, dtype=np.bool_)
        confidence = np.array(self.kept.confidence)
        found = certified_threshold(confidence, right, self.kept.thresholds, self.kept.shares, to=promise)
        if not found.answered:
            msg = (
                f"`max_risk` is {max_risk:g} at {certainty:.0%} certainty, and the {len(right)} questions that were "
                f"kept ({right.mean():.0%} right) prove it for no threshold; ask for less, label more, or use a model "
                "that knows more."
            )
            raise InvalidInputError(msg)
        return found

    def mismatch(self, *, model: str, wording: Wording, rule: str) -> str | None:
        """A sentence where the profile was fitted on another model, wording or rule, else `None`."""
        if model != self.model:
            return f"The profile was fitted on {self.model!r} and the model is {model!r}: its numbers do not hold."
        if wording_digest(wording) != self.wording_digest:
            return (
                f"The profile was fitted under the wording {self.wording!r} and {wording.name!r} is used, or its texts "
                "differ: its numbers do not hold."
            )
        if rule != self.rule:
            return f"The profile was fitted on answers by the rule {self.rule!r}, and {rule!r} ranks: it does not hold."
        return None

    def warn_of_model(self, model: str) -> None:
        """Warns where the model is another one."""
        if model != self.model:
            said = f"The profile was fitted on {self.model!r} and the model is {model!r}: its numbers do not hold."
            warnings.warn(said, ProfileMismatchWarning, stacklevel=2)

    def save(self, path: Path | str) -> None:
        """Writes it as JSON, numbers to six significant digits."""
        text = json.dumps(_rounded(self.model_dump(mode="json")), indent=1, ensure_ascii=False)
        Path(path).write_text(text + "\n", "utf-8")


def read_profile(path: PathLike[str] | str, *, model: str | None = None) -> Profile:
    """The profile in a file.

    Args:
        path: What `Profile.save` or `langchain-consensus calibrate` wrote.
        model: The model that it is to be used with; another than the profile's is warned of.

    Raises:
        InvalidInputError: If the file cannot be read or is no profile of this version.
    """
    try:
        profile = Profile.model_validate_json(Path(path).read_text("utf-8"))
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); give a profile that `calibrate` wrote."
        raise InvalidInputError(msg) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        msg = f"{path}: is no profile of version {VERSION} (`{place}`: {first['msg']}); calibrate again."
        raise InvalidInputError(msg) from None
    if model is not None:
        profile.warn_of_model(model)
    return profile


def wording_digest(wording: Wording) -> str:
    """Sixteen hexadecimal digits that differ for any other wording."""
    text = json.dumps(wording.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
