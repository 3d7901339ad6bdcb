"""Fuzzes every parser of files and text that strangers can write; anything but a documented error is a finding.

    python -m tests.experiments.fuzz --inputs 10000
    python -m tests.experiments.fuzz --inputs 10000 --parser results --parser task --seed 1

Hypothesis makes the inputs: arbitrary bytes, and sound files of which a few places are replaced, removed, repeated,
nested or cut. A finding is made as small as possible, printed, and ends that parser's run; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st

from tests.experiments.fuzz_parsers import PARSERS

DEEP = [None]
for _ in range(50):
    DEEP = [DEEP]

# --- values ---

NUMBERS = st.one_of(
    st.integers(-3, 40),
    st.sampled_from([2**31, -(2**63), 10**400, 1e308, -1e-320, float("nan"), float("inf"), float("-inf"), -0.0]),
    st.floats(width=32),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("", " ", "\0", "\ud800", "\u202e", "\ue000", "a\nb", "x" * 5000, "1", "1e999", "Yes", "{", "{question}"),
            *("<|im_end|>", "</script>", "../../etc/passwd", "__class__", "$ref", "trust_remote_code"),
        ]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.just(DEEP))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)


@st.composite
def mutated(draw: st.DrawFn, sound: Any) -> Any:
    """`sound`, plain JSON, with up to three of its places replaced, removed, doubled or renamed."""
    value = copy.deepcopy(sound)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(value))
        if not places:
            return copy.deepcopy(draw(VALUES))
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "rename"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(VALUES))  # it may be changed in its turn
            case "remove":
                del holder[key]
            case "double" if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case _ if isinstance(holder, dict):
                holder[draw(TEXTS)] = holder.pop(key)
    return value


def _places(value: Any) -> Any:
    """Every (holder, key) of a plain value, from the outside in."""
    inner = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, one in list(inner):
        yield value, key
        yield from _places(one)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with a piece cut out, doubled, overwritten or put in."""
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"", b"[" * 3000, b"\xff", b"\r\n", b'"', b"NaN"]))
        )
        data = data[:start] + piece + data[end:]
    return data


def as_lines(values: list[Any]) -> bytes:
    """JSON lines, with what JSON does not have as Python writes it."""
    return "\n".join(json.dumps(value, default=str) for value in values).encode("utf-8", "surrogatepass") + b"\n"


def files_of(sound: list[Any]) -> st.SearchStrategy[bytes]:
    """JSONL files: mostly mutated values, sometimes damaged bytes, sometimes anything at all."""
    lines = mutated(sound).map(lambda value: as_lines(value if isinstance(value, list) else [value]))
    return st.one_of(lines, lines, lines.flatmap(damaged), damaged(as_lines(sound)), st.binary(max_size=60))


def inputs_of(parser: Any) -> st.SearchStrategy[Any]:
    """What a parser is tried on."""
    if parser.kind == "lines":
        return files_of(parser.sound)
    if parser.kind == "value":
        return st.one_of(mutated(parser.sound), mutated(parser.sound), VALUES)
    if parser.kind == "bytes":
        return st.one_of(damaged(parser.sound), damaged(parser.sound), st.binary(max_size=60))
    return st.one_of(
        st.text(max_size=200),
        damaged(parser.sound.encode()).map(lambda data: data.decode("utf-8", "surrogateescape")),
        st.lists(st.sampled_from(parser.pieces), max_size=10).map("".join),
    )


# --- the run ---


def fuzzed(parser: Any, *, inputs: int, number: int, folder: Path) -> tuple[Counter[str], str]:
    """How often the parser ended in which way, and the finding, if there is one."""
    ends: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(inputs_of(parser))
    def attempt(value: Any) -> None:
        try:
            parser.read(value, folder)
        except parser.errors as error:
            ends[type(error).__name__] += 1
        else:
            ends["read"] += 1

    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
        several = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
        return ends, "\n".join(_told(one) for one in several)
    return ends, ""


def _told(error: BaseException) -> str:
    notes = "\n".join(getattr(error, "__notes__", ()))
    where = "".join(traceback.format_tb(error.__traceback__)[-2:])
    return f"{type(error).__name__}: {error}\n{where}{notes}"


def main() -> int:
    """The exit code: 1 if anything was found."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--inputs", type=int, default=10_000, help="for each parser")
    options.add_argument("--parser", action="append", choices=sorted(PARSERS), help="all of them by default")
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    warnings.simplefilter("error")  # a number that overflowed on the way is a finding too
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", message=".*beta.*")
    found = 0
    for name in asked.parser or sorted(PARSERS):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            ends, finding = fuzzed(
                PARSERS[name],
                inputs=max(int(asked.inputs * PARSERS[name].share), 1),
                number=asked.seed,
                folder=Path(folder),
            )
        told = ", ".join(f"{end} {count:,}" for end, count in ends.most_common())
        print(f"{name}: {ends.total():,} inputs in {time.perf_counter() - began:.0f} s: {told}", flush=True)
        if finding:
            found += 1
            print(f"FOUND in {name}: {finding}", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
