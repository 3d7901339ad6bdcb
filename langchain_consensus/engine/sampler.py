"""An engine that can only be sampled: a hosted chat model, which tells no log-probabilities of a prompt.

What a reply begins with it may tell: most chat APIs return the most probable first tokens when they are asked to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from langchain_consensus.engine.base import Engine, Usage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import TypeIs

    from langchain_consensus.engine.base import SampleResult, SamplingSettings
    from langchain_consensus.prompts import Prompt

__all__ = [
    "MOST_TOP",
    "Beginnings",
    "SamplingEngine",
    "check_counts",
    "check_plain_draws",
    "check_top",
    "is_sampling",
    "needs_scores",
    "turns_of",
]

MOST_TOP = 20
"""First tokens that OpenAI's API tells at most."""

_NEUTRAL = {"temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginnings:
    """How replies begin.

    Attributes:
        tokens: For each prompt the most probable first tokens of its reply, as (text, log-probability), best first;
            `None` where the model does not tell.
        usage: What asking took.
    """

    tokens: tuple[tuple[tuple[str, float], ...] | None, ...]
    usage: Usage = field(default_factory=Usage)


class SamplingEngine(Protocol):
    """A chat model that can be sampled from, and whose first tokens may be told; it scores nothing."""

    @property
    def name(self) -> str:
        """The model's name, as results and traces show it."""
        ...

    @property
    def is_chat(self) -> bool:
        """True: a hosted chat model renders chats by itself."""
        ...

    @property
    def draws(self) -> int:
        """How often it is drawn from under each condition to estimate the generator's view of one question."""
        ...

    @property
    def verdict_draws(self) -> int:
        """How often a verdict is drawn where it does not tell how its reply begins."""
        ...

    def sample(self, prompts: Sequence[Prompt], settings: SamplingSettings) -> SampleResult:
        """`settings.n` independent samples of each prompt, from the model's own distribution.

        Their `logprob` is NaN, and none is `canonical`. `settings.seed` does nothing.
        """
        ...

    def beginnings(self, prompts: Sequence[Prompt]) -> Beginnings:
        """How the reply to each prompt begins."""
        ...

    def token_ids(self, text: str) -> list[int]:
        """The ids of `text`, as far as the model's tokenizer is known."""
        ...


def is_sampling(engine: Engine | SamplingEngine) -> TypeIs[SamplingEngine]:
    """Whether an engine can only be sampled."""
    return callable(getattr(type(engine), "beginnings", None))


def check_counts(**counts: object) -> None:
    """Checks numbers that must be whole and at least 1.

    Raises:
        InvalidInputError: If one is not.
    """
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            msg = f"`{name}` is {value!r}; it must be a whole number of at least 1."
            raise InvalidInputError(msg)


def check_top(top_logprobs: object) -> None:
    """Checks how many first tokens are asked for; `None` is to be found out.

    Raises:
        InvalidInputError: If it is no number from 0 to 20.
    """
    is_whole = isinstance(top_logprobs, int) and not isinstance(top_logprobs, bool)
    if top_logprobs is not None and not (is_whole and 0 <= top_logprobs <= MOST_TOP):  # type: ignore[operator]
        msg = f"`top_logprobs` is {top_logprobs!r}; it must be from 0 (never asked for) to {MOST_TOP}, or `None`."
        raise InvalidInputError(msg)


def check_plain_draws(settings: SamplingSettings) -> None:
    """Checks that draws are from the model's own distribution, so that frequencies are its probabilities.

    Raises:
        InvalidInputError: If they are heated, cut or held to a grammar.
    """
    for name, neutral in _NEUTRAL.items():
        if getattr(settings, name) != neutral:
            msg = (
                f"`{name}` is {getattr(settings, name)!r}; with a model that can only be sampled it must be {neutral}, "
                "since how often an answer is drawn stands for its probability."
            )
            raise InvalidInputError(msg)
    if settings.grammar:
        msg = (
            "`grammar` is given (tools or structured output are asked for), and samples of a hosted model cannot be "
            "held to one; use `TransformersEngine`, or ask without."
        )
        raise InvalidInputError(msg)


def needs_scores(*, option: str, model: str) -> InvalidInputError:
    """The error of an option that needs log-probabilities of given texts."""
    msg = f"`{option}` is set, and {model!r} can only be sampled; leave `{option}` out, or use an engine that scores."
    return InvalidInputError(msg)


def turns_of(prompt: Prompt) -> list[dict[str, Any]]:
    """The turns of a chat as every chat API takes them: `role` and `content`.

    Raises:
        InvalidInputError: If it is no chat, or one with tools, whose calls a hosted model writes in its own form.
    """
    if not isinstance(prompt, ChatPrompt):
        msg = "The prompt is plain text, and a hosted chat model is asked chats; use a wording of kind 'chat'."
        raise InvalidInputError(msg)
    if prompt.tools or any(turn.role == "tool" or turn.tool_calls for turn in prompt.messages):
        msg = (
            "The conversation holds tools, calls of them or their results, and a hosted model's candidates are texts; "
            "ask without tools, or use `TransformersEngine`."
        )
        raise InvalidInputError(msg)
    return [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
