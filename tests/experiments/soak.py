"""Mixed traffic from many callers for a long time: is memory flat, is anything lost, mixed up or left open?

    python -m tests.experiments.soak --minutes 30 --model qwen2.5-coder-0.5b-instruct --state soak.json
    python -m tests.experiments.soak --minutes 5 --model tiny

Every caller asks one thing after the other: a chat model, a ranking of given candidates, a reranking, a verification;
some of it is bad input, and some is cancelled on the way. What is asked comes from a list whose answers were computed
alone beforehand, so that an answer that belongs to another question is seen. With `--state` a run that was interrupted
goes on where it was: the minutes add up, memory is judged for each process by itself. Memory is what the process does
not share with files: its weights are mapped, and which of their pages are resident is the system's business.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from langchain_consensus import ChatEquilibriumRanking, ConsensusRanker, ConsensusReranker, TransformersEngine
from langchain_consensus.engine.base import ScoreRequest
from langchain_consensus.errors import ConsensusError, InvalidInputError
from langchain_consensus.files import json_of, write_whole
from langchain_consensus.prompts import Question, wording_named

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

QUESTIONS = ["What is the capital of Australia?", "What is 7 times 8?", "Who painted the Mona Lisa?", "Is ice cold?"]
BAD = " "
"""What is asked where input is to be bad."""
CHOICES = [["Canberra", "Sydney"], ["56", "48", "54"], ["Leonardo da Vinci", "Picasso"], ["yes", "no"]]
PASSAGES = ["Canberra is the capital.", "Seven times eight is 56.", "Leonardo painted it.", "Ice is frozen water."]
TOLERANCE = 2e-3
"""How far a log-probability may be from the one that was computed alone: rounding, in float32."""
SETTLED = 0.3
"""The first part of a process's time, in which caches fill; memory is compared from there on."""
EVERY = 2.0
"""Seconds between two looks at the memory."""


@dataclass(kw_only=True)
class Told:
    """What a soak has seen, over all of its processes."""

    model: str
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    growths: list[float] = field(default_factory=list)
    """For each process, growth of its memory after it had settled, in MB."""
    memory: list[list[float]] = field(default_factory=list)
    """For each process, its memory in MB as each tenth of its time ended."""
    left_open: list[str] = field(default_factory=list)

    def passed(self) -> bool:
        """Whether nothing was lost, mixed up or left open, and memory grew by less than 50 MB."""
        return not self.wrong and not self.left_open and max(self.growths, default=0.0) < 50


@dataclass(frozen=True)
class Kind:
    """One kind of call: how it is made for question `number`, and what of its result must always be the same."""

    name: str
    call: Callable[[int], Awaitable[Any]]
    facts: Callable[[Any], Any]


def kinds(engine: Any) -> list[Kind]:
    """The calls that are mixed."""
    chat = ChatEquilibriumRanking(engine=engine, num_candidates=3, max_new_tokens=8)
    ranker, reranker = ConsensusRanker(engine=engine), ConsensusReranker(engine=engine, top_n=None)
    wording = wording_named("chat_qa")

    async def verify(number: int) -> Any:
        prompt = wording.discriminator_prompt(Question(text=QUESTIONS[number]), CHOICES[number][0])
        request = ScoreRequest(prompt=prompt, continuations=wording.verdicts)
        return await engine.worker.run(lambda: engine.score([request]))

    async def rerank(number: int) -> Any:
        return await engine.worker.run(lambda: reranker.rerank(PASSAGES, QUESTIONS[number]))

    return [
        Kind(
            "chat", lambda n: chat.ainvoke([*QUESTIONS, BAD][n]), lambda m: _of_result(m.response_metadata["consensus"])
        ),
        Kind(
            "rank",
            lambda n: ranker.ainvoke({"question": QUESTIONS[n], "candidates": CHOICES[n]}),
            lambda r: _of_result(r.model_dump(mode="json")),
        ),
        Kind("rerank", rerank, lambda found: sorted((one.index, one.discriminator.correct) for one in found)),
        Kind("verify", verify, lambda found: found.scores[0].logprobs.tolist()),
    ]


def _of_result(plain: dict[str, Any]) -> Any:
    """Texts and raw scores of all candidates, whatever their order: rounding may decide a tie."""
    return sorted(
        (one["text"], one["generator"]["correct"], one["discriminator"]["correct"]) for one in plain["candidates"]
    )


