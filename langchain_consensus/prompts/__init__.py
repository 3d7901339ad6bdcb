"""The wording of the two views, as data.

A `Question` and a `Wording` go in; the prompts that the model reads come out. The package knows no model, no tokenizer
and no game: whether a prompt is a chat or plain text is all that it says about rendering.

The generator is asked the question under a *condition* (give the correct, or the incorrect, answer); the discriminator
is shown a proposed answer and gives a *verdict*, one of two words. In every prompt what is long and shared comes first
(context, question, condition, answer, verdict), so that an engine can compute it once.
"""

from langchain_consensus.prompts.messages import ChatPrompt, Message, Prompt, TextPrompt, ToolCall
from langchain_consensus.prompts.presets import PRESETS, wording_named
from langchain_consensus.prompts.question import Question
from langchain_consensus.prompts.wording import Wording

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
