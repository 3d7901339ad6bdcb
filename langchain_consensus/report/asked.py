"""The prompts of a ranking, made again as they were sent: a ranking goes in, titled prompts come out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.game import Correctness
from langchain_consensus.prompts import ChatPrompt, Wording
from langchain_consensus.report.texts import log_probability, percent, quoted, visible

if TYPE_CHECKING:
    from langchain_consensus.prompts import Message, Prompt
    from langchain_consensus.ranking import RankedCandidate, Ranking

__all__ = ["Asked", "Turn", "asked_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One turn of a prompt: who speaks, and what is said."""

    role: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One prompt.

    Attributes:
        title: Which view it asks, and under what.
        turns: What the model read; the turn of a text wording has the role `text`.
        scored: What was scored after it, and what that gave: (continuation, result).
    """

    title: str
    turns: tuple[Turn, ...]
    scored: tuple[tuple[str, str], ...]


def asked_of(ranking: Ranking) -> tuple[Asked, ...]:
    """Both conditions of the generator, then the judge's prompt for every string of every candidate.

    Empty for a ranking of documents, which is no answer to a question.
    """
    wording, question = ranking.used_wording, ranking.question
    if not isinstance(wording, Wording):
        return ()
    generator = [
        Asked(
            title=f"Generator, asked for the {name} answer",
            turns=_turns(wording.generator_prompt(question, correctness)),
            scored=tuple(
                (visible(wording.continuation(question, text)), _generated(one, correctness))
                for one in ranking.candidates
                for text in one.members
            ),
        )
        for name, correctness in (("correct", Correctness.CORRECT), ("incorrect", Correctness.INCORRECT))
    ]
    judge = [
        Asked(
            title=f"Judge, shown {quoted(text)}",
            turns=_turns(wording.discriminator_prompt(question, text)),
            scored=_verdicts(wording.verdicts, one),
        )
        for one in ranking.candidates
        for text in one.members
    ]
    return (*generator, *judge)


def _turns(prompt: Prompt) -> tuple[Turn, ...]:
    if not isinstance(prompt, ChatPrompt):
        return (Turn(role="text", text=visible(prompt.text)),)
    tools = tuple(Turn(role="tools", text=visible(tool)) for tool in prompt.tools)
    return (*tools, *(Turn(role=_role(message), text=_said(message)) for message in prompt.messages))


def _role(message: Message) -> str:
    return message.role if message.name is None else f"{message.role} {visible(message.name)}"


def _said(message: Message) -> str:
    calls = [f"calls {call.name}({call.arguments})" for call in message.tool_calls]
    return visible("\n".join([message.content, *calls] if message.content or not calls else calls))


def _generated(candidate: RankedCandidate, correctness: Correctness) -> str:
    value = candidate.generator_correct if correctness else candidate.generator_incorrect
    of = "" if len(candidate.members) == 1 else f" (of its candidate, {len(candidate.members)} strings)"
    if candidate.errors is not None:
        return f"log P = {log_probability(value)}, counted of draws"
    unit = "token" if candidate.tokens == 1 else "tokens"
    return f"log P = {log_probability(value)} over {candidate.tokens} {unit}{of}"


def _verdicts(words: tuple[str, str], candidate: RankedCandidate) -> tuple[tuple[str, str], ...]:
    logs = (candidate.verdict_incorrect, candidate.verdict_correct)
    of = "" if len(candidate.members) == 1 else " (of its candidate)"
    return tuple(
        (visible(word), f"P = {percent(math.exp(log))}{of}")
        for word, log in reversed(list(zip(words, logs, strict=True)))
    )
