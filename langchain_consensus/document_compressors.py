"""`ConsensusReranker`: a query and documents in, the relevant documents out, best first, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field, field_validator

from langchain_consensus.batched import BatchedRunnable, no_options
from langchain_consensus.documents.prior import RANK
from langchain_consensus.documents.reranking import Reranking
from langchain_consensus.documents.results import DocumentResult, document_results, with_evidence
from langchain_consensus.documents.shortlists import check_search, shortlist
from langchain_consensus.documents.wording import RelevanceWording, relevance_wording_named
from langchain_consensus.engine.limits import limits_of
from langchain_consensus.engine.worker import in_worker
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.settings import GameSettings
from langchain_consensus.tracing import StepRuns

if TYPE_CHECKING:
    from langchain_core.callbacks import Callbacks

    from langchain_consensus.documents.relevance import Shortlist
    from langchain_consensus.observation import Observer

__all__ = ["ConsensusReranker", "DocumentRanking"]

_KEYS = {"query", "documents"}


class ConsensusReranker(GameSettings, BaseDocumentCompressor):
    """Orders documents by a game over them: which are relevant to the query, which are not.

    Instantiate:
        ```python
        reranker = ConsensusReranker.from_model_id("Qwen/Qwen2.5-1.5B-Instruct", top_n=3, min_score=0.5)
        ```

    Use:
        ```python
        ContextualCompressionRetriever(base_compressor=reranker, base_retriever=retriever)
        reranker.compress_documents(documents, "What is the capital of Australia?")
        reranker.rerank(["Canberra is the capital.", "Sydney is large."], "What is the capital of Australia?")
        ```

    Documents are returned as copies with `metadata["relevance_score"]`, the judge's raw probability that the document
    is relevant, and `metadata["consensus"]`, a `DocumentResult` as plain JSON. Everything else of them is kept. A
    document longer than `passage_tokens` is cut into passages and is as relevant as the best of them; nothing is left
    out.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", use_attribute_docstrings=True)

    wording: str | RelevanceWording = "auto"
    """A preset's name, a `RelevanceWording`, or `auto`: `relevance` for a model with a chat template, `relevance_text`
    for one without."""
    top_n: int | None = Field(default=3, ge=1)
    """The most documents that are returned; `None` for all."""
    min_score: float | None = Field(default=None, ge=0, le=1)
    """Documents whose `relevance_score` is below this are left out, even if none is left."""
    passage_tokens: int = Field(default=512, ge=16)
    """Longest passage, in tokens of the model; longer documents are scored passage by passage."""
    prior: str | None = None
    """What the retriever thinks of the documents: `"rank"` (the order in which they come), the name of the metadata
    field that holds its score (higher is better), or `None` to leave it out."""
    prior_weight: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    """How much the prior counts; at 1 as much as each of the model's two views (see `game.with_prior`)."""

    @field_validator("wording")
    @classmethod
    def _check_wording(cls, wording: str | RelevanceWording) -> str | RelevanceWording:
        if isinstance(wording, str) and wording != "auto":
            relevance_wording_named(wording)
        return wording

    @field_validator("prior")
    @classmethod
    def _check_prior(cls, prior: str | None) -> str | None:
        if prior == "":
            msg = f"`prior` is ''; it must be {RANK!r}, the name of a metadata field, or None."
            raise InvalidInputError(msg)
        return prior

    def compress_documents(
        self,
        documents: Sequence[Document],
        query: str,
        callbacks: Callbacks | None = None,  # noqa: ARG002
    ) -> list[Document]:
        """Copies of the documents that are relevant, best first; none if none is.

        Args:
            documents: What a retriever found, in its order; for none the model is not called.
            query: What they may be relevant to.
            callbacks: LangChain passes them; scoring is no run of its own.

        Raises:
            InvalidInputError: A document or the query is no text, or a document lacks the prior's score.
            LimitExceededError: The engine's limits do not allow so many documents, or so many tokens.
        """
        return self.compress_batch([(query, documents)], StepRuns([None]))[0]

    async def acompress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> list[Document]:
        """As `compress_documents`, in a worker thread."""
        return await in_worker(self.engine, self.compress_documents, documents, query, callbacks)

    def rerank(
        self,
        documents: Sequence[str | Document],
        query: str,
        *,
        top_n: int | None = None,
        min_score: float | None = None,
    ) -> list[DocumentResult]:
        """The evidence for every document that is relevant, best first.

        Args:
            documents: Documents or their texts, in the retriever's order.
            query: What they may be relevant to.
            top_n: Instead of the field, for this call.
            min_score: Instead of the field, for this call.

        Raises:
            InvalidInputError: As `compress_documents`.
            ValidationError: An option breaks its field's rule.
        """
        given = {"top_n": top_n, "min_score": min_score}
        used = self._with({name: value for name, value in given.items() if value is not None})
        return used.relevant(self.rank_all([(query, documents)], StepRuns([None]))[0])

    async def arerank(
        self,
        documents: Sequence[str | Document],
        query: str,
        *,
        top_n: int | None = None,
        min_score: float | None = None,
    ) -> list[DocumentResult]:
        """As `rerank`, in a worker thread."""
        work = partial(self.rerank, documents, query, top_n=top_n, min_score=min_score)
        return await in_worker(self.engine, work)

    def relevant(self, results: Sequence[DocumentResult]) -> list[DocumentResult]:
        """Those of one query's results that are at least at `min_score`, and of them the first `top_n`."""
        least = 0.0 if self.min_score is None else self.min_score
        return [result for result in results if result.relevance_score >= least][: self.top_n]

    def as_runnable(self) -> DocumentRanking:
        """The reranker as a link of a chain: `{"query": ..., "documents": [...]}` in, documents out."""
        return DocumentRanking(reranker=self)

    def compress_batch(
        self, searches: Sequence[tuple[str, Sequence[Document]]], observer: Observer | None = None
    ) -> list[list[Document]]:
        """As `compress_documents` for many (query, documents) at once: one call of the engine."""
        for query, documents in searches:
            check_search(documents, query)
        return [
            [with_evidence(documents[result.index], result) for result in self.relevant(results)]
            for (_, documents), results in zip(searches, self.rank_all(searches, observer), strict=True)
        ]

    def rank_all(
        self, searches: Sequence[tuple[str, Sequence[str | Document]]], observer: Observer | None = None
    ) -> list[list[DocumentResult]]:
        """The evidence for every document of many (query, documents), relevant or not, best first.

        One call of the engine; without any documents none.
        """
        for query, documents in searches:
            check_search(documents, query, kinds=(str, Document))
            limits_of(self.engine).check_documents(len(documents))
        filled = [(query, documents) for query, documents in searches if documents]
        reranking = Reranking(
            engine=self.engine,
            wording=self.wording,
            rule=self.rule,
            solver=self.solver,
            prior_weight=self.prior_weight,
            observer=observer,
        )
        found = iter(reranking.rank([self._shortlist(query, documents) for query, documents in filled]))
        return [document_results(next(found)) if documents else [] for _, documents in searches]

    def _shortlist(self, query: str, documents: Sequence[str | Document]) -> Shortlist:
        def count(text: str) -> int:
            return len(self.engine.token_ids(text))

        return shortlist(query, documents, most_tokens=self.passage_tokens, count=count, prior=self.prior)

    def _with(self, options: Mapping[str, Any]) -> ConsensusReranker:
        """The same with some fields changed and checked; the engine is shared."""
        if not options:
            return self
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**fields | dict(options))


class DocumentRanking(BatchedRunnable[Mapping[str, Any], list[Document]]):
    """A `ConsensusReranker` as a runnable; a batch of queries is one batch on the device."""

    reranker: ConsensusReranker

    @property
    def _engine(self) -> Any:
        return self.reranker.engine

    def _many(
        self, inputs: Sequence[Mapping[str, Any]], options: Mapping[str, Any], observer: Observer
    ) -> list[list[Document]]:
        no_options(options)
        for one in inputs:
            if not isinstance(one, Mapping) or set(one) != _KEYS:
                given = list(one) if isinstance(one, Mapping) else type(one).__name__
                msg = f"The input is {given}; it must be a mapping with `query` and `documents`, and nothing else."
                raise InvalidInputError(msg)
        return self.reranker.compress_batch([(one["query"], one["documents"]) for one in inputs], observer)
