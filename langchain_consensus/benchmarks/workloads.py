"""What is run: the public sets go in, the engine's own requests come out.

The requests of a scoring workload are those that `views.scored` makes of given candidates, in the model's `auto`
wording: both conditions of the generator, and both verdicts of the discriminator on every candidate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median_low
from typing import TYPE_CHECKING, Any

from langchain_consensus.benchmarks.data import claims, rows, sentences
from langchain_consensus.benchmarks.requests import fitted, scoring_requests, shortened
from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from langchain_consensus.benchmarks.data import Claim
    from langchain_consensus.benchmarks.subject import Subject
    from langchain_consensus.engine.base import ScoreRequest
    from langchain_consensus.prompts import Prompt

__all__ = ["DEFAULT_QUESTIONS", "WORKLOADS", "Workload", "arc", "mmlu5", "rag", "sample"]

CONTEXT_TOKENS, CANDIDATE_TOKENS, CANDIDATES = 2000, 48, 8
"""The shape of `rag`."""
PROMPT_TOKENS, DRAWS, NEW_TOKENS = 600, 8, 48
"""The shape of `sample`."""
DEFAULT_QUESTIONS = {"arc": 40, "mmlu5": 20, "rag": 4, "sample": 4, "candidates": 1}
_SHOTS, _LETTERS = 5, "ABCDEFGH"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What every method is asked to do.

    Attributes:
        name: Its name.
        questions: How many questions, contexts or prompts it is made of.
        requests: What is scored, for a scoring workload.
        prompts: What is drawn from, for a sampling workload.
        settings: How it is drawn, for a sampling workload.
        facts: What else a reader should know.
    """

    name: str
    questions: int
    requests: tuple[ScoreRequest, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    settings: SamplingSettings | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def arc(subject: Subject, data: Path, questions: int) -> Workload:
    """The first questions of ARC-Easy that have four options."""
    items = [row for row in rows(data, "arc_easy/dev.jsonl") if len(row["choices"]) == 4]
    taken = _first("arc", items, questions)
    asked = [(Question(text=row["question"]), row["choices"]) for row in taken]
    return Workload(name="arc", questions=questions, requests=scoring_requests(subject.wording, asked))


def mmlu5(subject: Subject, data: Path, questions: int) -> Workload:
    """Questions of one MMLU subject behind the five official examples, which are every question's `context`.

    Of the subjects with enough questions it is the one whose examples are of median length, so that neither a long
    header, which favours sharing, nor a short one is picked. Options are listed in examples and questions alike.
    """
    by_subject: dict[str, list[dict[str, Any]]] = {}
    for row in rows(data, "mmlu/dev.jsonl"):
        by_subject.setdefault(row["subject"], []).append(row)
    shots: dict[str, list[dict[str, Any]]] = {}
    for row in rows(data, "mmlu/fewshot.jsonl"):
        shots.setdefault(row["subject"], []).append(row)
    headers = {
        name: "\n\n".join(f"Question: {_with_options(row)}\nAnswer: {_right(row)}" for row in examples[:_SHOTS])
        for name, examples in shots.items()
        if len(by_subject.get(name, ())) >= questions
    }
    if not headers:
        most = max(map(len, by_subject.values()), default=0)
        msg = f"`questions` is {questions}; the largest subject in mmlu/dev.jsonl has {most}. Ask for fewer."
        raise InvalidInputError(msg)
    _, topic = median_low(sorted((len(header), name) for name, header in headers.items()))
    context = headers[topic] + "\n"
    asked = [
        (Question(text=_with_options(row), context=context), row["choices"]) for row in by_subject[topic][:questions]
    ]
    facts = {"subject": topic, "header_tokens": len(subject.tokens.plain_ids(context)), "header": "context"}
    return Workload(name="mmlu5", questions=questions, requests=scoring_requests(subject.wording, asked), facts=facts)


def rag(subject: Subject, data: Path, questions: int, *, candidates: int | None = None) -> Workload:
    """Claims of scifact, 2,000 tokens of abstracts each, and sentences of those abstracts as candidates.

    Args:
        subject: The model, whose tokenizer measures the lengths.
        data: The folder of the sets.
        questions: How many contexts.
        candidates: How many candidates for each, 8 by default; more than a context has come from the abstracts that
            follow it.
    """
    wanted = candidates or CANDIDATES
    asked = []
    lengths: list[int] = []
    for claim in _first("rag", claims(data), questions):
        context = _context(subject, claim, CONTEXT_TOKENS)
        lengths.append(len(subject.tokens.plain_ids(context)))
        texts = [shortened(subject.tokens, text, CANDIDATE_TOKENS) for text in sentences(claim.passages)]
        distinct = list(dict.fromkeys(texts))[:wanted]
        if len(distinct) < wanted:
            msg = f"`data` has {len(distinct)} sentences for {claim.text[:60]!r}, and {wanted} are needed."
            raise InvalidInputError(msg)
        asked.append((_claimed(claim, context), distinct))
    requests = scoring_requests(subject.wording, asked)
    facts = {"context_tokens": lengths, "candidates": wanted}
    return Workload(name="rag", questions=questions, requests=requests, facts=facts)


def sample(subject: Subject, data: Path, questions: int) -> Workload:
    """Prompts of 600 tokens from scifact, each with its own abstracts; eight draws of 48 tokens each."""
    wording, tokens = subject.wording, subject.tokens
    prompts = []
    for claim in _first("sample", claims(data), questions):

        def prompt(context: str, claim: Claim = claim) -> Prompt:
            return wording.generator_prompt(_claimed(claim, context), correctness=1)

        words = " ".join(claim.passages).split()
        context = fitted(words, lambda text: len(tokens.prompt_ids(prompt(text))), PROMPT_TOKENS)
        prompts.append(prompt(context))
    # No stop strings: every draw is 48 tokens long, on all sides.
    settings = SamplingSettings(n=DRAWS, max_new_tokens=NEW_TOKENS, temperature=1.0, top_p=0.9, top_k=50)
    facts = {"prompt_tokens": [len(tokens.prompt_ids(one)) for one in prompts], "n": DRAWS, "new_tokens": NEW_TOKENS}
    return Workload(name="sample", questions=questions, prompts=tuple(prompts), settings=settings, facts=facts)


WORKLOADS: dict[str, Callable[[Subject, Path, int], Workload]] = {
    "arc": arc,
    "mmlu5": mmlu5,
    "rag": rag,
    "sample": sample,
}
"""The workloads that are compared with peers, by name."""


def _first(name: str, items: Sequence[Any], questions: int) -> Sequence[Any]:
    if len(items) < questions:
        msg = f"`questions` is {questions}; there are {len(items)} for `{name}` in `data`. Ask for fewer."
        raise InvalidInputError(msg)
    return items[:questions]


def _claimed(claim: Claim, context: str) -> Question:
    return Question(text=f"What do the studies say about this claim? {claim.text}.", context=context)


def _context(subject: Subject, claim: Claim, length: int) -> str:
    words = " ".join(claim.passages).split()
    return fitted(words, lambda text: len(subject.tokens.plain_ids(text)), length)


def _with_options(row: dict[str, Any]) -> str:
    options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(_LETTERS, row["choices"], strict=False))
    return f"{row['question']}\n{options}"


def _right(row: dict[str, Any]) -> str:
    return str(row["choices"][row["answer_index"]])
