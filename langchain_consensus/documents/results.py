"""Ranked documents as plain data: what the reranker hands out, and writes into the metadata of its documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from langchain_consensus.evidence import EVIDENCE
from langchain_consensus.ranking import Rule
from langchain_consensus.result_parts import GeneratorScores, Score, SolverResult, UsageResult, VerdictScores

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from langchain_consensus.documents.reranking import RankedShortlist
    from langchain_consensus.ranking import RankedCandidate

__all__ = ["DocumentResult", "PassageSpan", "document_results", "with_evidence"]


class PassageSpan(BaseModel):
    """Which characters of a document stood for it, from `start` to before `end`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    start: int
    end: int


class DocumentResult(BaseModel):
    """One document of a query with the evidence for its place; `model_dump(mode="json")` is plain JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    index: int
    """Its index among the documents that were given, from 0."""
    rank: int
    """Its place, from 0, among all that were given."""
    relevance_score: float
    """The judge's raw probability, 0 to 1, that the document is relevant. It depends on the query and the document
    alone, so scores of different queries can be compared; it is not calibrated."""
    passage: PassageSpan
    """The passage that the judge found most relevant; all numbers are of it."""
    generator: GeneratorScores
    """Log-probability of the query with the passage in sight (`correct`) and without it (`incorrect`)."""
    discriminator: VerdictScores
    prior: float | None
    """The retriever's score or rank, in standard deviations, or `None` where no prior was asked for."""
    scores: dict[Rule, Score]
    """The document's score under every rule; the game's policies depend on the other documents too."""
    rule: Rule
    """By which score the documents are ordered."""
    agreement: float
    """How much of their probability the two views put on the same documents before the game, 0 to 1."""
    solver: SolverResult
    warnings: tuple[str, ...]
    """What a reader should know of this query's ranking."""
    wording: str
    model: str
    usage: UsageResult
    """What scoring all documents of the query took."""


def document_results(found: RankedShortlist) -> list[DocumentResult]:
    """The plain form of a query's documents, best first."""
    ranking = found.ranking
    return [_result(found, candidate, rank) for rank, candidate in enumerate(ranking.candidates)]


def with_evidence(document: Document, result: DocumentResult) -> Document:
    """A copy of the document with the evidence in its metadata; everything else, its id too, is kept."""
    added = {"relevance_score": result.relevance_score, EVIDENCE: result.model_dump(mode="json")}
    return document.model_copy(update={"metadata": {**document.metadata, **added}})


def _result(found: RankedShortlist, candidate: RankedCandidate, rank: int) -> DocumentResult:
    ranking, index = found.ranking, candidate.position
    return DocumentResult(
        index=index,
        rank=rank,
        relevance_score=candidate.verdict,
        passage=PassageSpan(start=found.passages[index].start, end=found.passages[index].end),
        generator=GeneratorScores(
            correct=candidate.generator_correct, incorrect=candidate.generator_incorrect, tokens=candidate.tokens
        ),
        discriminator=VerdictScores(correct=candidate.verdict_correct, incorrect=candidate.verdict_incorrect),
        prior=None if found.prior is None else found.prior[index],
        scores=dict(candidate.scores),
        rule=ranking.rule,
        agreement=ranking.agreement,
        solver=SolverResult.of(ranking.solver),
        warnings=ranking.warnings,
        wording=ranking.wording,
        model=ranking.model,
        usage=UsageResult.of(ranking.usage),
    )
