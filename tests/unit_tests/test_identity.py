"""When two functions are the same to a cache: same code, same constants, same surroundings; never by name alone."""

import functools
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum

import pytest

from langchain_consensus import normalised_text
from langchain_consensus.identity import identity, name_of

NUMBER = re.compile(r"\d+")


def last_number(text):
    return (NUMBER.findall(text) or [text])[-1]


def first(n):
    return lambda text: text[:n]


def recursive(text):
    return text if len(text) < 2 else recursive(text[1:])


@dataclass(frozen=True)
class Cut:
    length: int

    def __call__(self, text):
        return text[: self.length]

    def method(self, text):
        return text[: self.length]


class Plain:
    def __call__(self, text):
        return text


class Kind(Enum):
    A = 1
    B = 2


def lambdas():
    """Two of one scope: their qualified names are the same."""
    return (lambda text: text.lower(), lambda text: text.upper())


def test_two_lambdas_of_one_scope_are_two():
    one, other = lambdas()
    assert one.__qualname__ == other.__qualname__
    assert identity(one) != identity(other)
    assert identity(one) == identity(lambdas()[0])


FUNCTIONS = {
    "lower": str.lower,
    "upper": str.upper,
    "normalised": normalised_text,
    "module function": last_number,
    "closure over 1": first(1),
    "closure over 2": first(2),
    "partial a": functools.partial(str.split, sep="a"),
    "partial b": functools.partial(str.split, sep="b"),
    "bound a": "a".join,
    "bound b": "b".join,
    "pattern": NUMBER.sub,
    "other pattern": re.compile("x").sub,
    "callable dataclass 1": Cut(1),
    "callable dataclass 2": Cut(2),
    "method 1": Cut(1).method,
    "method 2": Cut(2).method,
    "default 1": lambda text, n=1: text[:n],
    "default 2": lambda text, n=2: text[:n],
    "constant 1": lambda text: text + "1",
    "constant 2": lambda text: text + "2",
    "inner constant 1": lambda text: [one + "1" for one in text],
    "inner constant 2": lambda text: [one + "2" for one in text],
    "keyword default": lambda text, *, n=1: text[:n],
    "enum a": lambda text, k=Kind.A: text,
    "enum b": lambda text, k=Kind.B: text,
    "set": lambda text, k=frozenset({"b", "a"}): text,
    "set in the code": lambda text: text in {"one", "two", "three", "four"},
    "dict": lambda text, k=(("a", 1),): dict(k).get(text),
    "another function's name": lambda text: last_number(text),
    "yet another's": lambda text: normalised_text(text),
    "itself": recursive,
    "module": lambda text: json.dumps(text),
    "class": lambda text: str(Kind(text)),
}


def test_functions_that_differ_in_anything_have_different_identities():
    found = {name: identity(function) for name, function in FUNCTIONS.items()}
    assert None not in found.values()
    assert len(set(found.values())) == len(found)
    assert not any("0x" in one for one in found.values())


def test_the_same_function_made_again_has_the_same_identity():
    for make in (lambda: first(3), lambda: functools.partial(first, 3), lambda: Cut(3), lambda: Cut(3).method):
        assert identity(make()) == identity(make())


@pytest.mark.parametrize("function", [Plain(), functools.partial(print, object()), Plain().__call__])
def test_what_rests_on_an_object_has_none(function):
    assert identity(function) is None


def test_a_closure_over_an_object_has_none():
    secret = object()
    assert identity(lambda text: (secret, text)) is None


def test_a_function_that_was_edited_is_another():
    names: dict[str, object] = {}
    exec("def key(text): return text.lower()", names)
    before = identity(names["key"])
    exec("def key(text): return text.upper()", names)
    assert identity(names["key"]) != before


def test_what_a_function_calls_counts():
    names: dict[str, object] = {}
    exec("def inner(text): return text\ndef key(text): return inner(text)", names)
    before = identity(names["key"])
    exec("def inner(text): return text.lower()", names)
    assert identity(names["key"]) != before


def test_every_process_gives_the_same_identity():
    code = "from tests.unit_tests.test_identity import *; print([identity(f) for f in FUNCTIONS.values()])"
    path = os.pathsep.join(sys.path)
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": path},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].strip() != ""


def test_names_are_readable():
    assert name_of(str.lower) == "builtins.str.lower"
    assert name_of(last_number).endswith("test_identity.last_number")
    assert name_of(Plain()).endswith("Plain")
