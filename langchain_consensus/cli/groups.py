"""Options that several commands share, each group said once: a command asks for what a group makes of its options.

    @taking(sampling_settings)
    def ask(question: ..., *, sampling_settings: "SamplingSettings") -> None: ...

In the place of the parameter the command has the group's options.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["taking"]


def taking(*groups: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator for a command, or for a group, that has a keyword parameter of each group's name.

    Args:
        groups: Functions of options, as keyword parameters annotated for typer; what one returns the command receives.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        options = {group.__name__: list(inspect.signature(group).parameters.values()) for group in groups}
        shown = [
            option
            for parameter in inspect.signature(command).parameters.values()
            for option in options.get(parameter.name, [parameter])
        ]

        @functools.wraps(command)
        def run(**given: Any) -> Any:
            for group in groups:
                of_group = {option.name: given.pop(option.name) for option in options[group.__name__]}
                given[group.__name__] = group(**of_group)
            return command(**given)

        run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        run.__annotations__ = {option.name: option.annotation for option in shown}
        return run

    return decorate
