"""What a sample has to look like, as data: a JSON value of a schema between fixed texts; and the grammar that says so.

Decoding under a grammar is llguidance's; this module writes its input, and imports it only where a text is checked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_consensus.dependencies import require
from langchain_consensus.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llguidance import LLMatcher, LLTokenizer

__all__ = ["NEEDED_FOR", "JsonForm", "as_lark", "compiled", "matches", "require_llguidance"]

_WRITTEN = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
"""JSON as Python's `json.dumps` and chat templates write it: nowhere can a model spend its tokens on white space.

llguidance alone knows it; xgrammar, with which vLLM decodes by default, allows any white space.
"""
_READ = {"whitespace_flexible": True}
NEEDED_FOR = "a forced `tool_choice` and structured output"
"""What decoding under a grammar is for, in messages."""
_HIDDEN = "failed to compile JSON schema: "


@dataclass(frozen=True, kw_only=True, slots=True)
class JsonForm:
    """A form that a sample may have: `before`, a JSON value that the schema allows, `after`.

    Attributes:
        schema: A JSON schema (draft 2020-12) as text.
        before: What stands before the value; names of special tokens in it are those tokens.
        after: What stands behind it, likewise.
    """

    schema: str
    before: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        try:
            schema = json.loads(self.schema)
        except (TypeError, ValueError) as error:
            msg = f"`schema` is {self.schema!r}; it must be a JSON schema as text: {error}"
            raise InvalidInputError(msg) from None
        if not isinstance(schema, dict):
            msg = f"`schema` is {self.schema!r}; it must be the text of a JSON object."
            raise InvalidInputError(msg)


def compiled(
    forms: Sequence[JsonForm], tokenizer: LLTokenizer, *, token_ids: Mapping[str, int], exact_spacing: bool = True
) -> LLMatcher:
    """A matcher at the beginning of a text that has one of the forms.

    Args:
        forms: At least one.
        tokenizer: llguidance's view of the model's tokenizer.
        token_ids: Names of tokens that are no text, such as the markers of a tool call, and their ids.
        exact_spacing: Whether JSON is written as `json.dumps` writes it, or may have any white space.

    Raises:
        InvalidInputError: If a schema is not one, nothing fits it, or it uses what no grammar can say.
    """
    from llguidance import LLMatcher

    lark = as_lark(forms, token_ids, exact_spacing=exact_spacing)
    # llguidance writes text that is forced with the tokenizer, which takes a special token's name in it for the token.
    named = any(name in form.schema for name in token_ids for form in forms)
    grammar = LLMatcher.grammar_from_lark('%llguidance {"no_forcing": true}\n' + lark if named else lark)
    wrong, messages = LLMatcher.validate_grammar_with_warnings(grammar, tokenizer)
    if wrong:
        reason = messages[0].partition(_HIDDEN)[2].splitlines()[0] if _HIDDEN in messages[0] else messages[0]
        msg = f"The JSON schema cannot be decoded under: {reason}. Say it in other keywords, or check it afterwards."
        raise InvalidInputError(msg)
    return LLMatcher(tokenizer, grammar, log_level=0)


def matches(forms: Sequence[JsonForm], text: str) -> bool:
    """Whether a whole text has one of the forms, its JSON with any white space; special tokens count by their names."""
    require_llguidance()
    from llguidance import LLTokenizer

    tokenizer = LLTokenizer("byte")
    matcher = compiled(forms, tokenizer, token_ids={}, exact_spacing=False)
    return matcher.consume_tokens(tokenizer.tokenize_bytes(text.encode())) and matcher.is_accepting()


def require_llguidance() -> None:
    """Checks that llguidance is installed.

    Raises:
        MissingDependencyError: If it is not; the message holds the pip command.
    """
    require("local", "llguidance", needed_for=NEEDED_FOR)


def as_lark(forms: Sequence[JsonForm], token_ids: Mapping[str, int], *, exact_spacing: bool = True) -> str:
    """The forms in llguidance's Lark, which xgrammar reads too (without the spacing); arguments as in `compiled`."""
    rules = [f"start: {' | '.join(f'form_{n}' for n in range(len(forms)))}"]
    for number, form in enumerate(forms):
        schema = json.dumps({**json.loads(form.schema), "x-guidance": _WRITTEN if exact_spacing else _READ})
        parts = (*_literals(form.before, token_ids), f"json_{number}", *_literals(form.after, token_ids))
        rules += [f"form_{number}: {' '.join(parts)}", f"json_{number}: %json {schema}"]
    return "\n".join(rules)


def _literals(text: str, token_ids: Mapping[str, int]) -> list[str]:
    """`text` in Lark: quoted strings, and the tokens that are named in it by their ids."""
    found = sorted((text.index(name), -len(name), name) for name in token_ids if name in text)
    if not found:
        return [json.dumps(text, ensure_ascii=False)] if text else []
    name = found[0][2]
    before, _, after = text.partition(name)
    return [*_literals(before, {}), f"<[{token_ids[name]}]>", *_literals(after, token_ids)]
