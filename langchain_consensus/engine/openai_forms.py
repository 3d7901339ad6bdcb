"""A form that samples must have, as a server is told it, and whether what came back has it.

Servers decode with other libraries than this process does, which know fewer keywords or other ones, and a server that
does not know the field ignores it. So every complete sample is looked at. What JSON leaves open (white space, escapes)
is left open: a value is read, and written again as `json.dumps` writes it, before its schema is asked about it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from langchain_consensus.dependencies import require
from langchain_consensus.engine.grammar import NEEDED_FOR, JsonForm, as_lark, compiled
from langchain_consensus.engine.json_schemas import with_open_objects
from langchain_consensus.errors import InvalidInputError, ServerCapabilityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llguidance import LLMatcher, LLTokenizer

    from langchain_consensus.engine.base import Sample
    from langchain_consensus.engine.openai_probe import ProbeReport

__all__ = ["ServedForms"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedForms:
    """The forms of one call.

    Attributes:
        lark: What the server is told; empty where any text will do.
        parts: For each form the pattern of its texts, whose group is the value, and its schema before the first byte.
        tokenizer: llguidance's view of plain bytes.
    """

    lark: str = ""
    parts: tuple[tuple[re.Pattern[str], LLMatcher], ...] = ()
    tokenizer: LLTokenizer | None = None

    @classmethod
    def of(cls, forms: Sequence[JsonForm], report: ProbeReport, tokenizer: Any) -> Self:
        """The forms, compiled once.

        Args:
            forms: As in `SamplingSettings.grammar`.
            report: What the server can do.
            tokenizer: A transformers tokenizer; special tokens are told by their ids.

        Raises:
            InvalidInputError: If the server follows no grammars, or a schema is not one.
            MissingDependencyError: If llguidance is not installed, with which samples are checked.
        """
        if not forms:
            return cls()
        if not report.follows_grammars:
            msg = (
                "`grammar` is given (a forced `tool_choice` or structured output is asked for), and the probe found "
                f"that {report.url} holds no samples to one; {_remedy(report)}, use `TransformersEngine`, or ask "
                "without."
            )
            raise InvalidInputError(msg)
        require("openai", "llguidance", needed_for=NEEDED_FOR)
        from llguidance import LLTokenizer

        plain = LLTokenizer("byte")
        values = [compiled((JsonForm(schema=form.schema),), plain, token_ids={}) for form in forms]
        parts = tuple(zip(map(_pattern, forms), values, strict=True))
        told = [replace(form, schema=json.dumps(with_open_objects(json.loads(form.schema)))) for form in forms]
        return cls(lark=as_lark(told, tokenizer.get_added_vocab()), parts=parts, tokenizer=plain)

    def check(self, samples: Iterable[Sample]) -> None:
        """Checks that complete samples have one of the forms; one that was cut is no candidate anyway.

        Raises:
            ServerCapabilityError: If one has not.
        """
        texts = {sample.text for sample in samples if sample.finish == "end"} if self.parts else ()
        for text in texts:
            if not any(self._holds(text, pattern, schema) for pattern, schema in self.parts):
                msg = (
                    f"The server was told what its samples must look like and drew {text[:200]!r}. Its grammar library "
                    "reads the JSON schema otherwise: start vLLM with `--structured-outputs-config.backend guidance`, "
                    "or use a simpler schema."
                )
                raise ServerCapabilityError(msg)

    def _holds(self, text: str, pattern: re.Pattern[str], schema: LLMatcher) -> bool:
        found, matcher = pattern.fullmatch(text), schema.deep_copy()
        if found is None or self.tokenizer is None:
            return False
        try:
            # llguidance takes every character as it is but this one, which JSON allows too.
            written = json.dumps(json.loads(found["value"]), ensure_ascii=False).replace("\x7f", r"\u007f").encode()
        except ValueError:  # no JSON, or half a character in it
            return False
        return matcher.consume_tokens(self.tokenizer.tokenize_bytes(written)) and matcher.is_accepting()


def _pattern(form: JsonForm) -> re.Pattern[str]:
    """A form's texts, with any white space between words: decoders leave out what stands behind a special token."""
    before, after = (r"\s*".join(map(re.escape, ("", *text.split(), ""))) for text in (form.before, form.after))
    return re.compile(rf"{before}(?P<value>.*){after}", re.DOTALL)


def _remedy(report: ProbeReport) -> str:
    if report.dialect != "vllm":
        return "serve the model with vLLM"
    return (
        "update vLLM (`structured_outputs` in a request), start it with the backend `auto`, `xgrammar` or `guidance` "
        "and a fast tokenizer, and without a reasoning parser"
    )
