"""Prompts and continuations in, token ids out: the only module that touches a tokenizer.

Text is tokenised once, as the model would see it: prompt and continuation together. The split between them is made on
token ids, at the longest prefix that all continuations of a request share with the prompt's own tokens. Where a merge
crosses the boundary (a prompt that ends in a space, say) that shared prefix is shorter than the prompt, and the rest of
the prompt is scored with every continuation alike, so that they stay comparable.

What users, documents and models wrote is data: a special token's name inside it is encoded as ordinary text (see
`special_names`).
"""

from __future__ import annotations

import json
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from langchain_consensus.engine.call_rendering import written_call
from langchain_consensus.engine.chat_turns import changed, turns_of
from langchain_consensus.engine.forest import TokenString
from langchain_consensus.engine.special_names import SpecialNames, unused_mark
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_consensus.engine.base import ScoreRequest
    from langchain_consensus.prompts import Prompt

__all__ = ["Tokenization"]


class Tokenization:
    """Renders and tokenises for one model; the tokenizer's settings are left as they were found."""

    def __init__(self, tokenizer: Any, *, end_ids: Sequence[int] = ()) -> None:
        """Wraps `tokenizer`.

        Args:
            tokenizer: A transformers tokenizer.
            end_ids: Ids that end a generation, as the model's generation config lists them; the tokenizer's own end
                token is added.
        """
        self.tokenizer = tokenizer
        own = tokenizer.eos_token_id
        self.end_ids = frozenset((*end_ids, own) if own is not None else end_ids)
        self._special = SpecialNames(tokenizer.get_added_vocab())
        # The added tokens that decoding leaves out; the rest, and a tool call's markers, are part of an answer.
        control = {str(token): number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._markers = self._call_markers(control)
        self._control = SpecialNames(name for name, number in control.items() if number not in self._markers)
        # Tokens that are looked for in the text as it is normalised, where other spellings can become their names.
        self._respelled = {
            number: str(token)
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.special and token.normalized and number != tokenizer.unk_token_id
        }
        self._respelled_names = SpecialNames(self._respelled.values())
        self._end_id = self._turn_end() if self.is_chat else own

    @property
    def has_control_markers(self) -> bool:
        """Whether the template marks a tool call with tokens that are no text, such as Mistral's `[TOOL_CALLS]`."""
        return bool(self._markers)

    @property
    def is_chat(self) -> bool:
        """Whether the tokenizer has a chat template."""
        return bool(getattr(self.tokenizer, "chat_template", None))

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """The ids of `prompt`, ready for the first token of the answer."""
        return self._ids(prompt, "")

    def strings(self, request: ScoreRequest) -> list[TokenString]:
        """The token strings of a request, all with the same prefix."""
        alone = self._ids(request.prompt, "")
        full = [self._ids(request.prompt, continuation) for continuation in request.continuations]
        split = min(_shared(alone, ids) for ids in full)
        if split == 0:
            # The model predicts nothing before its first token, so one token at least must stand there unchanged.
            msg = "The prompt is too short: its first token already depends on the continuation; begin it with a text."
            raise InvalidInputError(msg)
        end = []
        if request.end_token:
            if self._end_id is None:
                msg = "`end_token` is True, and the tokenizer has no end token; score without it."
                raise InvalidInputError(msg)
            end = [self._end_id]
        for ids, text in zip(full, request.continuations, strict=True):
            if len(ids) <= split:
                msg = f"`continuations` holds {text!r}, which adds no token to the prompt; give a visible text."
                raise InvalidInputError(msg)
        return [TokenString(prefix=tuple(ids[:split]), continuation=(*ids[split:], *end)) for ids in full]

    def is_canonical(self, prompt: Prompt, text: str, ids: Sequence[int]) -> bool:
        """Whether tokenising `prompt` and `text` together gives the prompt's tokens and then `ids`."""
        return self._ids(prompt, text) == [*self._ids(prompt, ""), *ids]

    def text(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, special tokens left out but for the markers of a tool call."""
        pieces = []
        for marks, run in groupby(ids, self._markers.__contains__):
            options = {"skip_special_tokens": not marks, "clean_up_tokenization_spaces": False}
            pieces.append(self.tokenizer.decode(list(run), **options))
        return "".join(pieces)

    def plain_ids(self, text: str) -> list[int]:
        """The ids of `text` alone, no special tokens added."""
        return self._encode(text, add_special_tokens=False)

    def written_call(self, name: str, arguments: str) -> str:
        """What the chat template writes where the assistant calls a tool; see `call_rendering`."""
        ends = self.tokenizer.convert_ids_to_tokens(sorted(self.end_ids))
        return written_call(self._render, name, arguments, ends=ends)

    def _call_markers(self, control: Mapping[str, int]) -> frozenset[int]:
        """The special tokens that the template writes in a tool call."""
        try:
            written = self.written_call("f", "{}") if self.is_chat else ""
        except InvalidInputError:
            return frozenset()
        return frozenset(number for name, number in control.items() if name in written)

    def _ids(self, prompt: Prompt, continuation: str) -> list[int]:
        if isinstance(prompt, ChatPrompt):
            turns, tools = turns_of(prompt), [json.loads(tool) for tool in prompt.tools]
            mark = unused_mark(json.dumps([turns, tools], ensure_ascii=False) + continuation)
            hide = partial(self._special.cut, mark=mark)
            shown = self._render(changed(turns, hide), tools=changed(tools, hide))
            # With tools, the markers of a tool call are the assistant's own tokens; without, nobody's.
            answer = self._control.cut(continuation, mark) if tools else hide(continuation)
            return self._encoded(shown + answer, mark, add_special_tokens=False)
        text = prompt.text + continuation
        mark = unused_mark(text)
        return self._encoded(self._special.cut(text, mark), mark, add_special_tokens=True)

    def _render(self, turns: Sequence[Mapping[str, Any]], *, tools: Sequence[Any] = (), **options: object) -> str:
        if not self.is_chat:
            msg = "The wording is a chat and the model has no chat template; use a text wording such as 'qa'."
            raise InvalidInputError(msg)
        settings = {"tokenize": False, "add_generation_prompt": True, **options}
        rendered: str = self.tokenizer.apply_chat_template(turns, tools=list(tools) or None, **settings)
        if tools and rendered == self.tokenizer.apply_chat_template(turns, **settings):
            msg = "`tools` are given and the model's chat template does not show them; use a model that can call tools."
            raise InvalidInputError(msg)
        return rendered

    def _encoded(self, rendered: str, mark: str, *, add_special_tokens: bool) -> list[int]:
        """The ids of the pieces between the marks: what the template wrote as it stands, cut names as ordinary text."""
        first, *others = rendered.split(mark)
        ids = self._encode(first, add_special_tokens=add_special_tokens)
        if others:
            for piece in others:
                _check_unicode(piece)
            # One call for all of them: a text can hold a name every few characters.
            for encoded in self.tokenizer(others, add_special_tokens=False, verbose=False)["input_ids"]:
                ids += encoded
        if self._respelled:
            self._check_spelling([first, *others], ids)
        return ids

    def _check_spelling(self, pieces: Sequence[str], ids: Sequence[int]) -> None:
        """Refuses a text whose letters the tokenizer turns into a special token's name that is not there."""
        written = sum(map(self._respelled_names.count, pieces))
        read = [number for number in ids if number in self._respelled]
        own = sum(number in self._respelled for number in ids[:1])  # the tokenizer may begin every text with one
        if len(read) > written + own:
            name = self._respelled[read[-1]]
            msg = (
                f"The text holds another spelling of the special token {name!r}, which this tokenizer reads as the "
                "token; take it out."
            )
            raise InvalidInputError(msg)

    def _encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        _check_unicode(text)
        ids = list(self.tokenizer(text, add_special_tokens=add_special_tokens, verbose=False)["input_ids"])
        # Some tokenizers close every text with their end token; a prompt goes on.
        while add_special_tokens and len(ids) > 1 and ids[-1] == self.tokenizer.eos_token_id:
            ids.pop()
        return ids

    def _turn_end(self) -> int | None:
        """The token with which the chat template closes an assistant's turn; it need not be the end-of-text token."""
        word = "turn"
        turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": word}]
        closing = self._render(turns, add_generation_prompt=False).rpartition(word)[2]
        ids = self.tokenizer(closing, add_special_tokens=False, verbose=False)["input_ids"]
        end: int | None = next((token for token in ids if token in self.end_ids), self.tokenizer.eos_token_id)
        return end


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f"The text holds an unpaired surrogate at character {error.start}; remove it or decode the text again."
        raise InvalidInputError(msg) from error


def _shared(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
