"""How much each view counts, and what a confidence is worth: without labels, from labels, with a guarantee.

`InformedAnchors` weighs the views by what they show themselves; `calibrated` fits a `Profile` to labelled questions;
`Profile.threshold` says from which confidence on at most so many of the answers are wrong. Names load when first used,
scikit-learn and SciPy when something is fitted.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_consensus.calibration.fit import Fitting, calibrated
    from langchain_consensus.calibration.guarantee import Promise, Threshold
    from langchain_consensus.calibration.informed import InformedAnchors
    from langchain_consensus.calibration.labelling import calibrated_from
    from langchain_consensus.calibration.profile import Profile, ProfileMismatchWarning, read_profile

__all__ = [
    "Fitting",
    "InformedAnchors",
    "Profile",
    "ProfileMismatchWarning",
    "Promise",
    "Threshold",
    "calibrated",
    "calibrated_from",
    "read_profile",
]

_HOMES = {
    "Fitting": "fit",
    "InformedAnchors": "informed",
    "Profile": "profile",
    "ProfileMismatchWarning": "profile",
    "Promise": "guarantee",
    "Threshold": "guarantee",
    "calibrated": "fit",
    "calibrated_from": "labelling",
    "read_profile": "profile",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
