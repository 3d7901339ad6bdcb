"""The wordings that ship, by name."""

from __future__ import annotations

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts.wording import Wording

__all__ = ["PRESETS", "wording_named"]

_FROM_PASSAGES = "You answer questions from the passages that you are given, and from nothing else."
_JUDGE_ANSWER = "Proposed answer: {answer}\nIs the proposed answer correct? Reply Yes or No."

PRESETS: dict[str, Wording] = {
    wording.name: wording
    for wording in (
        Wording(
            name="chat_qa",
            kind="chat",
            ask_system="You answer questions.",
            ask="{context}Question: {question}\nGive the {condition} answer, and nothing else.",
            judge_system="You judge answers.",
            judge="{context}Question: {question}\n" + _JUDGE_ANSWER,
            conditions=("incorrect", "correct"),
            verdicts=("No", "Yes"),
        ),
        Wording(
            name="chat_tools",
            kind="chat",
            ask_system="You answer questions, with the help of functions where they are needed.",
            ask="{context}{question}\nGive the {condition} response, and nothing else.",
            judge_system="You judge answers.",
            judge="{context}Question: {question}\n" + _JUDGE_ANSWER,
            conditions=("incorrect", "correct"),
            verdicts=("No", "Yes"),
        ),
        Wording(
            name="agent_answer",
            kind="chat",
            ask_system="You answer questions from the results of tools.",
            ask="{context}Question: {question}\nGive the {condition} answer, and nothing else.",
            judge_system="You judge answers.",
            judge="{context}Question: {question}\n" + _JUDGE_ANSWER,
            conditions=("incorrect", "correct"),
            verdicts=("No", "Yes"),
            context_block="Tool results:\n{context}\n\n",
        ),
        Wording(
            name="tool_use",
            kind="chat",
            ask_system="You call tools to answer requests.",
            ask="{context}Request: {question}\nGive the {condition} tool call, and nothing else.",
            judge_system="You check the tool calls of an assistant before they run.",
            judge=(
                "{context}Request: {question}\nProposed tool call: {answer}\n"
                "Is this the right tool call for the request, with the right arguments? Reply Yes or No."
            ),
            conditions=("wrong", "right"),
            verdicts=("No", "Yes"),
            context_block="{context}\n\n",
        ),
        Wording(
            name="qa",
            kind="text",
            ask="{context}Question: {question}\n{condition}:",
            judge=(
                "{context}Question: {question}\nAnswer: {answer}\nIs this answer correct or incorrect? This answer is"
            ),
            conditions=("Incorrect Answer", "Answer"),
            verdicts=(" incorrect", " correct"),
            answer_lead=" ",
            stop=("\n",),
            length="sum",
        ),
        Wording(
            name="multiple_choice",
            kind="chat",
            ask_system="You answer questions.",
            ask=(
                "{context}Question: {question}\nOptions:\n{choices}\n"
                "Give the {condition} option's text, without its letter, and nothing else."
            ),
            judge_system="You judge answers.",
            judge="{context}Question: {question}\nOptions:\n{choices}\n" + _JUDGE_ANSWER,
            conditions=("incorrect", "correct"),
            verdicts=("No", "Yes"),
        ),
        # One system message for both views, so that the passages, which are long, are computed once for both.
        Wording(
            name="rag_qa",
            kind="chat",
            ask_system=_FROM_PASSAGES,
            ask="{context}Question: {question}\nGive the {condition} answer by the passages, and nothing else.",
            judge_system=_FROM_PASSAGES,
            judge=(
                "{context}Question: {question}\nProposed answer: {answer}\n"
                "Do the passages support the proposed answer? Reply Yes or No."
            ),
            conditions=("incorrect", "correct"),
            verdicts=("No", "Yes"),
            context_block="Passages:\n{context}\n\n",
        ),
        Wording(
            name="rag_qa_text",
            kind="text",
            ask="{context}Question: {question}\n{condition} by the passages:",
            judge=(
                "{context}Question: {question}\nAnswer: {answer}\n"
                "Do the passages support the answer, yes or no? They say"
            ),
            conditions=("Incorrect answer", "Correct answer"),
            verdicts=(" no", " yes"),
            context_block="Passages:\n{context}\n\n",
            answer_lead=" ",
            stop=("\n",),
            length="sum",
        ),
    )
}
"""The wordings that ship: `qa` and, with passages, `rag_qa_text` for base models, all others for chat models. The agent
middleware asks about final answers with `agent_answer`, and about tool calls with `tool_use`."""


def wording_named(name: str) -> Wording:
    """The preset called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists those that exist.
    """
    if name not in PRESETS:
        msg = f"`wording` is {name!r}; the presets are {sorted(PRESETS)}, or pass a `Wording` of your own."
        raise InvalidInputError(msg)
    return PRESETS[name]
