"""Whatever is wrong with the input, the program exits with 2 and one line that says what and where."""

import json

import pytest
from cli_running import run, write_items
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_consensus.engine.fake import FakeEngine
from langchain_consensus.errors import MissingDependencyError, ModelLoadError

GOOD = {"question": "Q", "choices": ["a", "b"]}


class Unloadable(FakeEngine):
    """Input must be refused before a model is loaded."""

    def __init__(self, error=None):
        super().__init__()
        self.error = error or AssertionError("the model was loaded")

    def token_ids(self, text):
        raise self.error


def refused(*args, engine=None):
    ran = run(*args, engine=engine or Unloadable())
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("error: ").rstrip("\n")


LINES = [
    (b"{", "the line is no JSON (Expecting property name"),
    (b'{"question": "Q"', "the line is no JSON"),
    (b"[1, 2]", "the line is [1, 2]; every line must be one JSON object"),
    (b'"text"', "the line is 'text'; every line must be one JSON object"),
    (b"[" * 100_000, "the line is no JSON (nested too deeply"),
    (b'{"a": ' + b"9" * 5000 + b"}", "the line is no JSON (Exceeds the limit"),
    (b'{"question": "\xff"}', "byte 15 of the line (0xff) is no UTF-8; save the file as UTF-8."),
    ({"choices": ["a"]}, "`question` is None; it must be a text with at least one visible character."),
    ({**GOOD, "question": " \t"}, "`question` is ' \\t'; it must be a text"),
    ({**GOOD, "question": 3}, "`question` is 3; it must be a text"),
    (b'{"question": "\\ud800", "choices": ["a"]}', "`question` is '\\ud800'; it holds half a surrogate pair"),
    ({"question": "Q"}, "`choices` is None; it must be a list of at least one text."),
    ({**GOOD, "choices": []}, "`choices` is []; it must be a list of at least one text."),
    ({**GOOD, "choices": "ab"}, "`choices` is 'ab'; it must be a list of at least one text."),
    ({**GOOD, "choices": ["a", ""]}, "`choices[1]` is ''; it must be a text with at least one visible character."),
    ({**GOOD, "choices": ["a", 2]}, "`choices[1]` is 2; it must be a text"),
    ({**GOOD, "context": 7}, "`context` is 7; it must be a text"),
    ({**GOOD, "id": ["x"]}, "`id` is ['x']; it must be a text"),
    ({**GOOD, "id": ""}, "`id` is ''; it must be a text"),
    ({**GOOD, "answer_index": 2}, "`answer_index` is 2; it must be a place in `choices`, from 0 to 1."),
    ({**GOOD, "answer_index": -1}, "`answer_index` is -1; it must be a place in `choices`, from 0 to 1."),
    ({**GOOD, "answer_index": True}, "`answer_index` is True; it must be a place"),
    ({**GOOD, "answer_index": "0"}, "`answer_index` is '0'; it must be a place"),
    ({**GOOD, "id": "first"}, "`id` is 'first', which line 1 has already; every item needs its own."),
]


@pytest.mark.parametrize(("line", "message"), LINES)
def test_a_bad_line_is_named_with_file_line_field_value_and_rule(tmp_path, line, message):
    raw = line if isinstance(line, bytes) else json.dumps(line).encode()
    path = tmp_path / "items.jsonl"
    path.write_bytes(json.dumps({**GOOD, "id": "first"}).encode() + b"\n\n" + raw + b"\n")
    assert refused("rank", "--input", path).startswith(f"{path}:3: {message}")


def test_an_id_that_is_missing_is_the_number_of_the_line_and_may_collide(tmp_path):
    path = write_items(tmp_path / "items.jsonl", [{**GOOD, "id": 2}, GOOD])
    assert "items.jsonl:2: `id` is '2', which line 1 has already" in refused("rank", "--input", path)


def test_files_that_cannot_be_read(tmp_path):
    assert "missing.jsonl: cannot be read (No such file or directory)" in refused(
        "rank", "--input", tmp_path / "missing.jsonl"
    )
    assert "cannot be read (Is a directory)" in refused("rank", "--input", tmp_path)
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"\n \n")
    assert refused("rank", "--input", empty).startswith(f"{empty}: holds no item; it must hold one JSON object a line")
    utf_16 = tmp_path / "utf_16.jsonl"
    utf_16.write_text(json.dumps(GOOD), encoding="utf-16")
    assert "utf_16.jsonl:1: byte 1 of the line (0xff) is no UTF-8" in refused("rank", "--input", utf_16)


