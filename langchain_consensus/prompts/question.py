"""`Question`: what is asked, apart from how it is worded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from langchain_consensus.prompts.messages import Message

__all__ = ["Question"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        text: The question itself.
        context: A passage that the answer should rest on, or `None`.
        choices: The options that the prompt lists, where the wording lists them.
        history: Earlier turns of the conversation, oldest first; a leading system message replaces the wording's own.
        since: What came after the question: the assistant's tool calls and their results.
        tools: What the assistant may call to find the answer; see `ChatPrompt`.
    """

    text: str
    context: str | None = None
    choices: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    since: tuple[Message, ...] = ()
    tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            msg = f"`question` is {self.text!r}; it must be a text with at least one visible character."
            raise InvalidInputError(msg)
