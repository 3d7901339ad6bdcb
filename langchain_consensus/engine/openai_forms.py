"""A form that samples must have, as a server is told it, and whether what came back has it.

Servers decode with other libraries than this process does, which know fewer keywords or other ones, and a server that
does not know the field ignores it. So every sample is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.grammar import as_lark, compiled, matches, may_become, require_llguidance
from langchain_consensus.errors import InvalidInputError, ServerCapabilityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from langchain_consensus.engine.base import Sample
    from langchain_consensus.engine.grammar import JsonForm
    from langchain_consensus.engine.openai_probe import ProbeReport

__all__ = ["check_samples", "told_grammar"]


def told_grammar(forms: Sequence[JsonForm], report: ProbeReport, tokenizer: Any) -> str:
    """What the server is told of the forms: llguidance's Lark, or nothing where there are none.

    Args:
        forms: As in `SamplingSettings.grammar`.
        report: What the server can do.
        tokenizer: A transformers tokenizer; special tokens are told by their ids.

    Raises:
        InvalidInputError: If the server follows no grammars, or a schema is not one.
        MissingDependencyError: If llguidance is not installed, with which samples are checked.
    """
    if not forms:
        return ""
    if not report.follows_grammars:
        msg = (
            "`grammar` is given (a forced `tool_choice` or structured output is asked for), and the probe found that "
            f"{report.url} holds no samples to one; serve the model with vLLM, use `TransformersEngine`, or ask "
            "without."
        )
        raise InvalidInputError(msg)
    require_llguidance()
    from llguidance import LLTokenizer

    compiled(forms, LLTokenizer("byte"), token_ids={})  # a schema that is not one is found out here
    return as_lark(forms, tokenizer.get_added_vocab())


def check_samples(forms: Sequence[JsonForm], samples: Iterable[Sample]) -> None:
    """Checks that samples have one of the forms; one that was cut must begin like it.

    Raises:
        ServerCapabilityError: If one has not.
    """
    known: set[str] = set()
    for sample in samples if forms else ():
        if sample.text in known:
            continue
        holds = matches(forms, sample.text) if sample.finish == "end" else may_become(forms, sample.text)
        if not holds:
            msg = (
                f"The server was told what its samples must look like and drew {sample.text[:200]!r}. Its grammar "
                "library reads the JSON schema otherwise: start vLLM with `--structured-outputs-config.backend "
                "guidance`, or use a simpler schema."
            )
            raise ServerCapabilityError(msg)
        known.add(sample.text)
