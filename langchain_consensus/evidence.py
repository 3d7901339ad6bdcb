"""How a result travels through LangChain: as generations, candidates best first, and back.

Every generation carries plain JSON under `generation_info["consensus"]`: the candidate's part of the result and its
rank, and the question's part, which is the same in all of them. Rivals are no generations, since they are no answers;
they are in the question's part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.outputs import Generation, GenerationChunk

from langchain_consensus.results import CandidateResult, ConsensusResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_consensus.ranking import Ranking

__all__ = [
    "EVIDENCE",
    "in_pieces",
    "result_from_generations",
    "result_from_json",
    "to_chunks",
    "to_generations",
    "token_usage",
]

EVIDENCE = "consensus"
"""The key under which the evidence is kept in `generation_info` and `response_metadata`."""

_RIVALS = "rivals"
_CANDIDATE_FIELDS = set(CandidateResult.model_fields)


def to_generations(result: ConsensusResult[Any]) -> list[Generation]:
    """One generation for each candidate that may be the answer, best first."""
    plain = result.model_dump(mode="json")
    shared = {key: plain[key] for key in plain if key not in {"answer", "text", "abstained", "candidates"}}
    answers = len(result.answers)
    shared |= {_RIVALS: plain["candidates"][answers:]} if plain["candidates"][answers:] else {}
    return [
        Generation(text=candidate["text"], generation_info={EVIDENCE: {"rank": rank, **candidate, **shared}})
        for rank, candidate in enumerate(plain["candidates"][:answers])
    ]


def to_chunks(generation: Generation) -> list[GenerationChunk]:
    """A generation in pieces; the evidence of two chunks would not add, so the last one has all of it."""
    *first, last = in_pieces(generation.text)
    return [
        *(GenerationChunk(text=piece) for piece in first),
        GenerationChunk(text=last, generation_info=generation.generation_info),
    ]


def token_usage(rankings: Sequence[Ranking]) -> dict[str, int]:
    """Usage in the usual names: prompt tokens are all that was read, for scoring too; completion tokens were drawn."""
    read = sum(ranking.usage.input_tokens for ranking in rankings)
    drawn = sum(ranking.usage.sampled_tokens for ranking in rankings)
    computed = sum(ranking.usage.computed_tokens for ranking in rankings)
    return {
        "prompt_tokens": read,
        "completion_tokens": drawn,
        "total_tokens": read + drawn,
        "computed_tokens": computed,
    }


def result_from_generations(generations: Sequence[Generation]) -> ConsensusResult[Any] | None:
    """The result that `to_generations` was given, or `None` if the generations carry no evidence."""
    found = [(generation.generation_info or {}).get(EVIDENCE) for generation in generations]
    if not found or any(not isinstance(evidence, dict) for evidence in found):
        return None
    candidates = [{key: one[key] for key in one if key in _CANDIDATE_FIELDS} for one in found if one is not None]
    first = found[0] or {}
    candidates += first.get(_RIVALS, [])
    shared = {key: first[key] for key in first if key not in _CANDIDATE_FIELDS | {"rank", _RIVALS}}
    text = generations[0].text
    return result_from_json({"answer": text, "text": text, "candidates": candidates, **shared})


def result_from_json(plain: dict[str, Any]) -> ConsensusResult[Any]:
    """The result whose `model_dump(mode="json")` is `plain`."""
    return ConsensusResult[Any].model_validate(plain)


def in_pieces(text: str) -> list[str]:
    """The text cut after its spaces, at least one piece; joined, the pieces are the text again."""
    *first, last = text.split(" ")
    return [*(piece + " " for piece in first), last]
