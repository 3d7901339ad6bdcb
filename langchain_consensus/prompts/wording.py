"""`Wording`: how the two views are asked. Templates and words go in, and it makes the prompts of a question."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts.messages import ChatPrompt, Message, TextPrompt

if TYPE_CHECKING:
    from langchain_consensus.prompts.messages import Prompt
    from langchain_consensus.prompts.question import Question

__all__ = ["Wording"]

_LETTERS = string.ascii_uppercase


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
