"""`grounded_qa`: a question in, an answer with the passages that support it out, or no answer.

question -> retriever -> reranker -> answers drawn and ranked with the passages in both views -> support
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from langchain_core.documents import Document
from langchain_core.runnables import Runnable, RunnableParallel, RunnablePassthrough
from pydantic import BaseModel, ConfigDict, Field, model_validator

from langchain_consensus.batched import BatchedRunnable, no_options
from langchain_consensus.document_compressors import ConsensusReranker
from langchain_consensus.documents.results import DocumentResult, with_evidence
from langchain_consensus.documents.shortlists import check_search
from langchain_consensus.documents.support import Answered, Support, supports
from langchain_consensus.engine import Usage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.observation import Step, watched
from langchain_consensus.prompts import Question, Wording
from langchain_consensus.result_parts import UsageResult
from langchain_consensus.results import ConsensusResult
from langchain_consensus.settings import SamplingFields

if TYPE_CHECKING:
    from langchain_consensus.consensus import Consensus
    from langchain_consensus.engine import Engine
    from langchain_consensus.observation import Observer
    from langchain_consensus.ranking import Ranking

__all__ = ["GroundedAnswer", "GroundedAnswering", "PassageSupport", "grounded_qa"]

_KEYS = {"question", "documents"}


class PassageSupport(BaseModel):
    """A passage that the answer was drawn with."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    document: Document
    """Where it is from, with the reranker's evidence in its metadata."""
    text: str
    """What it says: the document's most relevant passage, the whole document if that is short."""
    support: float
    """The judge's raw probability, 0 to 1, that this passage alone supports the answer; not calibrated."""