ARGUMENTS = [
    (["ask"], "Missing argument"),
    (["ask", ""], "`question` is ''; it must be a text"),
    (["ask", "Q", "--context", " "], "`context` is ' '; it must be a text"),
    (["ask", "Q", "--n", 0], "`n` is 0; it must be a whole number of at least 1."),
    (["ask", "Q", "--n", "many"], "Invalid value for '--n'"),
    (["ask", "Q", "--max-new-tokens", 0], "`max_new_tokens` is 0"),
    (["ask", "Q", "--temperature", -1], "`temperature` is -1.0"),
    (["ask", "Q", "--temperature", "nan"], "`temperature` is nan"),
    (["ask", "Q", "--top-p", 0], "`top_p` is 0.0"),
    (["ask", "Q", "--top-k", -1], "`top_k` is -1"),
    (["ask", "Q", "--seed", -1], "`seed` is -1"),
    (["ask", "Q", "--wording", "odd"], "`wording` is 'odd'; the presets are ['agent_answer'"),
    (["ask", "Q", "--wording", "multiple_choice"], "Wording 'multiple_choice' lists the choices"),
    (["ask", "Q", "--rule", "odd"], "`rule` is 'odd'; it must be one of ['generator'"),
    (["ask", "Q", "--solver", "odd"], "`solver` is 'odd'; it must be one of ['equilibrium'"),
    (["ask", "Q", "--model", " "], "`model` is ' '; it must be a text"),
    (["ask", "Q", "--min-confidence", 1.5], "`min_confidence` is 1.5; it must be from 0 to 1."),
    (["ask", "Q", "--min-confidence", "nan"], "`min_confidence` is nan"),
    (["ask", "Q", "--nope"], "No such option"),
    (["rank"], "Give a QUESTION with at least one --candidate, or --input FILE.jsonl."),
    (["rank", "Q"], "Give a QUESTION with at least one --candidate"),
    (["rank", "--candidate", "a"], "Give a QUESTION with at least one --candidate"),
    (["rank", "Q", "--candidate", ""], "`candidate` is ''; it must be a text"),
    (["rank", "Q", "--candidate", "a", "--output", "o"], "--output needs --input FILE"),
    (["rank", "Q", "--candidate", "a", "--limit", 0], "--limit needs --input FILE"),
    (["rank", "Q", "--candidate", "a", "--shuffle-seed", 0], "--shuffle-seed needs --input FILE"),
    (["rank", "Q", "--input", "x"], "QUESTION has no meaning beside --input"),
    (["rank", "--candidate", "a", "--input", "x"], "--candidate has no meaning beside --input"),
    (["rank", "--context", "a", "--input", "x"], "--context has no meaning beside --input"),
    (["rank", "--input", "x", "--batch-size", 0], "`batch_size` is 0; it must be a whole number of at least 1."),
    ([], "Missing command"),
    (["nope"], "No such command 'nope'"),
]


@pytest.mark.parametrize(("args", "message"), ARGUMENTS)
def test_a_bad_argument_is_named_with_its_value_and_rule(args, message):
    assert message in refused(*args)


def test_limits_below_one_are_refused(tmp_path):
    path = write_items(tmp_path / "items.jsonl", [GOOD])
    assert refused("rank", "--input", path, "--limit", 0) == "`limit` is 0; it must be a whole number of at least 1."


def test_a_wording_that_cannot_ask_an_item_is_refused_with_its_line(tmp_path):
    path = write_items(tmp_path / "items.jsonl", [GOOD, {**GOOD, "choices": [str(i) for i in range(27)]}])
    message = refused("rank", "--input", path, "--wording", "multiple_choice")
    assert message.startswith(f"{path}:2: Wording 'multiple_choice' lists the choices and the question has 27")


def test_a_chat_wording_on_a_model_without_a_template_is_refused():
    message = refused("ask", "Q", "--wording", "chat_qa", engine=FakeEngine(is_chat=False))
    assert message.startswith("`wording` is 'chat_qa', a chat, and 'fake' has no chat template; use 'qa'")


@pytest.mark.parametrize("error", [MissingDependencyError("run: pip install x"), ModelLoadError("no such\n\nmodel")])
def test_a_model_that_cannot_be_loaded_is_bad_input(error):
    assert refused("ask", "Q", engine=Unloadable(error)) == " ".join(str(error).split())


def test_an_unknown_model_is_bad_input(tmp_path):
    from typer.testing import CliRunner

    from langchain_consensus.cli import app

    result = CliRunner().invoke(app, ["ask", "Q", "--model", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "none" in result.stderr
    assert result.stderr.count("\n") == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
texts = st.text(max_size=5)
near_items = st.fixed_dictionaries(
    {"question": texts | json_values, "choices": st.lists(texts, max_size=3) | json_values},
    optional={
        "id": texts | st.integers(),
        "context": texts | json_values,
        "answer_index": st.integers(-1, 3) | json_values,
    },
)
lines = st.one_of(st.binary(max_size=30), near_items.map(lambda item: json.dumps(item).encode()), st.just(b""))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lines, max_size=4))
def test_no_file_whatsoever_makes_anything_but_results_or_one_line(tmp_path, content):
    path = tmp_path / "fuzz.jsonl"
    path.write_bytes(b"\n".join(content))
    ran = run("rank", "--input", path, "--solver", "log_time_flow", engine=FakeEngine())
    assert ran.code in (0, 2)
    if ran.code == 2:
        assert ran.err.startswith(f"error: {path}:")
        assert ran.err.count("\n") == 1
    else:
        assert all(one["answer"] is not None for one in ran.objects)
