"""The rules that the middleware's options keep; a broken one is an error that names option, value, rule and remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel

from langchain_consensus.calibration.profile import Profile
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.judges import Judge

if TYPE_CHECKING:
    from langchain_consensus.middleware.options import Options

__all__ = ["check_fit", "check_values"]

MODES = ("verify", "select", "tools")
ON_FAILURE = ("refuse", "keep", "error")
CONTRAST_BY = ("verdict", "game")
_OF_VERIFY = (
    "min_confidence",
    "max_retries",
    "fallback_model",
    "on_failure",
    "refusal",
    "feedback",
    "keep_drafts",
    "contrast_candidates",
    "contrast_by",
    "rivals",
)
_OF_SELECT = (
    "num_candidates",
    "draw_settings",
    "rank_tool_calls",
    "rule",
    "solver",
    "anchors",
    "calibration",
    "answer_key",
)
_OF_MODE: Mapping[str, str] = dict.fromkeys(_OF_VERIFY, "verify") | dict.fromkeys(_OF_SELECT, "select")


def check_values(options: Options) -> None:
    """Every option by itself.

    Raises:
        InvalidInputError: If one breaks its rule.
    """
    for option, holds, rule in (*_rules_of_judging(options), *_rules_of_acting(options)):
        if not holds:
            msg = f"`{option}` is {getattr(options, option)!r}; it must be {rule}."
            raise InvalidInputError(msg)


def _rules_of_judging(options: Options) -> tuple[tuple[str, bool, str], ...]:
    """Who judges, and by which numbers: each option's name, whether it holds, and the rule in words."""
    engine = callable(getattr(options.judge, "score", None)) and callable(getattr(options.judge, "sample", None))
    return (
        ("judge", engine, "an `Engine`, such as `TransformersEngine(model_id)`"),
        ("mode", options.mode in MODES, f"one of {list(MODES)}"),
        ("min_confidence", _is_share(options.min_confidence), "a probability from 0 to 1"),
        ("min_verdict_mass", _is_share(options.min_verdict_mass), "a probability from 0 to 1"),
        ("max_retries", _is_count(options.max_retries, 0), "a whole number of at least 0"),
        (
            "contrast_candidates",
            _is_count(options.contrast_candidates, 0),
            "a whole number of at least 0",
        ),
        ("rivals", _is_count(options.rivals, 0), "a whole number of at least 0"),
        ("num_candidates", _is_count(options.num_candidates, 2), "a whole number of at least 2"),
        ("contrast_by", options.contrast_by in CONTRAST_BY, f"one of {list(CONTRAST_BY)}"),
    )


def _rules_of_acting(options: Options) -> tuple[tuple[str, bool, str], ...]:
    """What is done with an answer, as above."""
    return (
        ("on_failure", options.on_failure in ON_FAILURE, f"one of {list(ON_FAILURE)}"),
        (
            "fallback_model",
            options.fallback_model is None or isinstance(options.fallback_model, BaseChatModel),
            'a chat model, such as `init_chat_model("provider:model")`, or `None`',
        ),
        ("refusal", _is_text(options.refusal), "a text with at least one visible character"),
        ("feedback", _takes_a_reason(options.feedback), "a text whose only field is {reason}"),
        ("name", _is_text(options.name), "a text with at least one visible character"),
        (
            "verify_tools",
            isinstance(options.verify_tools, Mapping)
            and all(_is_text(tool) and _is_share(least) for tool, least in options.verify_tools.items()),
            "a mapping from tools' names to probabilities from 0 to 1",
        ),
        (
            "solver",
            isinstance(options.solver, str) or callable(getattr(options.solver, "solve_block", None)),
            "a solver of `langchain_consensus.game`, or its name",
        ),
        (
            "draw_settings",
            isinstance(options.draw_settings, Mapping) and all(map(_is_text, options.draw_settings)),
            'a mapping from options of the model\'s calls to values, such as `{"temperature": 0.8}`',
        ),
        (
            "calibration",
            options.calibration is None or isinstance(options.calibration, str | Path | Profile),
            "a `Profile`, a path to one, or `None`",
        ),
        (
            "judges",
            isinstance(options.judges, Sequence) and all(isinstance(one, Judge) for one in options.judges),
            "a sequence of `Judge`s",
        ),
        (
            "answer_key",
            options.answer_key is None or callable(options.answer_key),
            "a function or `None`",
        ),
    )


def check_fit(options: Options) -> None:
    """The options together: those that do nothing in the chosen mode are refused, not ignored.

    Raises:
        InvalidInputError: If one does not fit the mode.
    """
    for option in fields(options):
        mode = _OF_MODE.get(option.name, options.mode)
        if options.mode != mode and getattr(options, option.name) != _default(option):
            msg = f"`{option.name}` is an option of mode {mode!r} and the mode is {options.mode!r}; leave it out."
            raise InvalidInputError(msg)
    if options.rivals and options.contrast_candidates:
        msg = f"`rivals` is {options.rivals} beside `contrast_candidates`; an answer is judged in one of these ways."
        raise InvalidInputError(msg)
    if options.mode == "tools" and not options.verify_tools:
        msg = "`mode` is 'tools' and `verify_tools` is empty; name the tools and the confidence that each needs."
        raise InvalidInputError(msg)
    if options.mode == "tools" and options.judges:
        msg = "`judges` is an option of the modes 'verify' and 'select', and the mode is 'tools'; leave it out."
        raise InvalidInputError(msg)
    if options.rank_tool_calls and any(judge.wording is not None for judge in options.judges):
        msg = "`rank_tool_calls` is True and one of `judges` has a wording of its own, which asks about answers alone."
        raise InvalidInputError(msg)
    if options.rank_tool_calls and not options.judge.is_chat:
        msg = f"`rank_tool_calls` is True and the judge {options.judge.name!r} has no chat template that shows tools."
        raise InvalidInputError(msg)


def _default(option: Field[Any]) -> Any:
    return option.default if option.default_factory is MISSING else option.default_factory()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _takes_a_reason(template: Any) -> bool:
    try:
        known = {name for _, name, _, _ in Formatter().parse(template) if name is not None} <= {"reason"}
        return known and bool(template.format(reason="of some kind").strip())
    except (AttributeError, TypeError, ValueError):
        return False