class GroundedAnswer(BaseModel):
    """An answer with the passages that support it; `model_dump(mode="json")` is plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    question: str
    answer: str | None
    """The best answer, or `None` if `abstained`."""
    abstained: bool
    reason: str | None
    """Why there is no answer, as a sentence; `None` if there is one."""
    support: tuple[PassageSupport, ...]
    """The passages that support the answer, the strongest first; empty if `abstained`."""
    passages: tuple[PassageSupport, ...]
    """All passages that the answer was drawn with, the most relevant first."""
    result: ConsensusResult[Any] | None
    """Every candidate with both views; `None` if no passage was relevant and nothing was drawn."""
    usage: UsageResult
    """What reranking, drawing, scoring and judging the support took."""


def grounded_qa(
    retriever: Runnable[str, list[Document]], engine: Engine, **settings: Any
) -> Runnable[str, GroundedAnswer]:
    """A chain from a question to a `GroundedAnswer`; a batch of questions is one batch on the device.

    Args:
        retriever: Any retriever.
        engine: The model that reranks, answers and judges.
        **settings: The fields of `GroundedAnswering`, such as `reranker`, `min_support` or `num_candidates`.
    """
    found = RunnableParallel({"question": RunnablePassthrough(), "documents": retriever})
    chain = found | GroundedAnswering.from_engine(engine, **settings)
    return chain.with_types(input_type=str, output_type=GroundedAnswer)


class GroundedAnswering(SamplingFields, BatchedRunnable[Mapping[str, Any], GroundedAnswer]):
    """`grounded_qa` after the retriever: `{"question": ..., "documents": [...]}` in, a `GroundedAnswer` out."""

    reranker: ConsensusReranker | None = None
    """Which documents are used; `None` is a `ConsensusReranker` on the same engine with its defaults."""
    min_support: float = Field(default=0.5, ge=0, le=1)
    """The support from which a passage supports an answer; without such a passage there is no answer."""

    @model_validator(mode="after")
    def _check_context(self) -> Self:
        if isinstance(self.wording, Wording) or self.wording != "auto":
            # A wording that shows no passages would answer from memory and call it grounded.
            asked = Question(text="?", context="?", choices=("?",))
            self._consensus().used_wording().generator_prompt(asked, correctness=1)
        return self

    @property
    def _engine(self) -> Any:
        return self.engine

    def _many(
        self, inputs: Sequence[Mapping[str, Any]], options: Mapping[str, Any], observer: Observer
    ) -> list[GroundedAnswer]:
        no_options(options)
        for one in inputs:
            if not isinstance(one, Mapping) or set(one) != _KEYS:
                given = list(one) if isinstance(one, Mapping) else type(one).__name__
                msg = f"The input is {given}; it must be a mapping with `question` and `documents`, and nothing else."
                raise InvalidInputError(msg)
        found = self._found(inputs, observer)
        answers = iter(self._answers([one for one in found if one.relevant], observer))
        return [next(answers) if one.relevant else self._nothing_relevant(one) for one in found]

    def _consensus(self, stop: Sequence[str] | None = None) -> Consensus:
        consensus = super()._consensus(stop)
        if self.wording != "auto":
            return consensus
        return replace(consensus, wording="rag_qa" if self.engine.is_chat else "rag_qa_text")

    def _found(self, inputs: Sequence[Mapping[str, Any]], observer: Observer) -> list[_Found]:
        """The relevant documents of every question."""
        questions = [Question(text=one["question"]) for one in inputs]
        for one in inputs:
            check_search(one["documents"], one["question"])
        reranker = self._used_reranker()
        results = reranker.rank_all([(one["question"], one["documents"]) for one in inputs], observer)
        return [
            _Found(question=question, documents=one["documents"], ranked=ranked, relevant=reranker.relevant(ranked))
            for question, one, ranked in zip(questions, inputs, results, strict=True)
        ]

    def _used_reranker(self) -> ConsensusReranker:
        return self.reranker or ConsensusReranker.from_engine(self.engine)

    def _answers(self, found: Sequence[_Found], observer: Observer) -> list[GroundedAnswer]:
        """The answers to the questions that have relevant documents."""
        if not found:
            return []
        consensus = replace(self._consensus(), observer=observer)
        rankings = consensus.ask([replace(one.question, context=_context(one.passages)) for one in found])
        answered = [
            Answered(question=one.question, answer=ranking.answer, passages=one.passages)
            for one, ranking in zip(found, rankings, strict=True)
        ]
        with watched(observer, Step(name="scoring", questions=len(answered))) as done:
            support = supports(self.engine, consensus.used_wording(), answered)
            done(usages=[one.usage for one in support])
        return [self._answer(*one) for one in zip(found, rankings, support, strict=True)]

    def _answer(self, found: _Found, ranking: Ranking, support: Support) -> GroundedAnswer:
        passages = [
            PassageSupport(
                document=with_evidence(found.documents[result.index], result), text=text, support=probability
            )
            for result, text, probability in zip(found.relevant, found.passages, support.probabilities, strict=True)
        ]
        enough = sorted((one for one in passages if one.support >= self.min_support), key=lambda one: -one.support)
        reason = (
            f"No passage supports {ranking.answer!r}: the strongest support is {max(support.probabilities):.2f}, and "
            f"`min_support` is {self.min_support:.2f}."
        )
        return GroundedAnswer(
            question=found.question.text,
            answer=ranking.answer if enough else None,
            abstained=not enough,
            reason=None if enough else reason,
            support=tuple(enough),
            passages=tuple(passages),
            result=ConsensusResult.of(ranking),
            usage=UsageResult.of(found.usage + ranking.usage + support.usage),
        )

    def _nothing_relevant(self, found: _Found) -> GroundedAnswer:
        reason = "No document was found."
        if found.ranked:
            best, least = max(one.relevance_score for one in found.ranked), self._used_reranker().min_score
            reason = (
                f"No document is relevant: the best of {len(found.ranked)} has the score {best:.2f}, and the "
                f"reranker's `min_score` is {least}."
            )
        return GroundedAnswer(
            question=found.question.text,
            answer=None,
            abstained=True,
            reason=reason,
            support=(),
            passages=(),
            result=None,
            usage=UsageResult.of(found.usage),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A question with its documents, all of them ranked, and the relevant ones of these."""

    question: Question
    documents: Sequence[Document]
    ranked: Sequence[DocumentResult]
    relevant: Sequence[DocumentResult]

    @property
    def passages(self) -> tuple[str, ...]:
        """The most relevant passage of each relevant document."""
        return tuple(
            self.documents[one.index].page_content[one.passage.start : one.passage.end].strip() for one in self.relevant
        )

    @property
    def usage(self) -> Usage:
        """What reranking took."""
        return Usage(**self.ranked[0].usage.model_dump()) if self.ranked else Usage()


def _context(passages: Sequence[str]) -> str:
    return "\n\n".join(f"[{number}] {passage}" for number, passage in enumerate(passages, start=1))
