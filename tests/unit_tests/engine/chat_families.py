"""Tokenizers whose chat templates write tool calls as the families of models do; made for the tests."""

import json

import transformers
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

_TOOLS = "{% if tools %}{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}{% endif %}"
_SAID = "<|turn|>{{ m.role }}\n{{ m.content }}<eos>\n"
_ASK = "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}"


def _template(call, *, between="", turn="<|turn|>assistant\n", ask=_ASK, ids=False):
    """A template that writes every call of a turn with `call`, a Jinja text with `c` (name, arguments) and `id`."""
    check = "{% if t.id | length != 9 %}{{ raise_exception('ids have nine characters') }}{% endif %}" if ids else ""
    return (
        _TOOLS + "{% for m in messages %}{% if m.tool_calls %}" + turn + "{{ m.content }}"
        "{% for t in m.tool_calls %}{% set c = t.function %}{% set id = t.id %}"
        + check
        + call
        + between
        + "{% endfor %}"
        "<eos>\n{% else %}" + _SAID + "{% endif %}{% endfor %}" + ask
    )


_NAME_AND = '{"name": "{{ c.name }}", "KEY": {{ c.arguments | tojson }}'
TEMPLATES = {
    "hermes": _template(
        "<tool_call>\n" + _NAME_AND.replace("KEY", "arguments") + "}\n</tool_call>",
        between="{{ '\n' if not loop.last }}",
    ),
    "thinking": _template(
        "<think>\n\n</think>\n\n<tool_call>\n" + _NAME_AND.replace("KEY", "arguments") + "}\n</tool_call>"
    ),
    "llama": _template(_NAME_AND.replace("KEY", "parameters") + "}"),
    "mistral": _template(
        "[TOOL_CALLS] [" + _NAME_AND.replace("KEY", "arguments") + ', "id": "{{ id }}"}]', turn="", ask="", ids=True
    ),
    "mistral_parted": _template("[TOOL_CALLS]{{ c.name }}[ARGS]{{ c.arguments | tojson }}", turn="", ask=""),
}
UNKNOWN = {
    "python": _template("[{{ c.name }}(argument='value')]"),
    "nested": _template(
        '<tool_call>{"type": "function", "function": {"name": "{{ c.name }}", "arguments": {{ c.arguments | tojson }}}}'
    ),
    "arguments_as_text": _template(
        '<tool_call>{"name": "{{ c.name }}", "arguments": {{ c.arguments | tojson | tojson }}}'
    ),
    "xml": _template("<function={{ c.name }}>{{ c.arguments | tojson }}</function>"),
}
MARKERS = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
CONTROL = ["[TOOL_CALLS]", "[ARGS]"]


def family_tokenizer(template: str) -> PreTrainedTokenizerFast:
    """The tiny tokenizer with this template, and the families' markers as tokens: Mistral's are special ones."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer().backend_tokenizer.from_str(tiny_tokenizer().backend_tokenizer.to_str()),
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
    )
    tokenizer.add_tokens([AddedToken(name, special=False, normalized=False) for name in MARKERS])
    tokenizer.add_tokens([AddedToken(name, special=True, normalized=False) for name in CONTROL], special_tokens=True)
    tokenizer.chat_template = template
    return tokenizer


def family_model() -> transformers.PreTrainedModel:
    """A tiny model with room for the families' markers."""
    return tiny_model("llama_wide")


def tool_schema(name="add", **properties):
    """The JSON text of a tool with these properties, all required."""
    parameters = {"type": "object", "properties": properties, "required": sorted(properties)}
    return json.dumps({"type": "function", "function": {"name": name, "description": "", "parameters": parameters}})
