"""One call of a chat model: its conversation becomes a question, its ranking a message.

Knows the pipeline and LangChain's messages, and no model class.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from langchain_consensus.chat.answer_forms import call_forms, narrowed
from langchain_consensus.chat.call_formats import CallFormat
from langchain_consensus.chat.messages import to_message
from langchain_consensus.chat.tool_calls import json_key, reader, reply_key
from langchain_consensus.conversations import question_of
from langchain_consensus.engine import JsonForm
from langchain_consensus.files import json_of
from langchain_consensus.results import ConsensusResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.messages import AIMessage, BaseMessage

    from langchain_consensus.chat.options import ChatOptions
    from langchain_consensus.chat.tool_calls import Reply
    from langchain_consensus.consensus import Consensus
    from langchain_consensus.prompts import Question
    from langchain_consensus.ranking import Ranking

__all__ = ["ChatCall"]

_AS_JSON = "\nAnswer in JSON that follows this schema: "


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatCall:
    """What a call asks of the pipeline.

    Attributes:
        consensus: The pipeline, with the fields that the call overrides.
        options: Its tools, and what answers must look like.
        fits: Raises a `ValueError` for values (of JSON, or a call's arguments) that a class refuses; `None` takes all.
    """

    consensus: Consensus
    options: ChatOptions
    fits: Callable[[Any], Any] | None = None

    def question(self, messages: Sequence[BaseMessage]) -> Question:
        """What the conversation asks; both views are told the schema that an answer in JSON follows."""
        question = question_of(messages, tools=self.options.tools)
        if self.options.schema is None or not self.options.shows_schema:
            return question
        return replace(question, text=question.text + _AS_JSON + self.options.schema)

    def rank(self, questions: Sequence[Question]) -> list[Ranking]:
        """The rankings, in one batch; answers that make the same calls, or are the same JSON, are one candidate."""
        sampling = replace(self.consensus.sampling, grammar=self._forms())
        key, wording = self.consensus.answer_key, self.consensus.wording
        if self.options.schema is not None:
            key = json_key
        if self.options.tools:
            key = reply_key(self._reader(), key)
            wording = "chat_tools" if wording == "auto" and self.consensus.engine.is_chat else wording
        return replace(self.consensus, wording=wording, answer_key=key, sampling=sampling).ask(questions)

    def message(self, ranking: Ranking) -> AIMessage:
        """The best candidate that can be used: its calls can be run, its value fits; the best of all if there is none.

        Candidates that rank higher and are passed over for it are counted in the warnings.
        """
        result, read = ConsensusResult.of(ranking), self._reader()
        replies = [read(candidate.text) for candidate in result.answers]
        place = next((place for place, reply in enumerate(replies) if self._is_usable(reply)), 0)
        chosen = result.candidates[place].text
        broken = any(reply.broken for reply in replies[:place])
        why = "make no valid tool call" if broken else "do not fit the class that was asked for"
        return to_message(result.with_choice(place, chosen, passed_over=why), replies[place])

    def _is_usable(self, reply: Reply) -> bool:
        if reply.broken or self.fits is None:
            return not reply.broken
        try:
            self.fits(reply.calls[0].arguments if reply.calls else json_of(reply.text))
        except ValueError:
            return False
        return True

    def _format(self) -> CallFormat | None:
        return CallFormat.of(self.consensus.engine) if self.options.tools else None

    def _reader(self) -> Callable[[str], Reply]:
        return reader(self.options.tools, self._format())

    def _forms(self) -> tuple[JsonForm, ...]:
        """What an answer has to look like; nothing where the model decides."""
        tools, schema, call_format = self.options.tools, self.options.schema, self._format()
        forms: tuple[JsonForm, ...] = ()
        if call_format and (self.options.forced or schema is not None):
            names = self.options.forced or [json.loads(tool)["function"]["name"] for tool in tools]
            forms = call_forms(tools, names, call_format)
        if schema is not None:
            forms += (JsonForm(schema=json.dumps(narrowed(json.loads(schema)), ensure_ascii=False)),)
        return forms
