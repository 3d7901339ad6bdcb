import json
import random

import pytest
from cli_running import BatchEngine, run, write_items
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_consensus.cli.output import OutputFile, Recorded, meta_path

ITEMS = [
    {
        "id": f"item-{i}",
        "question": f"Question {i}?",
        "choices": ["süß", "b", f"c{i}"],
        "answer_index": i % 3,
        "subject": "x",
    }
    for i in range(7)
]


@pytest.fixture
def items(tmp_path):
    return write_items(tmp_path / "items.jsonl", ITEMS)


def rank(path, *args, engine=None):
    return run(
        "rank", "--input", path, "--solver", "log_time_flow", "--batch-size", 3, *args, engine=engine or BatchEngine()
    )


def test_there_is_one_object_an_item_in_the_documented_form(items):
    ran = rank(items)
    assert ran.code == 0
    assert [one["id"] for one in ran.objects] == [item["id"] for item in ITEMS]
    for one, item in zip(ran.objects, ITEMS, strict=True):
        assert list(one)[:4] == ["id", "answer", "answer_index", "gold_index"]
        assert {"rule", "confidence", "agreement", "warnings", "candidates", "solver", "usage"} <= set(one)
        assert item["choices"][one["answer_index"]] == one["answer"]
        assert one["gold_index"] == item["answer_index"]
        assert set(one["solver"]) >= {"name", "outcome", "steps", "gap"}
        for candidate in one["candidates"]:
            assert set(candidate) >= {"text", "count", "generator", "discriminator", "scores"}
            assert set(candidate["generator"]) == {"correct", "incorrect", "tokens"}
            assert set(candidate["discriminator"]) == {"correct", "incorrect"}
            assert item["choices"][candidate["position"]] == candidate["text"]


def test_the_output_file_holds_what_stdout_would(items, tmp_path):
    out = tmp_path / "out.jsonl"
    ran = rank(items, "--output", out)
    assert (ran.code, ran.out) == (0, "")
    assert out.read_text("utf-8") == rank(items).out
    assert f"7 items, in {out}" in ran.err


def test_shuffle_and_limit_draw_the_items_that_python_draws(items):
    order = list(ITEMS)
    random.Random(0).shuffle(order)
    ran = rank(items, "--shuffle-seed", 0, "--limit", 4)
    assert [one["id"] for one in ran.objects] == [item["id"] for item in order[:4]]
    assert [one["id"] for one in rank(items, "--limit", 2).objects] == ["item-0", "item-1"]


def test_ids_default_to_line_numbers_and_null_is_nothing(tmp_path):
    question = {"question": "Q", "choices": ["a"], "id": None, "context": None, "answer_index": None}
    path = tmp_path / "items.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(question).encode() + b"\r\n\r\n" + json.dumps(question).encode())
    ran = rank(path)
    assert [one["id"] for one in ran.objects] == ["1", "3"]
    assert all("gold_index" not in one for one in ran.objects)
    assert ran.err == "2 items\n"  # no choice is known to be right, so there is nothing to count


def test_results_are_written_batch_by_batch(items, tmp_path):
    out = tmp_path / "out.jsonl"
    seen = []

    class Watching(BatchEngine):
        def score(self, requests):
            seen.append(len(out.read_bytes().splitlines()))
            return super().score(requests)

    rank(items, "--output", out, engine=Watching())
    assert seen == [0, 3, 6]


def test_an_item_that_fails_is_reported_in_its_place_and_the_rest_goes_on(tmp_path):
    broken = [*ITEMS[:4], {"id": "bad", "question": "BROKEN", "choices": ["a"], "answer_index": 0}, *ITEMS[4:]]
    path = write_items(tmp_path / "items.jsonl", broken)
    ran = rank(path)
    assert ran.code == 1
    assert [one["id"] for one in ran.objects] == [item["id"] for item in broken]
    assert ran.objects[4] == {"id": "bad", "gold_index": 0, "error": "the model failed\non this one"}
    assert f"error: {path}:5: 'bad' failed: the model failed on this one\n" in ran.err
    assert ran.err.endswith("8 items, 1 failed\n")


def test_an_interrupted_run_says_how_to_go_on_and_going_on_gives_the_same_bytes(items, tmp_path):
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    rank(items, "--output", whole)
    ran = rank(items, "--output", out, engine=BatchEngine(interrupt_at=3))
    assert ran.code == 130
    assert f"interrupted: 6 items are in {out}; run the same command again to go on." in ran.err
    assert whole.read_bytes().startswith(out.read_bytes())
    assert rank(items, "--output", out).code == 0
    assert out.read_bytes() == whole.read_bytes()
    ran = rank(items, engine=BatchEngine(interrupt_at=2))
    assert ran.code == 130
    assert len(ran.objects) == 3
    assert "with --output FILE a run can be continued" in ran.err


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_file_cut_anywhere_is_continued_to_the_same_bytes(items, tmp_path, share):
    # The engine's scores depend on what is in the batch, so this also shows that batches are composed as before.
    out = tmp_path / "out.jsonl"
    rank(items, "--output", out)
    data = out.read_bytes()
    out.write_bytes(data[: int(share * len(data))])
    ran = rank(items, "--output", out)
    assert ran.code == 0
    assert out.read_bytes() == data
    assert "7 items" in ran.err


