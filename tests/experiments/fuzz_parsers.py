"""The parsers that `fuzz` tries: a sound input of each, how it is read, and the errors that it may end in."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import OutputParserException
from langchain_core.load import dumpd, load
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser
from pydantic import ValidationError

from langchain_consensus import ChatEquilibriumRanking, ConsensusOutputParser, ConsensusRanker, EquilibriumRankingLLM
from langchain_consensus.benchmarks.entries import Scope, Timing
from langchain_consensus.benchmarks.journal import Journal
from langchain_consensus.candidates import given
from langchain_consensus.chat.call_formats import CallFormat
from langchain_consensus.chat.tool_calls import json_key, reader, reply_key
from langchain_consensus.cli.items import read_items
from langchain_consensus.cli.output import OutputFile, Recorded, meta_path
from langchain_consensus.consensus import Consensus
from langchain_consensus.documents.wording import RELEVANCE_PRESETS, RelevanceWording
from langchain_consensus.engine import FakeEngine
from langchain_consensus.engine.check_memory import CheckMemory
from langchain_consensus.engine.facts import facts_of_folder
from langchain_consensus.engine.model_cache import find_damage
from langchain_consensus.errors import ConsensusError
from langchain_consensus.evaluation.rows import read_rows
from langchain_consensus.evaluation.stored import read_run
from langchain_consensus.evaluation.summary import summarised, summary_json
from langchain_consensus.evaluation.task import task_file
from langchain_consensus.prompts import PRESETS, Question, Wording
from langchain_consensus.results import ConsensusResult
from tests.unit_tests.evaluation.stored_data import given_lines

if TYPE_CHECKING:
    from collections.abc import Callable

_ITEM = {"id": "a", "question": "What?", "choices": ["x", "y"], "answer_index": 0, "context": "Here."}
_ROW = {**_ITEM, "answers": ["x"], "incorrect_answers": ["z"], "subject": "s", "rationale": "r"}
_SETTING = {"model": "tiny"}
_TIMING = {"workload": "arc", "method": "ours", "round": 1, "seconds": 1.5, "peak_bytes": 7, "tokens": 8}
_ADD = '{"type": "function", "function": {"name": "add", "description": "", "parameters": {"type": "object", '
_ADD += '"properties": {"a": {"type": "integer"}}, "required": ["a"]}}}'
_CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2}}\n</tool_call>'
_TASK = """name = "capitals"
kind = "exact"
data = "capitals.jsonl"
shots = 2
shots_file = "shots.jsonl"

