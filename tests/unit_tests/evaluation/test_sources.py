"""Where rows come from, and the one clear error for each thing that can be wrong with them."""

import importlib.util
import json

import pytest

from langchain_consensus.errors import InvalidInputError, MissingDependencyError
from langchain_consensus.evaluation import sources
from langchain_consensus.evaluation.sources import rows_of
from langchain_consensus.evaluation.tasks import TASKS

CHOICE = {"id": "a", "question": "Q?", "choices": ["x", "y"], "answer_index": 1}


def write(folder, name, *rows, file="dev.jsonl"):
    path = folder / name / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), "utf-8")
    return path


def test_local_rows_are_read_in_order_with_nulls_and_other_names_ignored(tmp_path):
    rows = [{**CHOICE, "context": None, "extra": 1}, "", {**CHOICE, "id": 7, "context": "c"}]
    path = write(tmp_path, "arc_easy", *rows)
    found = rows_of(TASKS["arc_easy"], tmp_path)
    assert [(row.id, row.context) for row in found.rows] == [("a", None), ("7", "c")]
    assert found.source == str(path)
    other = rows_of(TASKS["arc_easy"], tmp_path)
    assert other.sha256 == found.sha256
    write(tmp_path, "arc_easy", *rows[:1])
    assert rows_of(TASKS["arc_easy"], tmp_path).sha256 != found.sha256


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "the line is no JSON"),
        ("[1]", "Input should be a valid dictionary"),
        ('{"question": "Q?"}', "`id` is .*Field required"),
        (json.dumps({**CHOICE, "id": "b", "answer_index": 2}), "`answer_index` is 2; it must be a place in `choices`"),
        (json.dumps({**CHOICE, "id": "b", "answer_index": True}), "`answer_index` is True"),
        (json.dumps({**CHOICE, "id": "b", "choices": ["x", " "]}), "`choices.1` is ' ': a text needs at least one"),
        (json.dumps({**CHOICE, "id": "b", "question": "\ud800"}), "`question`"),
        (json.dumps(CHOICE), "`id` is 'a', which an earlier line has already"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_line(tmp_path, line, said):
    path = write(tmp_path, "arc_easy", CHOICE, line)
    with pytest.raises(InvalidInputError, match=said) as caught:
        rows_of(TASKS["arc_easy"], tmp_path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_named_by_file_and_line(tmp_path):
    path = write(tmp_path, "arc_easy", CHOICE)
    path.write_bytes(path.read_bytes() + b'{"id": "\xff"}\n')
    with pytest.raises(InvalidInputError, match=r"dev.jsonl:2: byte 9 of the line is no UTF-8"):
        rows_of(TASKS["arc_easy"], tmp_path)


def test_rows_that_lack_what_the_task_needs_are_named_by_their_id(tmp_path):
    open_row = {"id": "a", "question": "Q?", "answers": ["x"]}
    for task, row, said in (
        ("arc_easy", {**CHOICE, "answer_index": None}, "two `choices` and an `answer_index`"),
        ("arc_easy", {**CHOICE, "choices": ["x"], "answer_index": 0}, "two `choices`"),
        ("gsm8k", {"id": "a", "question": "Q?"}, "one of `answers`"),
        ("truthfulqa_gen", open_row, "one of `incorrect_answers`"),
    ):
        write(tmp_path, task, row)
        with pytest.raises(InvalidInputError, match=rf"item 'a' lacks what task '{task}' needs: at least {said}"):
            rows_of(TASKS[task], tmp_path)


def test_missing_and_empty_files_are_one_error(tmp_path):
    with pytest.raises(InvalidInputError, match=r"arc_easy/dev.jsonl: cannot be read"):
        rows_of(TASKS["arc_easy"], tmp_path)
    write(tmp_path, "arc_easy", "")
    with pytest.raises(InvalidInputError, match="holds no row"):
        rows_of(TASKS["arc_easy"], tmp_path)


def test_shots_come_from_their_own_file_and_a_task_without_one_says_so(tmp_path):
    write(tmp_path, "mmlu", {**CHOICE, "subject": "s"})
    write(tmp_path, "mmlu", {**CHOICE, "id": "shot", "subject": "s"}, file="fewshot.jsonl")
    assert [row.id for row in rows_of(TASKS["mmlu_5shot"], tmp_path).examples] == ["shot"]
    assert rows_of(TASKS["mmlu"], tmp_path).examples == ()
    write(tmp_path, "arc_easy", CHOICE)
    with pytest.raises(InvalidInputError, match="no file of few-shot examples"):
        rows_of(TASKS["arc_easy"].model_copy(update={"shots": 2}), tmp_path)


def test_without_a_folder_rows_come_from_the_hub_by_their_usual_ids(monkeypatch):
    asked = []

    def loaded(path, config, split):
        asked.append((path, config, split))
        return [{"input": "Help?", "targets": {"choices": [f"good {config}", "bad"], "labels": [1, 0]}}] * 2

    monkeypatch.setattr(sources, "_loaded", loaded)
    found = rows_of(TASKS["hhh"], None)
    assert asked == [
        ("HuggingFaceH4/hhh_alignment", config, "test") for config in ("harmless", "helpful", "honest", "other")
    ]
    assert found.rows[0].id == "hhh_alignment/harmless/test/0"
    assert len({row.id for row in found.rows}) == 8
    assert found.source == "HuggingFaceH4/hhh_alignment"


def test_a_hub_row_of_another_schema_is_named(monkeypatch):
    monkeypatch.setattr(sources, "_loaded", lambda *_: [{"question": "Q?"}])
    with pytest.raises(InvalidInputError, match=r"boolq/validation/0: the row is not as the reader 'boolq' expects"):
        rows_of(TASKS["boolq"], None)


def test_without_the_extra_or_the_network_the_error_says_what_to_do(monkeypatch):
    import datasets

    def offline(*_, **__):
        msg = "Couldn't reach 'google/boolq' on the Hub"
        raise ConnectionError(msg)

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(InvalidInputError, match=r"'google/boolq' cannot be loaded from the hub .*give `--data DIR`"):
        rows_of(TASKS["boolq"], None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install \"langchain-consensus\[eval\]\""):
        rows_of(TASKS["boolq"], None)
