"""The wording of the two views, as data.

A `Question` and a `Wording` go in; the prompts that the model reads come out. The module knows no model, no tokenizer
and no game: whether a prompt is a chat or plain text is all that it says about rendering.

The generator is asked the question under a *condition* (give the correct, or the incorrect, answer); the discriminator
is shown a proposed answer and gives a *verdict*, one of two words. In every prompt what is long and shared comes first
(context, question, condition, answer, verdict), so that an engine can compute it once.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from langchain_consensus.errors import InvalidInputError

__all__ = [
    "PRESETS",
    "ChatPrompt",
    "Message",
    "Prompt",
    "Question",
    "TextPrompt",
    "ToolCall",
    "Wording",
    "wording_named",
]

_LETTERS = string.ascii_uppercase


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call that the assistant made: the tool's name, and its arguments as the text of a JSON object."""

    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a chat: what was said, the assistant's tool calls, or (role `tool`) what the tool `name` returned."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatPrompt:
    """Turns that end before the assistant's answer; an engine renders them through the model's own chat template.

    Attributes:
        messages: The turns.
        tools: What the assistant may call: JSON texts of function schemas as OpenAI's API has them. The template shows
            them, and the markers of tool calls are tokens of their own in what the assistant answers.
    """

    messages: tuple[Message, ...]
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPrompt:
    """Plain text that the model continues, as base models are asked."""

    text: str


Prompt = ChatPrompt | TextPrompt


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


class Wording(BaseModel):
    """How the two views are asked; frozen, and checked when it is made.

    Templates use `{question}`, `{condition}`, `{answer}` (in `judge`), `{context}` (the block that `context_block`
    makes of the question's context, empty without one) and `{choices}` (the listed options). Nothing that a user or
    a model wrote is ever treated as a template.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """A short name; it is stored with every result."""
    kind: Literal["chat", "text"]
    """`chat` is rendered through the model's chat template, `text` is continued as it stands."""
    ask: str
    """The generator's template."""
    judge: str
    """The discriminator's template; it holds `{answer}`."""
    conditions: tuple[str, str]
    """What `{condition}` becomes in `ask`: (incorrect, correct)."""
    verdicts: tuple[str, str]
    """The words whose probabilities are the verdict: (incorrect, correct). They continue the prompt as they stand."""
    ask_system: str = ""
    """The system message of the generator's chat; empty for none."""
    judge_system: str = ""
    """The system message of the discriminator's chat; empty for none."""
    context_block: str = "Context: {context}\n"
    """How a context is shown, where there is one."""
    answer_lead: str = ""
    """What stands between the prompt and an answer when it is scored: a space for most text wordings."""
    answer_as: Literal["text", "letter"] = "text"
    """Whether the generator's candidates are the answers' texts or the letters of the listed choices."""
    length: Literal["sum", "mean"] = "mean"
    """Whether a candidate's log-probability is summed over its tokens or averaged."""
    end_token: bool = False
    """Whether the model's end-of-turn token counts as part of a candidate."""
    stop: tuple[str, ...] = ()
    """Strings that end a sampled answer."""

    @model_validator(mode="after")
    def _check_templates(self) -> Self:
        needed = {"ask": {"question", "condition"}, "judge": {"question", "answer"}, "context_block": {"context"}}
        optional = {"ask": {"context", "choices"}, "judge": {"context", "choices"}, "context_block": set[str]()}
        for field, names in needed.items():
            try:
                used, allowed = _fields_of(getattr(self, field)), names | optional[field]
            except ValueError as error:
                msg = f"`{field}` of wording {self.name!r}: {error}. A brace that is part of the text is written twice."
                raise ValueError(msg) from None
            for name in sorted(used - allowed):
                msg = f"`{field}` of wording {self.name!r} uses {{{name}}}; it may use {sorted(allowed)} as they stand."
                raise ValueError(msg)
            for name in sorted(names - used):
                msg = f"`{field}` of wording {self.name!r} has no {{{name}}}; the view cannot be asked without it."
                raise ValueError(msg)
        if self.answer_as == "letter" and "choices" not in _fields_of(self.ask):
            msg = f"Wording {self.name!r} answers by letter and `ask` has no {{choices}} that would show the letters."
            raise ValueError(msg)
        if self.verdicts[0] == self.verdicts[1] or self.conditions[0] == self.conditions[1]:
            msg = f"`verdicts` and `conditions` of wording {self.name!r} must each hold two different texts."
            raise ValueError(msg)
        return self

    def generator_prompt(self, question: Question, correctness: int) -> Prompt:
        """The prompt under which a candidate is generated; `correctness` is 0 (incorrect) or 1 (correct)."""
        text = self.ask.format(condition=self.conditions[correctness], **self._fields(question))
        return self._prompt(question, self.ask_system, (Message(role="user", content=text), *question.since))

    def discriminator_prompt(self, question: Question, answer: str) -> Prompt:
        """The prompt under which the verdict on `answer` is given."""
        verdict = Message(role="user", content=self.judge.format(answer=answer, **self._fields(question)))
        asked = (Message(role="user", content=question.text), *question.since) if question.since else ()
        return self._prompt(question, self.judge_system, (*asked, verdict))

    def continuation(self, question: Question, answer: str) -> str:
        """The text whose log-probability is the generator's score of `answer`."""
        if self.answer_as == "text":
            return self.answer_lead + answer
        if answer not in question.choices:
            msg = f"Wording {self.name!r} answers by letter, and {answer!r} is not among the question's `choices`."
            raise InvalidInputError(msg)
        return self.answer_lead + _LETTERS[question.choices.index(answer)]

    def _fields(self, question: Question) -> dict[str, str]:
        shown = [part for part in (self.ask, self.judge) if "context" in _fields_of(part)]
        if question.context is not None and len(shown) < 2:
            msg = (
                f"The question has a `context`, and wording {self.name!r} has no {{context}} in both `ask` and "
                "`judge`; use one that has."
            )
            raise InvalidInputError(msg)
        lists = "choices" in _fields_of(self.ask) | _fields_of(self.judge)
        if lists and not 0 < len(question.choices) <= len(_LETTERS):
            msg = (
                f"Wording {self.name!r} lists the choices and the question has {len(question.choices)}; give 1 to "
                f"{len(_LETTERS)} `choices`, or use a wording without {{choices}}."
            )
            raise InvalidInputError(msg)
        block = "" if question.context is None else self.context_block.format(context=question.context)
        listed = "\n".join(f"{letter}. {choice}" for letter, choice in zip(_LETTERS, question.choices, strict=False))
        return {"question": question.text, "context": block, "choices": listed}

    def _prompt(self, question: Question, system: str, turns: tuple[Message, ...]) -> Prompt:
        if self.kind == "text":
            for field, said in (("history", "a `history`"), ("since", "tool results `since`"), ("tools", "`tools`")):
                if getattr(question, field):
                    msg = f"The question has {said}, and wording {self.name!r} is plain text; use a chat wording."
                    raise InvalidInputError(msg)
            return TextPrompt(text=turns[-1].content)
        history = question.history
        if system and not (history and history[0].role == "system"):
            history = (Message(role="system", content=system), *history)
        return ChatPrompt(messages=(*history, *turns), tools=question.tools)


def _fields_of(template: str) -> set[str]:
    """What stands in the template's braces, with any format that is asked for."""
    return {
        name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        for _, name, spec, conversion in string.Formatter().parse(template)
        if name is not None
    }


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
