"""A query and documents as callers have them go in, checked; the `Shortlist` that the pipeline ranks comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document

from langchain_consensus.documents.passages import split
from langchain_consensus.documents.prior import standardised
from langchain_consensus.documents.relevance import Shortlist
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["check_search", "shortlist"]


def check_search(documents: Any, query: Any, *, kinds: tuple[type[str | Document], ...] = (Document,)) -> None:
    """Raises `InvalidInputError` unless `query` is a visible text and `documents` a list of visible `kinds`."""
    if not isinstance(query, str) or not query.strip():
        msg = f"`query` is {query!r}; it must be a text with at least one visible character."
        raise InvalidInputError(msg)
    if isinstance(documents, str) or not isinstance(documents, Sequence):
        msg = f"`documents` is {type(documents).__name__}; it must be a list of documents."
        raise InvalidInputError(msg)
    for index, document in enumerate(documents):
        if not isinstance(document, kinds):
            wanted = " or ".join(f"`{kind.__name__}`" for kind in kinds)
            msg = f"`documents[{index}]` is {type(document).__name__}; it must be {wanted}."
            raise InvalidInputError(msg)
        if not _text(document).strip():
            msg = f"`documents[{index}]` has no visible character; leave it out, there is nothing to rank."
            raise InvalidInputError(msg)


def shortlist(
    query: str,
    documents: Sequence[str | Document],
    *,
    most_tokens: int,
    count: Callable[[str], int],
    prior: str | None,
) -> Shortlist:
    """The documents in passages, with what the retriever thinks of them.

    Args:
        query: What they may be relevant to.
        documents: At least one, as `check_search` allows.
        most_tokens: Longest passage; see `passages.split`.
        count: How many tokens a text has.
        prior: As in `prior.standardised`, or `None` for none.

    Raises:
        InvalidInputError: A document lacks the prior's score.
    """
    return Shortlist(
        query=query.strip(),
        documents=tuple(tuple(split(_text(one), most_tokens=most_tokens, count=count)) for one in documents),
        prior=None if prior is None else tuple(standardised(documents, prior)),
    )


def _text(document: str | Document) -> str:
    return document if isinstance(document, str) else document.page_content