def same(a: Any, b: Any) -> bool:
    """Whether two facts are equal but for rounding."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= TOLERANCE * max(1.0, abs(a))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


async def caller(
    number: int, mixed: list[Kind], expected: dict[Any, Any], until: float, counts: Counter[str], wrong: list[str]
) -> None:
    """Asks until the time is over."""
    chance = random.Random(number * 7919 + time.time_ns() % 7919)
    while time.monotonic() < until:
        kind, which, what = chance.choice(mixed), chance.randrange(len(QUESTIONS)), chance.random()
        if what < 0.1:
            counts["invalid"] += 1
            await _invalid(mixed, wrong)
            continue
        task = asyncio.ensure_future(kind.call(which))
        if what < 0.25:
            await asyncio.sleep(chance.random() * 0.2)
            task.cancel()
        try:
            facts = kind.facts(await task)
        except asyncio.CancelledError:
            counts["cancelled"] += 1
            continue
        except ConsensusError as error:
            wrong.append(f"{kind.name} {which}: {type(error).__name__}: {error}")
            continue
        counts[kind.name] += 1
        if not same(facts, expected[kind.name, which]):
            wrong.append(f"{kind.name} {which}: {facts} and alone {expected[kind.name, which]}")


async def _invalid(mixed: list[Kind], wrong: list[str]) -> None:
    """Bad input must be refused, whoever else is being served."""
    try:
        await mixed[0].call(len(QUESTIONS))
    except InvalidInputError:
        return
    wrong.append("invalid: was answered")


async def watched(until: float, series: list[tuple[float, float]]) -> None:
    """Looks at the memory of this process now and then."""
    process = psutil.Process()
    while time.monotonic() < until:
        memory = process.memory_info()
        series.append((time.monotonic(), (memory.rss - getattr(memory, "shared", 0)) / 2**20))
        await asyncio.sleep(EVERY)


def grown(series: list[tuple[float, float]], began: float, ended: float) -> float:
    """Growth in MB from the first quarter after settling to the last quarter, each by its median."""
    settled = [size for when, size in series if when >= began + SETTLED * (ended - began)]
    quarter = max(len(settled) // 4, 1)
    return statistics.median(settled[-quarter:]) - statistics.median(settled[:quarter]) if settled else 0.0


def tenths(series: list[tuple[float, float]], began: float, ended: float) -> list[float]:
    """The memory in MB at the end of each tenth of the time, as far as it has been seen."""
    marks = [began + (ended - began) * part / 10 for part in range(1, 11)]
    seen = [[size for when, size in series if when <= mark] for mark in marks]
    return [round(sizes[-1], 1) for sizes in seen if sizes]


def engine_of(name: str) -> Any:
    """The engine: `tiny` is a random model made here."""
    if name != "tiny":
        return TransformersEngine(name)
    from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

    return TransformersEngine.from_model(tiny_model("qwen2"), tiny_tokenizer(), name="tiny")


def open_things() -> tuple[set[str], int]:
    """The threads and the number of open files of this process."""
    gc.collect()
    return {thread.name for thread in threading.enumerate()}, psutil.Process().num_fds()


async def soak(engine: Any, told: Told, *, callers: int, seconds: float, saved: Callable[[Told], None]) -> None:
    """Adds to `told` what this process sees."""
    mixed = kinds(engine)
    expected = {(k.name, n): k.facts(await k.call(n)) for k in mixed for n in range(len(QUESTIONS))}
    counts: Counter[str] = Counter(told.counts)
    began, before, series = time.monotonic(), told.seconds, []
    until = began + seconds
    told.growths.append(0.0)
    told.memory.append([])
    watching = asyncio.create_task(watched(until, series))
    asking = [asyncio.create_task(caller(n, mixed, expected, until, counts, told.wrong)) for n in range(callers)]
    while not all(task.done() for task in asking):
        await asyncio.sleep(5)
        told.seconds, told.counts = before + min(time.monotonic(), until) - began, dict(counts)
        told.growths[-1] = grown(series, began, time.monotonic())
        told.memory[-1] = tenths(series, began, min(time.monotonic(), until))
        saved(told)
    await asyncio.gather(watching, *asking)
    told.growths[-1], told.memory[-1] = round(grown(series, began, until), 1), tenths(series, began, until)
    told.seconds, told.counts = before + seconds, dict(counts)


def main() -> int:
    """The exit code: 1 if the soak did not pass."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=30.0, help="in all, over all processes of one --state")
    options.add_argument("--model", default="qwen2.5-coder-0.5b-instruct", help="or `tiny`")
    options.add_argument("--callers", type=int, default=16)
    options.add_argument("--state", type=Path, default=None, help="where a run that is interrupted can go on")
    asked = options.parse_args()
    told = Told(model=asked.model)
    if asked.state is not None and asked.state.exists():
        told = Told(**json_of(asked.state.read_bytes()))
        if told.model != asked.model:
            sys.exit(f"{asked.state} is of {told.model}; give another --state")

    def saved(one: Told) -> None:
        if asked.state is not None:
            write_whole(asked.state, json.dumps(asdict(one), indent=1))

    engine = engine_of(asked.model)
    engine.token_ids("ready")  # loads the model, and with it what stays open for good
    threads, files = open_things()
    left = asked.minutes * 60 - told.seconds
    if left > 0:
        asyncio.run(soak(engine, told, callers=asked.callers, seconds=left, saved=saved))
        getattr(engine, "close", lambda: None)()
        now, opened = open_things()
        # An engine without `close` keeps its one worker thread.
        extra = sorted(now - threads - {f"langchain-consensus_{n}" for n in range(1)})
        told.left_open += [f"thread {name}" for name in extra] + [f"{opened - files} files"] * (opened > files)
        saved(told)
    print(json.dumps(asdict(told), indent=1))
    print("passed" if told.passed() else "FAILED")
    return 0 if told.passed() else 1


if __name__ == "__main__":
    raise SystemExit(main())