[chat_wording]
name = "terse"
kind = "chat"
ask = "{context}{question} {condition}"
judge = "{question} {answer}?"
conditions = ["wrong", "right"]
verdicts = ["No", "Yes"]
"""


@dataclass(frozen=True, kw_only=True)
class Parser:
    """How one parser is tried."""

    kind: str
    """`lines` and `bytes` are files, `value` is plain JSON, `text` is text."""
    sound: Any
    read: Callable[[Any, Path], object]
    errors: tuple[type[Exception], ...] = (ConsensusError,)
    pieces: list[str] = field(default_factory=list)
    share: float = 1.0
    """How many of the inputs it is tried on: a summary solves games, which takes longer than reading."""


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _results(data: bytes, folder: Path) -> None:
    first, _, rest = data.partition(b"\n")
    _file(folder, "run.jsonl.meta.json", first)
    read_run(_file(folder, "run.jsonl", rest))


def _summary(data: bytes, folder: Path) -> None:
    first, _, rest = data.partition(b"\n")
    _file(folder, "run.jsonl.meta.json", first)
    summary_json(summarised(read_run(_file(folder, "run.jsonl", rest))))


def _packed(data: bytes, folder: Path) -> None:
    _file(folder, "run.jsonl.meta.json", json.dumps(_META).encode())
    read_run(_file(folder, "run.jsonl.gz", data))


def _output(data: bytes, folder: Path) -> None:
    first, _, rest = data.partition(b"\n")
    path = _file(folder, "out.jsonl", rest)
    meta_path(path).write_bytes(first)
    with OutputFile(path, Recorded(settings={"model": "m"}, notes={})) as output:
        output.write({"id": "new"})


def _journal(data: bytes, folder: Path) -> None:
    journal = Journal(_file(folder, "bench.jsonl", data), _SETTING)
    journal.of(Timing, "arc")
    journal.begin(Scope(workload="arc", questions=2, methods=["ours"], content="ab"))


def _wording(value: Any, folder: Path) -> None:
    del folder
    wording = Wording.model_validate(value)
    question = Question(text="What?", context="{context} {0}", choices=("x", "y"))
    engine = FakeEngine({"What?": {"x": 0.6, "y": 0.4}})
    for correctness in (0, 1):
        wording.generator_prompt(question, correctness)
    wording.discriminator_prompt(question, "{answer} {0}")
    Consensus(engine=engine, wording=wording).rank([given(question, ["x", "y"])])


def _relevance(value: Any, folder: Path) -> None:
    del folder
    wording = RelevanceWording.model_validate(value)
    wording.verdict_prompt("{passage} {query}", "{query}")
    wording.relevant_prompt("{0}")
    wording.irrelevant_prompt()


def _message(value: Any, folder: Path) -> None:
    del folder
    message = AIMessage(content="x", response_metadata={"consensus": value})
    result = ConsensusOutputParser(min_confidence=0.5, below="abstain").invoke(message)
    json.dumps(result.model_dump(mode="json"), allow_nan=False)


def _inner(text: str, folder: Path) -> None:
    del folder
    ConsensusOutputParser(inner=JsonOutputParser()).invoke(text)


def _saved(value: Any, folder: Path) -> None:
    del folder
    allowed = [EquilibriumRankingLLM, ChatEquilibriumRanking, ConsensusRanker]
    made = load(value, allowed_objects=allowed, valid_namespaces=["langchain_consensus"])
    engine = getattr(made, "engine", None)
    assert engine is None or not engine._held.options.trust_remote_code
    assert engine is None or engine._held.loaded is None


def _reply(text: str, folder: Path) -> None:
    del folder
    read = reader(
        [_ADD],
        CallFormat.read_from(
            '<tool_call>\n{"name": "name_of_the_tool", "arguments": {"argument": "value"}}\n</tool_call>'
        ),
    )
    reply = read(text)
    assert all(call.arguments is not None for call in reply.calls)
    reply_key(read, None)(text)
    json_key(text)


def _task(data: bytes, folder: Path) -> None:
    task = task_file(_file(folder, "task.toml", data))
    assert not task.data or Path(task.data).resolve().is_relative_to(folder.resolve())


def _cache(data: bytes, folder: Path) -> None:
    _file(folder, "manifest.json", data)
    find_damage(folder)
    memory = CheckMemory(folder / "checks")
    path = memory._path(("a",))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    memory.recall("a")


def _model_folder(data: bytes, folder: Path) -> None:
    inner = folder / "model"
    shutil.rmtree(inner, ignore_errors=True)
    inner.mkdir()
    for name in ("config.json", "tokenizer_config.json"):
        _file(inner, name, data)
    facts_of_folder(inner)


_META = {
    "settings": {
        "model": "m",
        "task": {"name": "arc", "kind": "choice"},
        "wording": PRESETS["chat_qa"].model_dump(mode="json"),
    },
    "notes": {"source": "here"},
}
_PACKED = "".join(json.dumps(one) + "\n" for one in given_lines(1, candidates=2)).encode()
_RESULT = ConsensusResult.of(
    Consensus(engine=FakeEngine({"What?": {"x": 0.6, "y": 0.4}})).rank([given("What?", ["x", "y"])])[0]
).model_dump(mode="json")

PARSERS: dict[str, Parser] = {
    "items (rank --input)": Parser(
        kind="lines", sound=[_ITEM, {**_ITEM, "id": "b"}], read=lambda d, f: read_items(_file(f, "i.jsonl", d))
    ),
    "rows (eval --data)": Parser(
        kind="lines", sound=[_ROW, {**_ROW, "id": "b"}], read=lambda d, f: read_rows(_file(f, "r.jsonl", d))
    ),
    "results (report)": Parser(kind="lines", sound=[_META, *given_lines(2, candidates=2)], read=_results),
    "summary of results (report)": Parser(
        kind="lines", sound=[_META, *given_lines(2, candidates=2)], read=_summary, share=0.02
    ),
    "packed results": Parser(kind="bytes", sound=gzip.compress(_PACKED, mtime=0), read=_packed),
    "results to go on with (rank, eval)": Parser(
        kind="lines", sound=[{"format": 1, "settings": {"model": "m"}, "notes": {}}, {"id": "a"}], read=_output
    ),
    "journal (bench --out)": Parser(
        kind="lines",
        sound=[
            {"kind": "setting", "format": 1, **_SETTING},
            {"kind": "scope", "workload": "arc", "questions": 2, "methods": ["ours"], "content": "ab"},
            {"kind": "timing", **_TIMING, "head_rows": 9, "forwards": 1, "session": "a"},
        ],
        read=_journal,
    ),
    "task (eval --task FILE.toml)": Parser(kind="bytes", sound=_TASK.encode(), read=_task),
    "Wording": Parser(
        kind="value",
        sound=PRESETS["chat_qa"].model_dump(mode="json"),
        read=_wording,
        errors=(ConsensusError, ValidationError),
    ),
    "RelevanceWording": Parser(
        kind="value",
        sound=RELEVANCE_PRESETS["relevance"].model_dump(mode="json"),
        read=_relevance,
        errors=(ConsensusError, ValidationError),
    ),
    "evidence of a message (ConsensusOutputParser)": Parser(
        kind="value", sound=_RESULT, read=_message, errors=(ConsensusError, ValidationError)
    ),
    "text with an inner parser (ConsensusOutputParser)": Parser(
        kind="text",
        sound='{"city": "Canberra"}',
        read=_inner,
        errors=(ConsensusError, OutputParserException),
        pieces=['{"a": ', "[", "]", "}", "```json\n", "```", '"', "1e999", "NaN", ",", "\0"],
    ),
    "saved object (load)": Parser(
        kind="value",
        sound=dumpd(EquilibriumRankingLLM.from_model_id("a/b", wording=PRESETS["qa"], num_candidates=3)),
        read=_saved,
        # `load` of langchain-core passes on what a constructor raises, and its own of what it does not allow.
        errors=(ConsensusError, ValueError, NotImplementedError, TypeError, KeyError, AttributeError),
    ),
    "tool call of a model (chat)": Parser(
        kind="text",
        sound=_CALL,
        read=_reply,
        pieces=[
            "<tool_call>",
            "</tool_call>",
            '{"name": "add", "arguments": ',
            '{"a": 2}',
            "{",
            "}",
            "[" * 1500,
            "\n",
            ",",
            "NaN",
            "1e999",
            '"name"',
            "```json\n",
            "```",
            "\0",
            "\u2028",
        ],
    ),
    "manifest and checks (cache)": Parser(
        kind="bytes",
        sound=b'{"format": 1, "files": {"a": 1, "../../b": 2}, "error": 1e-5, "attention": "sdpa"}',
        read=_cache,
        errors=(),
    ),
    "configuration of a model's folder": Parser(
        kind="bytes",
        sound=b'{"max_position_embeddings": 5, "text_config": {"max_position_embeddings": 7}, "chat_template": "x"}',
        read=_model_folder,
        errors=(),
    ),
}
