"""What a server can do, found out by asking it questions whose answers are known, before it is trusted with any other.

A server that returns wrong log-probabilities returns them without an error; ranking by them looks like ranking. So the
engine asks first, and refuses with a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine import openai_abilities as abilities
from langchain_consensus.engine import openai_checks as checks
from langchain_consensus.engine.openai_echo import EchoDialect
from langchain_consensus.engine.openai_interview import Interview, RefusalError, patiently
from langchain_consensus.engine.openai_protocol import (
    AnswerError,
    MissingLogprobsError,
    NoNumberError,
    OtherTokensError,
    TruncatedPromptError,
)
from langchain_consensus.engine.openai_requests import RefusedRequestError, TransientError, post
from langchain_consensus.engine.openai_sglang import SglangDialect
from langchain_consensus.engine.openai_vllm import VllmDialect
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openai import AsyncOpenAI

    from langchain_consensus.engine.openai_protocol import Dialect
    from langchain_consensus.engine.tokenization import Tokenization

__all__ = ["ProbeCheck", "ProbeReport", "probe"]

_OWNERS = ("vllm", "sglang")
"""What servers call themselves that understand the first question they are asked, so that a failure is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeCheck:
    """One thing that was looked at, and what was found."""

    name: str
    passed: bool
    found: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeReport:
    """What a probe found.

    Attributes:
        url: The server's base URL.
        model: The model's name on it.
        dialect: How it is asked: `vllm`, `sglang` or `echo`; empty if none works.
        max_tokens: What it says it reads at most, prompt and answer together, or `None`.
        checks: What was looked at, in order; the last one failed if the server is refused.
        one_request_verdicts: Whether verdicts of single tokens come from one request, instead of one a word.
        exact_draws: Whether samples carry the model's own log-probabilities; if not, they are scored once more.
        several_draws: Whether one request can ask for several samples.
        tells_ids: Whether samples come with their token ids.
        follows_grammars: Whether samples can be held to a form, as a forced tool call and structured output need it.
        reference: Scores of a known text, by which replicas are compared.
    """

    url: str
    model: str
    dialect: str
    max_tokens: int | None
    checks: tuple[ProbeCheck, ...]
    one_request_verdicts: bool = False
    exact_draws: bool = False
    several_draws: bool = False
    tells_ids: bool = False
    follows_grammars: bool = False
    reference: tuple[float, ...] = ()

    @property
    def refusal(self) -> str | None:
        """Why the server cannot be used and what to do, or `None` if it can."""
        failed = [check.found for check in self.checks if not check.passed]
        return f"{self.url}: {failed[0]}" if failed else None


_CHECKS = (
    ("tokenizer", checks.are_our_tokens),
    ("values", checks.are_log_probabilities),
    ("repetition", checks.repeat_themselves),
    ("alignment", checks.match_what_is_drawn),
    ("long prompts", checks.read_in_full),
)


async def probe(
    client: AsyncOpenAI, *, url: str, model: str | None, tokens: Tokenization, dialect: str
) -> tuple[Dialect | None, ProbeReport]:
    """Asks a server everything that scoring and sampling rely on.

    Args:
        client: The server.
        url: Its base URL, for messages.
        model: The model's name on it; `None` takes the only one.
        tokens: The tokenizer that will be used.
        dialect: `vllm`, `sglang`, `echo`, or `auto`, which finds out.

    Returns:
        How to ask it (`None` if it is refused), and what was found.

    Raises:
        TransientError: If it cannot be reached.
    """
    served, max_tokens, owner = await _model(client, model)
    found: list[ProbeCheck] = []

    def report(name: str, **facts: Any) -> ProbeReport:
        return ProbeReport(url=url, model=served, dialect=name, max_tokens=max_tokens, checks=tuple(found), **facts)

    spoken = await _spoken(client, _dialects(dialect, served, owner, tokens), tokens, owner)
    if spoken is None:
        found.append(ProbeCheck(name="prompt log-probabilities", passed=False, found=_NO_ECHO))
        return None, report("")
    found.append(
        ProbeCheck(name="prompt log-probabilities", passed=True, found=f"returned, in the dialect of {spoken.name}")
    )
    interview = Interview(client=client, dialect=spoken, tokens=tokens, max_tokens=max_tokens)
    for name, check in _CHECKS:
        try:
            found.append(ProbeCheck(name=name, passed=True, found=await check(interview)))
        except TruncatedPromptError as error:
            found.append(ProbeCheck(name=name, passed=False, found=_TRUNCATED.format(error)))
        except (RefusalError, AnswerError, RefusedRequestError) as error:
            found.append(ProbeCheck(name=name, passed=False, found=str(error)))
        if not found[-1].passed:
            return None, report(spoken.name)
    return spoken, report(
        spoken.name,
        one_request_verdicts=await abilities.next_tokens_are_exact(interview),
        exact_draws=await abilities.draws_are_exact(interview),
        several_draws=await abilities.draws_several(interview),
        tells_ids=await abilities.tells_ids(interview),
        follows_grammars=await abilities.follows_grammars(interview),
        reference=tuple((await interview.score(interview.ids(_KNOWN), 1)).tolist()),
    )


