"""Verification of a final answer -> what happens next, and what of it is kept in the agent's state.

Every run ends: an answer goes back to the model at most `max_retries` times, then once to the fallback model, and then
`on_failure` decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage

from langchain_consensus.errors import LowConfidenceError
from langchain_consensus.evidence import EVIDENCE
from langchain_consensus.middleware.conversation import FEEDBACK_MARK
from langchain_consensus.middleware.state import progress_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.middleware.conversation import FinalAnswer
    from langchain_consensus.middleware.options import Options
    from langchain_consensus.verification import Verification

__all__ = ["Decision", "next_step", "reason_of", "update_of"]


class Decision(StrEnum):
    """What is done with an answer."""

    ACCEPTED = "accepted"
    RETRIED = "retried"
    HANDED_OVER = "handed_over"
    KEPT = "kept"
    REFUSED = "refused"


def reason_of(found: Verification, least: float) -> str:
    """Why an answer or a call is not accepted, as part of a sentence; empty if it is."""
    if found.confidence is None:
        return f"it could not be checked, because {found.problem}"
    if found.confidence >= least:
        return ""
    return f"a check gives it a probability of {found.confidence:.2f} of being right, and {least:.2f} is asked for"


def next_step(options: Options, found: Verification, *, rejected: int, handed_over: bool) -> Decision:
    """What is done with an answer.

    Args:
        options: Of the middleware.
        found: What the judge says.
        rejected: How many answers of this run were rejected before.
        handed_over: Whether the fallback model is answering.
    """
    if found.confidence is not None:
        if found.confidence >= options.min_confidence:
            return Decision.ACCEPTED
        if rejected < options.max_retries and not handed_over:
            return Decision.RETRIED
        if options.fallback_model is not None and not handed_over:
            return Decision.HANDED_OVER
    # A judge that cannot answer will not answer the next time either.
    return Decision.REFUSED if options.on_failure == "refuse" else Decision.KEPT


def update_of(options: Options, state: Mapping[str, Any], answer: FinalAnswer, found: Verification) -> dict[str, Any]:
    """The update of the agent's state that carries the decision out.

    Raises:
        LowConfidenceError: If the answer is not accepted, nothing is left to try, and `on_failure` is `error`.
    """
    progress = progress_of(state, options.name)
    attempts: list[dict[str, Any]] = progress["attempts"]
    handed_over = progress["handed_over"]
    decision = next_step(options, found, rejected=len(attempts), handed_over=handed_over)
    reason = reason_of(found, options.min_confidence)
    if options.on_failure == "error" and decision is Decision.KEPT:
        msg = f"The answer {answer.text[:200]!r} is not accepted: {reason}."
        raise LowConfidenceError(msg)
    attempt: dict[str, Any] = {
        "answer": answer.text,
        "confidence": found.confidence,
        "reason": reason,
        "ids": list(answer.ids),
    }
    record = _record(options, decision, found, [*attempts, attempt])
    if EVIDENCE in answer.message.response_metadata:  # the model's own ranking, which the message makes room for
        record["ranking"] = answer.message.response_metadata[EVIDENCE]
    update: dict[str, Any] = {"consensus": {options.name: record}}
    if decision in {Decision.RETRIED, Decision.HANDED_OVER}:
        feedback = _feedback(options, reason)
        attempt["ids"].append(feedback.id)
        handed_over = handed_over or decision is Decision.HANDED_OVER
        kept = {**progress, "attempts": [*attempts, attempt], "handed_over": handed_over}
        return {**update, "messages": [feedback], "jump_to": "model", "consensus_progress": {options.name: kept}}
    gone = [] if options.keep_drafts else [one for old in attempts for one in old["ids"]]
    if decision is Decision.REFUSED:
        gone += answer.ids
        # A message of its own: streams leave out what has an id that they have seen.
        last = AIMessage(options.refusal, id=str(uuid4()), response_metadata=_evidence(found, options.refusal))
        if answer.structured:
            update |= {"structured_response": None, "jump_to": "end"}
    else:
        carried = _evidence(found, answer.text, accepted=decision is Decision.ACCEPTED)
        metadata = answer.message.response_metadata | carried
        last = answer.message.model_copy(update={"response_metadata": metadata})
    return {**update, "messages": [*_removals(state["messages"], gone), last]}


def _feedback(options: Options, reason: str) -> HumanMessage:
    marks = {FEEDBACK_MARK: options.name}
    return HumanMessage(options.feedback.format(reason=reason), id=str(uuid4()), additional_kwargs=marks)


def _removals(messages: Sequence[Any], ids: Sequence[str]) -> list[RemoveMessage]:
    """A summary may have taken some of them already, and removing what is not there is an error."""
    there = {one.id for one in messages}
    return [RemoveMessage(id=one) for one in dict.fromkeys(ids) if one in there]


def _evidence(found: Verification, text: str, *, accepted: bool = False) -> dict[str, Any]:
    return {EVIDENCE: found.carried_by(text, accepted=accepted).model_dump(mode="json")}


def _record(
    options: Options, decision: Decision, found: Verification, attempts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "mode": "verify",
        "decision": decision.value,
        "confidence": found.confidence,
        "min_confidence": options.min_confidence,
        "reason": reason_of(found, options.min_confidence),
        "attempts": [{name: one[name] for name in ("answer", "confidence", "reason")} for one in attempts],
        "evidence": found.result.model_dump(mode="json"),
    }
