"""One explained question: options go in, a page is written, whole or not at all, and the exit code comes out."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.candidates import given
from langchain_consensus.cli import engines
from langchain_consensus.cli.exits import ABSTAINED
from langchain_consensus.cli.pipeline import check_text
from langchain_consensus.cli.show import print_lines, visible
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.files import write_whole
from langchain_consensus.prompts import Question
from langchain_consensus.report import check_installed, explain_html, is_page

if TYPE_CHECKING:
    from pathlib import Path

    from langchain_consensus.cli.pipeline import RunSettings
    from langchain_consensus.engine.base import SamplingSettings

__all__ = ["ExplainJob", "write_explanation"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainJob:
    """What is asked, and where the page goes; without candidates, they are drawn."""

    question: str
    candidates: tuple[str, ...]
    context: str | None
    output: Path
    force: bool


def write_explanation(job: ExplainJob, sampling: SamplingSettings, settings: RunSettings) -> int:
    """Ranks the question's candidates and writes the page; everything that can be refused is, before a model loads."""
    question = Question(
        text=check_text("question", job.question),
        context=None if job.context is None else check_text("context", job.context),
        choices=tuple(check_text("candidate", text) for text in job.candidates),
    )
    _check_output(job.output, force=job.force)
    check_installed()
    consensus = settings.consensus(sampling)
    if settings.wording != "auto":
        consensus.used_wording().generator_prompt(question, correctness=1)  # raises where it cannot be asked so
    engines.load(consensus, cache_dir=settings.model.cache_dir)
    before = time.perf_counter()
    if job.candidates:
        [ranking] = consensus.rank([given(question, job.candidates)])
    else:
        [ranking] = consensus.ask([question])
    seconds = time.perf_counter() - before
    page = explain_html(ranking, seconds=seconds, min_confidence=settings.min_confidence)
    write_whole(job.output, page)
    below = settings.min_confidence is not None and ranking.confidence < settings.min_confidence
    answer = "no answer: confidence too low" if below else visible(ranking.answer)
    print_lines(f"-> {answer}  (rule {ranking.rule}, confidence {ranking.confidence:.2f})", f"wrote {job.output}")
    return ABSTAINED if below else 0


def _check_output(path: Path, *, force: bool) -> None:
    """Refuses a place that cannot be written, and a file that holds something else."""
    if not path.parent.is_dir():
        msg = f"`output` is {str(path)!r}; its folder does not exist. Make it, or give another --output."
        raise InvalidInputError(msg)
    if not os.access(path.parent, os.W_OK):
        msg = f"`output` is {str(path)!r}; nothing can be written into its folder. Give another --output."
        raise InvalidInputError(msg)
    if path.exists() and not path.is_file():
        msg = f"`output` is {str(path)!r}; it is no regular file. Give another --output."
        raise InvalidInputError(msg)
    if path.exists() and not force:
        with path.open("rb") as file:
            beginning = file.read(4096).decode("utf-8", "replace")
        if not is_page(beginning):
            msg = (
                f"`output` is {str(path)!r}; it exists and is no page of this command. Give another --output, or "
                "overwrite it with --force."
            )
            raise InvalidInputError(msg)
