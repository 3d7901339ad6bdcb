"""Every item of a file, ranked: batches go through the pipeline, and each result is written as soon as it is there.

Batches are fixed chunks of the items in their order, whatever is written already, so that a run that was interrupted
and continued computes the very numbers of one that was not.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_consensus import __version__
from langchain_consensus.calibration.profile import read_profile
from langchain_consensus.candidates import given
from langchain_consensus.cli import engines
from langchain_consensus.cli.exits import FAILED
from langchain_consensus.cli.items import check_prompts, read_items, selected
from langchain_consensus.cli.output import OutputFile, Recorded
from langchain_consensus.cli.passes import Cluster, passed
from langchain_consensus.cli.pipeline import each_ranked
from langchain_consensus.cli.progress import progress_bar
from langchain_consensus.cli.records import item_record, write_line
from langchain_consensus.cli.show import messages, say, visible
from langchain_consensus.cli.summary import Tally
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import wording_named

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from langchain_consensus.cli.items import Item, ItemFile
    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.consensus import Consensus
    from langchain_consensus.ranking import Ranking

__all__ = ["FileJob", "RankWork", "rank_file"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileJob:
    """Which items are ranked and where the results go; see the options of `rank`."""

    input: Path
    output: Path | None
    limit: int | None
    shuffle_seed: int | None
    batch_size: int
    cluster: Cluster | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            msg = f"`batch_size` is {self.batch_size}; it must be a whole number of at least 1."
            raise InvalidInputError(msg)
        if self.output is not None and self.output.resolve() == self.input.resolve():
            msg = f"{self.output}: is the input; give another --output."
            raise InvalidInputError(msg)


@dataclass(frozen=True, kw_only=True, slots=True)
class RankWork:
    """Ranking as it is done with batches, here or on another machine."""

    settings: RunSettings
    consensus: Consensus | None

    def begin(self) -> Callable[[Sequence[Item]], list[dict[str, Any]]]:
        """Loads the model, and gives the function from items to their records."""
        consensus = self.consensus or self.settings.consensus()
        engines.load(consensus, cache_dir=self.settings.model.cache_dir)
        return lambda batch: _records(consensus, batch, self.settings.min_confidence)

    def portable(self) -> RankWork:
        """The same without the engine."""
        return replace(self, consensus=None)


def rank_file(job: FileJob, settings: RunSettings) -> int:
    """The exit code, after every item has its line and the summary is on stderr."""
    consensus = settings.consensus()
    file = read_items(job.input)
    items = selected(file.items, shuffle_seed=job.shuffle_seed, limit=job.limit)
    if settings.wording != "auto":
        check_prompts(file, wording_named(settings.wording))
    tally = Tally()
    with ExitStack() as stack:
        done: Collection[str] = ()
        write: Callable[[dict[str, Any]], None] = write_line
        if job.output is not None:
            output = stack.enter_context(OutputFile(job.output, _recorded(job, settings, file)))
            _count_written(tally, output, file)
            done, write = frozenset(output.written), output.write

        def finish(item: Item, record: dict[str, Any]) -> None:
            write(record)
            tally.add(record, item)

        try:
            _rank_missing(job, settings, consensus, items, done, finish)
        except KeyboardInterrupt:
            say(f"interrupted: {_how_to_go_on(job, tally)}")
            raise
    _conclude(tally, settings, job.output)
    return FAILED if tally.failed else 0


def _rank_missing(
    job: FileJob,
    settings: RunSettings,
    consensus: Consensus,
    items: Sequence[Item],
    done: Collection[str],
    finish: Callable[[Item, dict[str, Any]], None],
) -> None:
    batches = [items[start : start + job.batch_size] for start in range(0, len(items), job.batch_size)]
    batches = [batch for batch in batches if any(item.id not in done for item in batch)]
    if not batches:
        return
    work = RankWork(settings=settings, consensus=consensus)
    with progress_bar(to_terminal=job.output is None) as progress:
        task = progress.add_task("ranking", total=len(items), completed=sum(item.id in done for item in items))
        for batch, records in zip(batches, passed(work, batches, job.cluster), strict=True):
            for item, record in zip(batch, records, strict=True):
                if item.id in done:
                    continue
                if "error" in record:
                    problem = f"error: {job.input}:{item.line}: {item.id!r} failed: {record['error']}"
                    progress.console.print(visible(problem), soft_wrap=True)
                finish(item, record)
                progress.advance(task)


def _records(consensus: Consensus, batch: Sequence[Item], min_confidence: float | None) -> list[dict[str, Any]]:
    outcomes = each_ranked(lambda chunk: _rank(consensus, chunk), batch)
    return [
        item_record(item, outcome, min_confidence=min_confidence) for item, outcome in zip(batch, outcomes, strict=True)
    ]


def _rank(consensus: Consensus, items: Sequence[Item]) -> list[Ranking]:
    return consensus.rank([given(item.question, item.question.choices) for item in items])


def _recorded(job: FileJob, settings: RunSettings, file: ItemFile) -> Recorded:
    model = settings.model
    return Recorded(
        settings={
            "model": model.name,
            **{name: getattr(settings, name) for name in ("wording", "rule", "solver")},
            "dtype": model.dtype,
            "min_confidence": settings.min_confidence,
            **({"anchors": settings.anchors} if settings.anchors != "paper" else {}),
            **({"judges": list(settings.judges)} if settings.judges else {}),
            **({"rivals": settings.rivals} if settings.rivals else {}),
            **({} if settings.profile is None else {"profile": read_profile(settings.profile).digest}),
            **({"tokenizer": model.server.tokenizer} if model.server.base_urls else {}),
            "input_sha256": file.sha256,
            "shuffle_seed": job.shuffle_seed,
            "batch_size": job.batch_size,
        },
        notes={
            "langchain_consensus": __version__,
            "input": str(job.input),
            "device_map": model.device_map,
            "token_budget": model.token_budget,
            "base_urls": model.server.base_urls,
            "ray": None if job.cluster is None else job.cluster.address,
        },
    )


def _count_written(tally: Tally, output: OutputFile, file: ItemFile) -> None:
    by_id = {item.id: item for item in file.items}
    for name, record in output.written.items():
        try:
            tally.add(record, by_id[name])
        except (KeyError, TypeError, ValueError, AttributeError):
            msg = f"{output.path}: the result with `id` {name!r} is not as it was written; give another --output."
            raise InvalidInputError(msg) from None


def _how_to_go_on(job: FileJob, tally: Tally) -> str:
    if job.output is None:
        return f"{tally.done} items are written; with --output FILE a run can be continued."
    return f"{tally.done} items are in {job.output}; run the same command again to go on."


def _conclude(tally: Tally, settings: RunSettings, output: Path | None) -> None:
    if tally.scored:
        messages().print(tally.table(settings.rule))
    say(tally.sentence() + ("" if output is None else f", in {output}"))
