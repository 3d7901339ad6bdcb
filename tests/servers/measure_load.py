"""A load test: the same questions through a server with so many requests at once, and with so many more.

python -m tests.servers.measure_load --base-url http://localhost:8000/v1 --tokenizer Qwen/Qwen2.5-1.5B-Instruct \
    --input arc_easy/dev.jsonl --limit 100 --at-once 1 --at-once 32

Every line of the input has `question` and `choices`. Printed are wall time, requests and prompt tokens a second.
"""

import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from langchain_consensus import Consensus, OpenAICompatibleEngine, given
from langchain_consensus.cli.items import read_items


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a run took: tokens are those that the server says it computed, cached ones left out."""

    at_once: int
    questions: int
    seconds: float
    requests: int
    asked_tokens: int
    computed_tokens: int

    def __str__(self):
        return (
            f"{self.at_once:4d} at once: {self.questions} questions in {self.seconds:.1f} s, {self.requests} requests, "
            f"{self.computed_tokens} prompt tokens computed for {self.asked_tokens} asked about, "
            f"{self.computed_tokens / self.seconds:.0f} tokens/s, {self.questions / self.seconds:.2f} questions/s"
        )


def measure(base_urls, tokenizer, batch, at_once, **options):
    """The cost of ranking `batch` with `at_once` requests under way; the probe is not counted."""
    with OpenAICompatibleEngine(base_urls, tokenizer=tokenizer, max_concurrency=at_once, **options) as engine:
        engine.check()
        began = time.perf_counter()
        rankings = Consensus(engine=engine).rank(batch)
        seconds = time.perf_counter() - began
    usages = [ranking.usage for ranking in rankings]
    return Load(
        at_once=at_once,
        questions=len(batch),
        seconds=seconds,
        requests=sum(usage.forwards for usage in usages),
        asked_tokens=sum(usage.input_tokens for usage in usages),
        computed_tokens=sum(usage.computed_tokens for usage in usages),
    )


def marked(batch, mark):
    """The same questions as nobody has asked them yet, so that no run profits from a cache that another filled."""
    return [given(replace(one.question, text=mark + one.question.text), one.question.choices) for one in batch]


def main(
    base_url: Annotated[list[str], typer.Option()],
    tokenizer: Annotated[str, typer.Option()],
    input_file: Annotated[Path, typer.Option("--input")],
    limit: int = 100,
    at_once: Annotated[list[int] | None, typer.Option()] = None,
    model: str | None = None,
):
    """Measures and prints."""
    items = read_items(input_file).items[:limit]
    batch = [given(item.question, item.question.choices) for item in items]
    loads = []
    start = secrets.token_hex(3)
    for turn, number in enumerate(at_once or [1, 32]):
        loads.append(measure(base_url, tokenizer, marked(batch, f"({start}.{turn}) "), number, model=model))
        print(loads[-1], flush=True)
    print(f"ratio of the last to the first: {loads[0].seconds / loads[-1].seconds:.2f}")


if __name__ == "__main__":
    typer.run(main)
