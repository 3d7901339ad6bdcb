"""What users give as an engine: one that exists, or the arguments of one."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_consensus.engine import TransformersEngine
from langchain_consensus.engine.sampler import is_sampling
from langchain_consensus.errors import InvalidInputError

__all__ = ["checked_engine"]

_OF_AN_ENGINE = (
    *("model_id", "dtype", "device_map", "revision", "token_budget", "row_budget", "prefix_cache_bytes"),
    *("attention", "limits", "max_waiting"),
)
"""What a written-down engine may say; above all not `trust_remote_code`."""


def checked_engine(engine: object, *, owner: str, takes_samples: bool) -> object:
    """The engine that a user gave: itself, or a `TransformersEngine` of the arguments in a mapping.

    Args:
        engine: What was given.
        owner: Who takes it, for the message.
        takes_samples: Whether an engine that can only be sampled will do.

    Raises:
        InvalidInputError: If it is no engine, one that will not do, or a mapping with other arguments.
    """
    if isinstance(engine, Mapping):
        unknown = sorted(set(engine) - set(_OF_AN_ENGINE))
        if unknown or "model_id" not in engine:
            msg = f"`engine` has the keys {sorted(engine)}; it needs 'model_id' and may have {_OF_AN_ENGINE[1:]}."
            raise InvalidInputError(msg)
        return TransformersEngine(**engine)
    if is_sampling(engine):  # type: ignore[arg-type]
        if takes_samples:
            return engine
        msg = (
            f"`engine` is a {type(engine).__name__}, which can only be sampled; {owner} needs "
            "log-probabilities of given texts: use `TransformersEngine` or `OpenAICompatibleEngine`."
        )
        raise InvalidInputError(msg)
    if not (callable(getattr(engine, "sample", None)) and callable(getattr(engine, "score", None))):
        msg = f"`engine` is {engine!r}; it must have the methods of `Engine`, such as a `TransformersEngine`."
        raise InvalidInputError(msg)
    return engine
