"""One call of a chat model: its options are read, its conversation becomes a question, its ranking a message.

Knows the pipeline and LangChain's messages, and no model class.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_consensus.conversations import question_of
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evidence import to_message
from langchain_consensus.results import ConsensusResult
from langchain_consensus.tool_calls import reader, reply_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages import AIMessage, BaseMessage

    from langchain_consensus.consensus import Consensus
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking import Ranking

__all__ = ["ChatCall", "ChatOptions", "with_own_names"]


def with_own_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with `max_tokens`, as chat models call it, under this package's name; a `None` is left out."""
    own = dict(options)
    longest = own.pop("max_tokens", None)
    if longest is not None:
        if own.get("max_new_tokens", longest) != longest:
            msg = "`max_tokens` and `max_new_tokens` are the same option and are given with different values; give one."
            raise InvalidInputError(msg)
        own["max_new_tokens"] = longest
    return {name: value for name, value in own.items() if value is not None or name not in {"temperature", "stop"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatOptions:
    """The keyword arguments of a call.

    Attributes:
        fields: Fields of the model that the call overrides.
        tools: What the assistant may call, as in `prompts.ChatPrompt`.
    """

    fields: Mapping[str, Any]
    tools: tuple[str, ...]

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> ChatOptions:
        """The options of `invoke`, `bind` and the like; `stream` is LangChain's own.

        Raises:
            InvalidInputError: If `tool_choice` would force a call.
        """
        fields = with_own_names(options)
        fields.pop("stream", None)
        tools, choice = fields.pop("tools", None) or (), fields.pop("tool_choice", None)
        if choice not in (None, "auto", "none"):
            msg = (
                f"`tool_choice` is {choice!r}; 'auto' and 'none' are supported. A call cannot be forced yet: ask for "
                "it in the prompt, or parse the answer with `ConsensusOutputParser(inner=PydanticOutputParser(...))`."
            )
            raise InvalidInputError(msg)
        shown = () if choice == "none" else tuple(json.dumps(tool, ensure_ascii=False) for tool in tools)
        return cls(fields=fields, tools=shown)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatCall:
    """What a call asks of the pipeline.

    Attributes:
        consensus: The pipeline, with the options of the call.
        tools: What the assistant may call; calls are candidates like any answer.
    """

    consensus: Consensus
    tools: tuple[str, ...] = ()

    def question(self, messages: Sequence[BaseMessage]) -> Question:
        """What the conversation asks."""
        return question_of(messages, tools=self.tools)

    def rank(self, questions: Sequence[Question]) -> list[Ranking]:
        """The rankings, in one batch; with tools, answers that make the same calls are one candidate."""
        if not self.tools:
            return self.consensus.ask(questions)
        auto = self.consensus.wording == "auto" and self.consensus.engine.is_chat
        key = reply_key(reader(self.tools), self.consensus.answer_key)
        wording = "chat_tools" if auto else self.consensus.wording
        return replace(self.consensus, wording=wording, answer_key=key).ask(questions)

    def message(self, ranking: Ranking) -> AIMessage:
        """The best candidate whose tool calls, if it makes any, can be run; the best of all if there is none."""
        result, read = ConsensusResult.of(ranking), reader(self.tools)
        replies = [read(candidate.text) for candidate in result.candidates]
        place = next((place for place, reply in enumerate(replies) if not reply.broken), 0)
        chosen = result.candidates[place].text
        return to_message(result.with_choice(place, chosen, passed_over="make no valid tool call"), replies[place])
