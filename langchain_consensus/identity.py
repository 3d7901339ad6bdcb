"""What tells one function from another: a text that is the same for the same function in every process.

Caches need it. A qualified name is not enough: two lambdas of one scope share it, and a function that was edited keeps
it. So the code counts, with everything it closes over and refers to; what cannot be described has no identity.
"""

from __future__ import annotations

import functools
import hashlib
import re
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

__all__ = ["identity", "name_of"]

_CONSTANTS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))


class _UnknownError(Exception):
    """A value that cannot be described."""


def name_of(function: Any) -> str:
    """The function's module and qualified name; for an object that can be called, those of its class."""
    # Partials and objects that can be called have no name of their own, and methods of built-in types no module.
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', None) or 'builtins'}.{name}"


def identity(function: Any) -> str | None:
    """The function's name and a digest of what it does, or `None` if it rests on something that cannot be described."""
    try:
        described = _value(function, ())
    except (_UnknownError, RecursionError, ValueError):  # a ValueError is a cell that is empty yet
        return None
    return f"{name_of(function)}#{hashlib.sha256(described.encode()).hexdigest()[:16]}"


def _value(value: Any, inside: tuple[int, ...]) -> str:
    """A text for a value; `inside` are the ids of what it is part of, so that recursion ends."""
    if id(value) in inside and not isinstance(value, _CONSTANTS):
        return f"<{inside.index(id(value))}>"
    inside = (*inside, id(value))
    if isinstance(value, Enum):
        return f"{name_of(type(value))}.{value.name}"
    if isinstance(value, _CONSTANTS):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({','.join(_value(one, inside) for one in value)})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({','.join(sorted(_value(one, inside) for one in value))})"
    if isinstance(value, dict):
        return f"dict({','.join(_value(k, inside) + '=' + _value(v, inside) for k, v in value.items())})"
    if isinstance(value, re.Pattern):
        return f"re({value.pattern!r},{value.flags})"
    if isinstance(value, types.ModuleType):
        return f"module:{value.__name__}"
    if isinstance(value, type):
        return f"class:{name_of(value)}"
    if is_dataclass(value):
        parts = [getattr(value, field.name) for field in fields(value)]
        return _value([type(value), vars(type(value)).get("__call__"), *parts], inside)
    return _function(value, inside)


def _function(value: Any, inside: tuple[int, ...]) -> str:
    if isinstance(value, functools.partial):
        return f"partial({','.join(_value(part, inside) for part in (value.func, value.args, value.keywords))})"
    if isinstance(value, types.MethodType):
        return f"method({_value(value.__func__, inside)},{_value(value.__self__, inside)})"
    if isinstance(value, types.BuiltinFunctionType | types.MethodWrapperType):
        return f"builtin:{name_of(value)}({_value(value.__self__, inside)})"
    if isinstance(value, types.MethodDescriptorType | types.WrapperDescriptorType):
        return f"builtin:{name_of(value.__objclass__)}.{value.__name__}"
    if isinstance(value, types.FunctionType):
        names = sorted(_names(value.__code__) & value.__globals__.keys())
        parts = (
            [cell.cell_contents for cell in value.__closure__ or ()],
            value.__defaults__,
            value.__kwdefaults__,
            [value.__globals__[name] for name in names],
        )
        return f"{name_of(value)}{_code(value.__code__)}{names}{''.join(_value(part, inside) for part in parts)}"
    raise _UnknownError


def _names(code: types.CodeType) -> set[str]:
    """The names that the code, or code inside it, looks up."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _code(code: types.CodeType) -> str:
    """The code without where it stands: instructions, names and constants."""
    constants = [_code(one) if isinstance(one, types.CodeType) else _value(one, ()) for one in code.co_consts]
    return f"{code.co_code.hex()}{code.co_names}{code.co_varnames}{code.co_freevars}{constants}"
