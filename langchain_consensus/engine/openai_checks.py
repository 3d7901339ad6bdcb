"""Known questions to a server, and what its answers must look like: one function a check.

Each takes an `Interview` and returns what it found in words; `RefusalError` says what is wrong and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.engine.openai_interview import RefusalError
from langchain_consensus.engine.openai_protocol import NoNumberError, OtherTokensError, same_piece
from langchain_consensus.engine.openai_requests import RefusedRequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from langchain_consensus.engine.openai_interview import Interview

__all__ = [
    "KNOWN_SENTENCE",
    "TOLERANCE",
    "agree",
    "are_log_probabilities",
    "are_our_tokens",
    "match_what_is_drawn",
    "read_in_full",
    "repeat_themselves",
]

TOLERANCE = 0.1
"""Nats by which two ways of computing one log-probability may differ on a server: half precision, other batches."""
_LONG = 768
KNOWN_SENTENCE = (
    "The quick brown fox jumps over the lazy dog. The capital of France is Paris, and the capital of Italy is"
)
_COUNTING = "one two three one two three one two three one two"
_PLAIN = SamplingSettings(n=1, max_new_tokens=12, temperature=1.0, top_p=1.0, top_k=0)
_FEWEST, _ENOUGH = 4, 8
"""Drawn tokens that must be known for a comparison, and how many do."""
_DRAWS = 8
"""How often tokens are drawn after each text, at most."""


async def are_our_tokens(to: Interview) -> str:
    """The server writes every token of a known text as the tokenizer does."""
    ids = to.ids(KNOWN_SENTENCE)
    try:
        told = await to.ask(to.dialect.texts(ids))
    except OtherTokensError as error:
        told, reason = (), str(error)
    for token, piece in zip(ids, told, strict=False):
        known = str(to.tokens.tokenizer.decode([token]))
        if not same_piece(piece, known):
            told, reason = (), f"it reads token {token} as {piece!r}, and the tokenizer writes {known!r}"
    if not told:
        msg = (
            f"The server uses another tokenizer: {reason}. Pass as `tokenizer` the folder or hub id of the model that "
            "is served."
        )
        raise RefusalError(msg)
    return f"{len(ids)} tokens of a known text are read as they were meant"


async def are_log_probabilities(to: Interview) -> str:
    """The values are finite, not all zero, and none is above zero."""
    try:
        values = await to.score(to.ids(KNOWN_SENTENCE), 1)
    except NoNumberError:
        values = np.array([np.nan])
    if not values.any():
        msg = (
            "The server returns 0 for the log-probability of every token of a prompt, as if all texts were certain. "
            "Candidates cannot be ranked by that; serve the model with vLLM or SGLang, or run it locally."
        )
        raise RefusalError(msg)
    if not np.isfinite(values).all() or (values > TOLERANCE).any():
        wrong = values[~np.isfinite(values) | (values > TOLERANCE)][0]
        msg = (
            f"The server returns {wrong} as the log-probability of a common word; it must be a finite number of at "
            "most 0. Update the server, or serve the model in another precision."
        )
        raise RefusalError(msg)
    return f"finite, from {values.min():.2f} to {values.max():.2f} nats"


async def match_what_is_drawn(to: Interview) -> str:
    """What the server draws has, scored as a prompt, the log-probability that it was drawn with."""
    drawn_with, scored_as = await _both_ways(to)
    if len(drawn_with) < _FEWEST:
        msg = (
            "The server returns no log-probabilities with what it generates, so its scores cannot be checked; switch "
            "them on, or serve the model with vLLM or SGLang."
        )
        raise RefusalError(msg)
    if agree(drawn_with, scored_as):
        await _greedy_is_best(to)
        return f"{len(drawn_with)} drawn tokens score the same, to {np.abs(drawn_with - scored_as).max():.1e} nats"
    if await _is_shifted(to, drawn_with, scored_as):
        msg = (
            "The server's log-probabilities of a prompt are shifted by one position: each is that of a neighbouring "
            "position (llama-cpp-python's server does this with `echo`). Serve the model with vLLM or SGLang, or run "
            "it locally."
        )
        raise RefusalError(msg)
    msg = (
        f"The server's log-probabilities of a prompt are not those of its model: tokens drawn with "
        f"{np.round(drawn_with[:4], 2).tolist()} are scored {np.round(scored_as[:4], 2).tolist()}. Update the server, "
        "or serve the model with vLLM or SGLang."
    )
    raise RefusalError(msg)


async def _both_ways(to: Interview) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`[T]` log-probabilities as drawn and as scored, of tokens drawn after two known texts."""
    drawn_with: list[float] = []
    scored_as: list[float] = []
    for seed, text in enumerate((KNOWN_SENTENCE, _COUNTING) * _DRAWS, start=1):
        if seed > 2 and len(drawn_with) >= _ENOUGH:
            break
        prompt = to.ids(text)
        drawn = (await to.draw(prompt, _PLAIN, seed=seed))[0]
        ids = to.known_ids(drawn)[: len(drawn.logprobs)]
        if ids:
            drawn_with += drawn.logprobs[: len(ids)]
            scored_as += (await to.score([*prompt, *ids], len(prompt))).tolist()
    return np.array(drawn_with), np.array(scored_as)


