"""What a sound server can do beyond scoring: one function a question, each answered by trying it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from langchain_consensus.engine.base import SamplingSettings
from langchain_consensus.engine.grammar import JsonForm, as_lark
from langchain_consensus.engine.openai_checks import KNOWN_SENTENCE, agree
from langchain_consensus.engine.openai_protocol import AnswerError
from langchain_consensus.engine.openai_requests import RefusedRequestError, TransientError

if TYPE_CHECKING:
    from langchain_consensus.engine.openai_interview import Interview

__all__ = ["draws_are_exact", "draws_several", "follows_grammars", "next_tokens_are_exact", "tells_ids"]

_CITY = {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]}
_FORM = JsonForm(schema=json.dumps({**_CITY, "additionalProperties": False}))


async def next_tokens_are_exact(to: Interview) -> bool:
    """Whether single tokens' log-probabilities from one generated token are those that scoring gives."""
    prompt = to.ids(KNOWN_SENTENCE)
    words = [ids[0] for ids in map(to.tokens.plain_ids, (" Rome", " No", " Yes")) if ids]
    greedy = to.known_ids((await to.draw(prompt, SamplingSettings(n=1, max_new_tokens=1, temperature=0)))[0])[:1]
    wanted = list(dict.fromkeys((*greedy, *words)))
    try:
        told = await to.ask(to.dialect.next_tokens(prompt, wanted))
    except RefusedRequestError:
        return False
    scored = np.array([(await to.score([*prompt, token], len(prompt)))[0] for token in wanted])
    known = ~np.isnan(told)
    return bool(known.any()) and agree(told[known], scored[known])


async def draws_are_exact(to: Interview) -> bool:
    """Whether a truncated, heated draw still carries the model's own log-probabilities, with ids to check them by."""
    prompt = to.ids(KNOWN_SENTENCE)
    drawn = (await to.draw(prompt, SamplingSettings(n=1, max_new_tokens=8, temperature=0.6, top_p=0.8, top_k=20)))[0]
    if not drawn.ids or len(drawn.ids) != len(drawn.logprobs):
        return False
    return agree(np.array(drawn.logprobs), await to.score([*prompt, *drawn.ids], len(prompt)))


async def draws_several(to: Interview) -> bool:
    """Whether one request can ask for several samples."""
    try:
        found = await to.draw(to.ids(KNOWN_SENTENCE), SamplingSettings(n=2, max_new_tokens=2))
    except RefusedRequestError:
        return False
    return len(found) == 2


async def tells_ids(to: Interview) -> bool:
    """Whether samples come with the ids of their tokens; without, what marks a tool call may be left out of them."""
    return (await to.draw(to.ids(KNOWN_SENTENCE), SamplingSettings(n=1, max_new_tokens=2)))[0].ids is not None


async def follows_grammars(to: Interview) -> bool:
    """Whether a sample that must be a certain JSON object is one; a server that does not know the field ignores it."""
    greedy = SamplingSettings(n=1, max_new_tokens=32, temperature=0)
    try:
        drawn = await to.draw(to.ids(KNOWN_SENTENCE), greedy, grammar=as_lark((_FORM,), {}))
        return json.loads(drawn[0].text) in ({"city": "Rome"}, {"city": "Oslo"})
    except TransientError as error:
        if not error.is_own:
            raise
        return False
    except (RefusedRequestError, AnswerError, ValueError):
        return False