_KNOWN = "Replicas of one server must score this sentence alike, or they do not serve one model."
_NO_ECHO = (
    "The server returns no log-probabilities of a prompt: it ignores both `prompt_logprobs` and `echo`. Candidates "
    "cannot be scored on it; serve the model with vLLM or SGLang, or run it locally."
)
_TRUNCATED = (
    "The server truncates prompts without saying so: {}. Raise its context length (`--max-model-len` in vLLM, "
    "`--context-length` in SGLang, `--n_ctx` in llama.cpp)."
)


async def _model(client: AsyncOpenAI, wanted: str | None) -> tuple[str, int | None, str]:
    """The model's name on the server, what it reads at most, and who the server says it is."""
    try:
        answer = await post(client, "/models", None, method="get")
    except RefusedRequestError as error:
        if error.status in (401, 403):
            msg = f"{error} Pass the server's key as `api_key`."
            raise InvalidInputError(msg) from error
        answer = {}
    cards = {str(card.get("id")): card for card in (answer.get("data") or [])} if isinstance(answer, dict) else {}
    if wanted is None and len(cards) != 1:
        msg = f"`model` is not given, and {client.base_url} serves {sorted(cards) or 'models that it does not list'}; "
        msg += "name one."
        raise InvalidInputError(msg)
    name = wanted or next(iter(cards))
    if cards and name not in cards:
        msg = f"`model` is {name!r}, and {client.base_url} serves {sorted(cards)}; name one of those."
        raise InvalidInputError(msg)
    card = cards.get(name, {})
    limit = card.get("max_model_len")
    return name, limit if isinstance(limit, int) else None, str(card.get("owned_by", ""))


def _dialects(wanted: str, model: str, owner: str, tokens: Tokenization) -> Iterator[Dialect]:
    def text_of(ids: Sequence[int]) -> str:
        return str(tokens.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    if wanted in ("auto", "vllm") and owner != "sglang":
        yield VllmDialect(model=model)
    if wanted in ("auto", "sglang"):
        yield SglangDialect()
    if wanted in ("auto", "echo"):
        yield EchoDialect(model=model, text_of=text_of)
        yield EchoDialect(model=model, text_of=text_of, as_text=True)


async def _spoken(client: AsyncOpenAI, dialects: Iterator[Dialect], tokens: Tokenization, owner: str) -> Dialect | None:
    """The first dialect that the server understands.

    Raises:
        TransientError: If the server cannot be reached, or fails at a dialect and understands no other.
    """
    failure: TransientError | None = None
    for dialect in dialects:
        try:
            if await _is_spoken(client, dialect, tokens):
                return dialect
        except TransientError as error:
            # llama-cpp-python's server answers a prompt of token ids with status 500, where others say 422.
            if not error.is_own or owner in _OWNERS:
                raise
            failure = error
    if failure is not None:
        raise failure
    return None


async def _is_spoken(client: AsyncOpenAI, dialect: Dialect, tokens: Tokenization) -> bool:
    """Whether an answer to a short question has log-probabilities of the prompt in it, right or wrong."""
    ids = tokens.plain_ids(_KNOWN)
    try:
        await patiently(client, dialect.score(ids, 1))
    except (MissingLogprobsError, RefusedRequestError):
        return False
    except (NoNumberError, OtherTokensError, TruncatedPromptError):
        pass  # the checks say so, each in its own words
    return True