def agree(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether they differ by rounding alone: a token in ten may be far off, as half precision does with rare ones."""
    return len(one) > 0 and bool(np.quantile(np.abs(one - other), 0.9) <= TOLERANCE)


async def _is_shifted(to: Interview, drawn_with: NDArray[np.float64], scored_as: NDArray[np.float64]) -> bool:
    if agree(drawn_with[:-1], scored_as[1:]) or agree(drawn_with[1:], scored_as[:-1]):
        return True
    # A row too late: the last of many equal tokens is scored by what comes after it, which is the same token again.
    prompt = [*to.ids("ha"), *(to.tokens.plain_ids(" ha")[-1:] * 8)]
    drawn = (await to.draw(prompt, SamplingSettings(n=1, max_new_tokens=1, temperature=0)))[0]
    last = (await to.score(prompt, len(prompt) - 1))[0]
    return to.known_ids(drawn)[:1] == prompt[-1:] and agree(np.array(drawn.logprobs[:1]), np.array([last]))


async def _greedy_is_best(to: Interview) -> None:
    """The token that greedy sampling takes scores at least as high as others."""
    prompt = to.ids(KNOWN_SENTENCE)
    greedy = to.known_ids((await to.draw(prompt, SamplingSettings(n=1, max_new_tokens=1, temperature=0)))[0])[:1]
    drawn = [to.known_ids((await to.draw(prompt, _PLAIN, seed=seed))[0])[:1] for seed in (2, 3)] if greedy else []
    others = {token for ids in drawn for token in ids}
    scores = {token: float((await to.score([*prompt, token], len(prompt)))[0]) for token in (*greedy, *others)}
    better = [token for token in others if scores[token] > scores[greedy[0]] + TOLERANCE]
    if better:
        shown = to.tokens.tokenizer.decode(better[:1]), to.tokens.tokenizer.decode(greedy)
        msg = (
            f"The server scores {shown[0]!r} above {shown[1]!r}, and greedy sampling takes the latter: it samples from "
            "another distribution than it scores. Look for penalties, a guided grammar or a draft model in its options."
        )
        raise RefusalError(msg)


async def repeat_themselves(to: Interview) -> str:
    """The same prompt has the same scores the second time, when the server may take it from its cache."""
    prompt = to.ids(KNOWN_SENTENCE)
    first, second = await to.score(prompt, 1), await to.score(prompt, 1)
    error = float(np.abs(first - second).max())
    if error > TOLERANCE:
        msg = (
            f"The server scores the same prompt differently the second time, by {error:.2f} nats. Switch its prefix "
            "cache off, or update it."
        )
        raise RefusalError(msg)
    return f"the same prompt again differs by {error:.1e} nats"


async def read_in_full(to: Interview) -> str:
    """A long prompt is read from its first token to its last."""
    length = min(_LONG, (to.max_tokens or _LONG) - 8)
    ids = to.ids(KNOWN_SENTENCE)
    ids = (ids + to.tokens.plain_ids(" " + KNOWN_SENTENCE) * (length // len(ids) + 1))[:length]
    try:
        await to.score(ids, len(ids) - 1)
    except RefusedRequestError as error:
        return f"a prompt of {length} tokens is refused, with an error as it should be ({error})"[:200]
    return f"a prompt of {length} tokens is read to its end"