def test_a_file_cut_at_any_byte_loses_only_its_last_line(tmp_path):
    recorded = Recorded(settings={"model": "m"}, notes={})
    records = [{"id": str(i), "answer": "süß €", "scores": [i, None]} for i in range(3)]
    out = tmp_path / "out.jsonl"
    with OutputFile(out, recorded) as file:
        for record in records:
            file.write(record)
    data = out.read_bytes()
    for cut in range(len(data) + 1):
        out.write_bytes(data[:cut])
        with OutputFile(out, recorded) as file:
            assert len(file.written) == data[:cut].count(b"\n")
            for record in records:
                if record["id"] not in file.written:
                    file.write(record)
        assert out.read_bytes() == data


def test_a_complete_file_needs_no_model(items, tmp_path):
    out = tmp_path / "out.jsonl"
    first = rank(items, "--output", out)
    engine = BatchEngine()
    second = rank(items, "--output", out, engine=engine)
    assert engine.calls == 0
    assert second.err == first.err
    assert second.code == 0


def test_a_longer_run_continues_a_shorter_one(items, tmp_path):
    out = tmp_path / "out.jsonl"
    rank(items, "--output", out, "--limit", 6)
    assert rank(items, "--output", out).code == 0
    assert [json.loads(line)["id"] for line in out.read_text("utf-8").splitlines()] == [item["id"] for item in ITEMS]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (["--wording", "chat_qa"], "`wording` is 'chat_qa' and was 'auto'"),
        (["--rule", "generator"], "`rule` is 'generator' and was 'er_discriminator'"),
        (["--model", "other"], "`model` is 'other' and was 'qwen2.5-coder-1.5b-instruct'"),
        (["--solver", "pikl"], "`solver` is 'pikl' and was 'log_time_flow'"),
        (["--min-confidence", "0.5"], "`min_confidence` is 0.5 and was None"),
        (["--shuffle-seed", "0"], "`shuffle_seed` is 0 and was None"),
        (["--batch-size", "2"], "`batch_size` is 2 and was 3"),
    ],
)
def test_results_of_other_settings_are_not_continued(items, tmp_path, change, name):
    out = tmp_path / "out.jsonl"
    rank(items, "--output", out, "--limit", 3)
    before = out.read_bytes()
    ran = rank(items, "--output", out, *change)
    assert ran.code == 2
    assert ran.err == (
        f"error: {out}: was made with other settings: {name}. Run with the same ones, give another --output, or delete "
        "the file to begin anew.\n"
    )
    assert out.read_bytes() == before


def test_results_of_another_input_are_not_continued(items, tmp_path):
    out = tmp_path / "out.jsonl"
    rank(items, "--output", out)
    write_items(items, ITEMS[1:])
    ran = rank(items, "--output", out)
    assert (ran.code, "`input_sha256`" in ran.err) == (2, True)


def test_outputs_that_cannot_be_continued_are_refused_and_left_alone(items, tmp_path):
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text("precious\n")
    ran = rank(items, "--output", foreign)
    assert (ran.code, foreign.read_text()) == (2, "precious\n")
    assert "there is no foreign.jsonl.meta.json" in ran.err
    out = tmp_path / "out.jsonl"
    rank(items, "--output", out)
    data = out.read_bytes()
    for bad, message in (
        (b"nothing\n" + data, f"{out}:1: is no result"),
        (b'{"id": "item-0"}\n', "not as it was written"),
    ):
        out.write_bytes(bad)
        ran = rank(items, "--output", out)
        assert (ran.code, message in ran.err) == (2, True)
        assert out.read_bytes() == bad
    out.write_bytes(data)
    meta_path(out).write_text("{")
    assert "cannot be understood" in rank(items, "--output", out).err
    assert "is the input" in rank(items, "--output", items).err
    assert "is no regular file" in rank(items, "--output", tmp_path).err
    missing = rank(items, "--output", tmp_path / "no" / "out.jsonl")
    assert (missing.code, "cannot be written (No such file or directory)" in missing.err) == (2, True)


def test_withheld_answers_are_marked_and_counted(items):
    ran = rank(items, "--min-confidence", 1)
    assert ran.code == 0
    assert all((one["answer"], one["answer_index"], one["abstained"]) == (None, None, True) for one in ran.objects)
    assert "7 items, 7 below the confidence asked for" in ran.err
