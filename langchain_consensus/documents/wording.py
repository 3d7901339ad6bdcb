"""The wording of the two views of a passage, as data: `prompts`, for reranking.

The generator's view of a passage is the probability of the *query* after the passage, not of the passage after the
query (docs/design/0005-query-likelihood.md): relevant is the query that was written with the passage in sight,
irrelevant the same query written without it. The discriminator is shown both and gives a *verdict*, one of two words.
The passage comes first in every prompt, so that an engine computes it once.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt, Message, Prompt, TextPrompt

__all__ = ["RELEVANCE_PRESETS", "RelevanceWording", "relevance_wording_named"]


class RelevanceWording(BaseModel):
    """How the two views of a passage are asked; frozen, and checked when it is made.

    `{passage}` and `{query}` are replaced; a passage or a query is never treated as a template.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """A short name; it is stored with every result."""
    kind: Literal["chat", "text"]
    """`chat` is rendered through the model's chat template, `text` is continued as it stands."""
    passage_block: str = "Passage: {passage}\n\n"
    """What every prompt that shows the passage begins with."""
    ask: str
    """What follows the passage where the query is to be written (condition: relevant)."""
    ask_alone: str
    """The whole request where the query is to be written without a passage (condition: irrelevant)."""
    judge: str
    """What follows the passage where the verdict is asked for; it holds `{query}`."""
    verdicts: tuple[str, str]
    """The words whose probabilities are the verdict: (irrelevant, relevant). They continue the prompt as they stand."""
    system: str = ""
    """The system message of all prompts, the same in both views so that they share it; empty for none."""
    query_lead: str = ""
    """What stands between the prompt and the query when it is scored: a space for most text wordings."""
    length: Literal["sum", "mean"] = "mean"
    """Whether the query's log-probability is summed over its tokens or averaged."""

    @model_validator(mode="after")
    def _check_templates(self) -> Self:
        for field, needed in (("passage_block", "{passage}"), ("judge", "{query}")):
            if needed not in getattr(self, field):
                msg = f"`{field}` of wording {self.name!r} has no {needed}; the view cannot be asked without it."
                raise ValueError(msg)
        if not (self.ask and self.ask_alone):
            msg = f"`ask` and `ask_alone` of wording {self.name!r} must say what is to be written."
            raise ValueError(msg)
        if self.verdicts[0] == self.verdicts[1]:
            msg = f"`verdicts` of wording {self.name!r} must be two different texts."
            raise ValueError(msg)
        return self

    def relevant_prompt(self, passage: str) -> Prompt:
        """The prompt after which the query is scored under the condition "relevant"."""
        return self._prompt(self._shown(passage) + self.ask)

    def irrelevant_prompt(self) -> Prompt:
        """The prompt after which the query is scored under the condition "irrelevant": no passage is in sight."""
        return self._prompt(self.ask_alone)

    def verdict_prompt(self, passage: str, query: str) -> Prompt:
        """The prompt under which the verdict on the passage is given."""
        return self._prompt(self._shown(passage) + self.judge.replace("{query}", query))

    def continuation(self, query: str) -> str:
        """The text whose log-probability is the generator's score."""
        return self.query_lead + query

    def _shown(self, passage: str) -> str:
        return self.passage_block.replace("{passage}", passage)

    def _prompt(self, text: str) -> Prompt:
        if self.kind == "text":
            return TextPrompt(text=f"{self.system}\n\n{text}" if self.system else text)
        system = (Message(role="system", content=self.system),) if self.system else ()
        return ChatPrompt(messages=(*system, Message(role="user", content=text)))


RELEVANCE_PRESETS: dict[str, RelevanceWording] = {
    wording.name: wording
    for wording in (
        RelevanceWording(
            name="relevance",
            kind="chat",
            system="You help to find passages that are relevant to a query.",
            ask="Write a query that this passage is relevant to, and nothing else.",
            ask_alone="Write a query, and nothing else.",
            judge="Query: {query}\nIs the passage relevant to the query? Reply Yes or No.",
            verdicts=("No", "Yes"),
        ),
        RelevanceWording(
            name="relevance_text",
            kind="text",
            ask="Query that the passage is relevant to:",
            ask_alone="Query:",
            judge="Query: {query}\nIs the passage relevant to the query, yes or no? Answer:",
            verdicts=(" no", " yes"),
            query_lead=" ",
        ),
    )
}
"""The wordings of relevance that ship: `relevance` for chat models, `relevance_text` for base models."""


def relevance_wording_named(name: str) -> RelevanceWording:
    """The preset called `name`.

    Raises:
        InvalidInputError: If there is none; the message lists those that exist.
    """
    if name not in RELEVANCE_PRESETS:
        presets = sorted(RELEVANCE_PRESETS)
        msg = f"`wording` is {name!r}; the presets are {presets}, or pass a `RelevanceWording` of your own."
        raise InvalidInputError(msg)
    return RELEVANCE_PRESETS[name]
