"""`eval` and `report` as a user runs them: files, tables, resumption and one-line errors."""

import gzip
import importlib.util
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_running import BatchEngine, run, write_items
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_consensus.engine import FakeEngine, TransformersEngine
from tests import recount
from tests.unit_tests.engine.tiny_models import tiny_model, tiny_tokenizer

ITEMS = [
    {"id": f"item-{i}", "question": f"Question {i}?", "choices": ["süß", f"b{i}", f"c{i}"], "answer_index": i % 3}
    for i in range(11)
]
OPEN = [
    {"id": f"open-{i}", "question": f"What is {i}?", "answers": ["I do not know" if i % 2 else "x"]} for i in range(5)
]


@pytest.fixture
def data(tmp_path):
    for name, rows in (("arc_easy", ITEMS), ("nq_open", OPEN)):
        (tmp_path / "data" / name).mkdir(parents=True)
        write_items(tmp_path / "data" / name / "dev.jsonl", rows)
    return tmp_path / "data"


def evaluate(data, out, *args, task="arc_easy", engine=None):
    return run(
        "eval", "--task", task, "--data", data, "--output", out, "--batch-size", 3, *args,
        engine=engine or BatchEngine(),
    )  # fmt: skip


def files(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_a_run_stores_scores_and_a_summary_that_says_how_it_was_made(data, tmp_path):
    out = tmp_path / "out"
    ran = evaluate(data, out)
    assert ran.code == 0
    assert set(files(out)) == {
        "arc_easy.chat_qa.jsonl", "arc_easy.chat_qa.jsonl.meta.json", "arc_easy.chat_qa.summary.json",
    }  # fmt: skip
    lines = [json.loads(line) for line in (out / "arc_easy.chat_qa.jsonl").read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == [item["id"] for item in ITEMS]
    assert "süß" not in (out / "arc_easy.chat_qa.jsonl").read_text("utf-8")
    summary = json.loads((out / "arc_easy.chat_qa.summary.json").read_text("utf-8"))
    assert (summary["task"], summary["wording"], summary["items"], summary["failed"]) == ("arc_easy", "chat_qa", 11, 0)
    assert summary["settings"]["model_hash"].startswith("sha256:cc324af0")
    assert "Give the {condition} answer" in summary["settings"]["wording"]["ask"]
    assert {"python", "torch", "transformers", "langchain-consensus"} <= set(summary["notes"]["versions"])
    accuracy = summary["metrics"]["accuracy"]
    for method, right in recount.rights(lines, "mean").items():
        found = accuracy["methods"][method]["accuracy"]
        assert (found["right"], found["of"]) == (sum(right), 11), method
        assert found["low"] <= found["value"] <= found["high"]
    assert set(accuracy["methods"]["er_discriminator"]["against"]) == {
        "generator", accuracy["best_view"], "normalised_product",
    }  # fmt: skip
    assert {"disagreement", "wrong_where_agreed", "label_mass", "judge_flat"} <= set(accuracy["views"])
    assert "n=11, er_discriminator" in ran.err
    assert "against the best view" in ran.err


def test_open_questions_have_votes_greedy_decoding_and_best_of_n_too(data, tmp_path):
    out = tmp_path / "out"
    ran = evaluate(data, out, "--n", 4, "--max-new-tokens", 6, task="nq_open")
    assert ran.code == 0
    lines = [json.loads(line) for line in (out / "nq_open.chat_short.jsonl").read_text("utf-8").splitlines()]
    assert all(sum(c["count"] for c in line["candidates"]) == 4 for line in lines)
    summary = json.loads((out / "nq_open.chat_short.summary.json").read_text("utf-8"))
    methods = summary["metrics"]["accuracy"]["methods"]
    assert methods["greedy"]["confidence"] is None
    for method, right in recount.rights(lines, "sum").items():
        assert methods[method]["accuracy"]["right"] == sum(right), method


def test_several_tasks_and_wordings_are_one_command(data, tmp_path):
    out = tmp_path / "out"
    ran = evaluate(data, out, "--wording", "chat_qa", "--wording", "chat_words", "--limit", 4)
    assert ran.code == 0
    assert {name for name in files(out) if name.endswith(".jsonl")} == {
        "arc_easy.chat_qa.jsonl", "arc_easy.chat_words.jsonl",
    }  # fmt: skip
    across = run("report", out, columns=400).out.partition("## Runs of one task")[2]
    assert "| arc_easy | chat_words, qwen2.5-coder-1.5b-instruct | chat_qa, qwen2.5-coder-1.5b-instruct | 4 |" in across
    judges = run("report", out, "--judges", columns=400).out.partition("## ER-D with one judge and with two")[2]
    assert "| arc_easy | chat_qa, qwen2.5-coder-1.5b-instruct | chat_words, qwen2.5-coder-1.5b-instruct | 4 |" in judges


def test_a_model_without_a_chat_template_is_asked_in_plain_text(data, tmp_path):
    out = tmp_path / "out"
    assert evaluate(data, out, engine=FakeEngine(is_chat=False)).code == 0
    assert "arc_easy.qa.jsonl" in files(out)


def test_a_task_of_ones_own_runs_from_its_file(data, tmp_path):
    task = tmp_path / "mine.toml"
    task.write_text('name = "mine"\nkind = "choice"\ndata = "data/arc_easy/dev.jsonl"\n')
    out = tmp_path / "out"
    assert run("eval", "--task", task, "--output", out, engine=BatchEngine()).code == 0
    assert "mine.chat_qa.summary.json" in files(out)


def test_the_same_command_again_needs_no_model_and_gives_the_same_bytes(data, tmp_path):
    out = tmp_path / "out"
    evaluate(data, out)
    before = files(out)
    engine = BatchEngine()
    assert evaluate(data, out, engine=engine).code == 0
    assert engine.calls == 0
    assert files(out) == before


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_scores_cut_anywhere_are_continued_to_the_same_bytes(data, tmp_path, share):
    # The engine's scores depend on what is in the batch, so this also shows that batches are composed as before.
    out = tmp_path / "out"
    evaluate(data, out)
    before = files(out)
    scores = out / "arc_easy.chat_qa.jsonl"
    scores.write_bytes(scores.read_bytes()[: int(share * len(scores.read_bytes()))])
    (out / "arc_easy.chat_qa.summary.json").unlink()
    assert evaluate(data, out).code == 0
    assert files(out) == before


def test_a_short_run_made_longer_is_the_long_run_to_the_byte(data, tmp_path):
    short, whole = tmp_path / "short", tmp_path / "whole"
    for limit in (4, 8, 11):
        assert evaluate(data, short, "--limit", limit).code == 0
        evaluate(data, whole, "--limit", limit)
    assert files(short) == files(whole)
    assert evaluate(data, tmp_path / "once").code == 0
    assert files(short) == files(tmp_path / "once")


KILLED = """
import sys, time
from unittest.mock import patch
from tests.unit_tests.cli.cli_running import BatchEngine
from langchain_consensus.cli import app

class Slow(BatchEngine):
    def score(self, requests):
        time.sleep(0.2)
        return super().score(requests)

with patch("langchain_consensus.cli.engines.make_engine", lambda *_, **__: Slow()):
    app(sys.argv[1:])
"""


def test_a_run_killed_at_a_random_moment_is_continued_to_the_same_bytes(data, tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "out"
    root = Path(__file__).parents[3]
    args = ["eval", "--task", "arc_easy", "--data", str(data), "--batch-size", "3", "--output"]
    assert run(*args, whole, engine=BatchEngine()).code == 0
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *args, str(out)],
        cwd=root, env={"PYTHONPATH": f"{root}:{root / 'tests/unit_tests/cli'}", "PATH": ""}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    scores = out / "arc_easy.chat_qa.jsonl"
    deadline = time.monotonic() + 60
    while not (scores.exists() and scores.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(random.random() * 0.4)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert scores.exists()
    assert run(*args, out, engine=BatchEngine()).code == 0
    assert files(out) == files(whole)


def test_interruption_says_how_to_go_on(data, tmp_path):
    ran = evaluate(data, tmp_path / "out", engine=BatchEngine(interrupt_at=3))
    assert ran.code == 130
    assert "interrupted: 6 items are in" in ran.err
    assert "run the same command again to go on" in ran.err


def test_an_item_that_fails_is_reported_and_counted_and_the_rest_goes_on(data, tmp_path):
    broken = [*ITEMS[:4], {"id": "bad", "question": "BROKEN", "choices": ["a", "b"], "answer_index": 0}, *ITEMS[4:]]
    write_items(data / "arc_easy" / "dev.jsonl", broken)
    ran = evaluate(data, tmp_path / "out")
    assert ran.code == 1
    assert "'bad' failed: the model failed on this one" in ran.err
    assert "n=11 (1 failed)" in ran.err


def test_scores_of_other_settings_are_not_continued_and_nothing_is_overwritten(data, tmp_path):
    out = tmp_path / "out"
    evaluate(data, out)
    before = files(out)
    for change, name in (
        (["--model", "qwen2.5-coder-0.5b-instruct"], "`model` is 'qwen2.5-coder-0.5b-instruct'"),
        (["--shuffle-seed", "1"], "`shuffle_seed` is 1 and was None"),
        (["--token-budget", "64"], "`token_budget` is 64 and was 512"),
    ):
        ran = evaluate(data, out, *change)
        assert (ran.code, name in ran.err) == (2, True), ran.err
    write_items(data / "arc_easy" / "dev.jsonl", ITEMS[1:])
    ran = evaluate(data, out)
    assert (ran.code, "`data_sha256`" in ran.err) == (2, True)
    assert files(out) == before


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--task", "chess"], "`task` is 'chess'; it must be a TOML file or one of mmlu"),
        (["--wording", "rude"], "`wording` is 'rude'"),
        (["--limit", "0"], "`limit` is 0; it must be a whole number of at least 1"),
        (["--n", "0"], "`n` is 0"),
        (["--shots", "3"], "no file of few-shot examples"),
        (["--baseline", "best"], "`baseline` is 'best'"),
        (["--baseline", "majority"], "`baseline` is 'majority', which needs draws"),
        (["--engine", "cloud"], "`engine` is 'cloud'; it must be one of local, server"),
        (["--engine", "server"], "`engine` is 'server'; a server needs --base-url"),
        (["--engine", "local", "--base-url", "http://localhost:8000"], "a local model has none"),
        (["--task", "gsm8k"], "gsm8k/dev.jsonl: cannot be read (No such file or directory)"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(data, tmp_path, args, said):
    ran = evaluate(data, tmp_path / "out", *args)
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_malformed_line_and_a_chat_for_a_model_without_one_are_one_line(data, tmp_path):
    out = tmp_path / "out"
    ran = evaluate(data, out, "--wording", "chat_qa", engine=FakeEngine(is_chat=False))
    assert (ran.code, "a chat, and 'fake' has no chat template" in ran.err) == (2, True)
    path = data / "arc_easy" / "dev.jsonl"
    path.write_text(path.read_text("utf-8") + '{"id": "x"}\n', "utf-8")
    ran = evaluate(data, out)
    assert (ran.code, f"{path}:12: `question` is" in ran.err) == (2, True)
    assert not out.exists()


def test_the_report_compares_runs_in_markdown_and_draws_plots(data, tmp_path):
    out = tmp_path / "out"
    evaluate(data, out)
    evaluate(data, out, "--n", 4, task="nq_open")
    ran = run("report", out, columns=400)
    assert ran.code == 0
    overview = [line for line in ran.out.splitlines() if line.startswith("| arc_easy")]
    summary = json.loads((out / "arc_easy.chat_qa.summary.json").read_text("utf-8"))
    shown = 100 * summary["metrics"]["accuracy"]["methods"]["er_discriminator"]["accuracy"]["value"]
    assert f"{shown:.1f}" in overview[0]
    assert "## nq_open, chat_short, fake" in ran.out or "## nq_open, chat_short" in ran.out
    assert re.search(r"ER-D \(er_discriminator\) \| \d+\.\d \[\d+\.\d, \d+\.\d\]", ran.out)
    assert "wrong where they agree" in ran.out
    markdown, plots = tmp_path / "r.md", tmp_path / "plots"
    assert run("report", out, "--markdown", markdown, "--plots", plots).code == 0
    assert markdown.read_text("utf-8").rstrip().startswith("| task | wording | model | n |")
    assert {path.name for path in plots.iterdir()} == {"accuracy.png", "calibration.png", "risk_coverage.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots.iterdir())


def test_tables_have_as_many_cells_in_every_row(data, tmp_path):
    out = tmp_path / "out"
    evaluate(data, out)
    markdown = tmp_path / "r.md"
    run("report", out, "--markdown", markdown, "--variants")
    tables = re.findall(r"(?:^\|.*\n)+", markdown.read_text("utf-8"), flags=re.M)
    assert len(tables) == 3
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "lambda_G 1, lambda_D 0.1" in tables[-1]
    assert "| length sum |" in tables[-1]
    assert "| T 500 |" in tables[-1]


def test_fewer_draws_are_reported_where_answers_were_drawn_and_nowhere_else(data, tmp_path):
    out = tmp_path / "out"
    evaluate(data, out)
    evaluate(data, out, "--n", 4, task="nq_open")
    shown = run("report", out, "--draws", columns=400).out
    assert shown.count("with fewer of the draws") == 1
    assert "nq_open, chat_short" in shown.partition("with fewer of the draws")[0].splitlines()[-1]
    assert "with fewer of the draws" not in run("report", out).out


def test_a_gzipped_file_with_its_notes_beside_it_is_enough(data, tmp_path):
    out, published = tmp_path / "out", tmp_path / "published"
    evaluate(data, out)
    published.mkdir()
    scores = (out / "arc_easy.chat_qa.jsonl").read_bytes()
    (published / "arc_easy.chat_qa.jsonl.gz").write_bytes(gzip.compress(scores))
    name = "arc_easy.chat_qa.jsonl.meta.json"
    (published / name).write_bytes((out / name).read_bytes())
    assert run("report", published).out == run("report", out).out


def test_other_lengths_and_baselines_need_no_model(data, tmp_path):
    out = tmp_path / "out"
    evaluate(data, out)
    assert "generator scores: per_character" in run("report", out, "--length", "per_character").out
    assert "minus D raw" in run("report", out, "--baseline", "discriminator_raw", columns=400).out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["--baseline", "best", "x"], "`baseline` is 'best'"),
        (["--baseline", "majority"], "candidates that were given have no majority"),
        (["--length", "long", "x"], "`length` is 'long'; it must be one of sum, mean, per_character"),
        (["--markdown", "/nowhere/x.md", "x"], "there is no folder /nowhere"),
    ],
)
def test_bad_input_to_the_report_is_one_line(data, tmp_path, args, said):
    out = tmp_path / "out"
    evaluate(data, out)
    ran = run("report", *args, *([out] if args[-1] == "majority" else []))
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no .jsonl file" in run("report", empty).err


def test_a_server_is_asked_where_there_is_an_address_and_the_summary_says_so(data, tmp_path):
    args = ("--base-url", "http://localhost:8000/v1", "--model", "org/model", "--tokenizer", "org/tokenizer")
    assert evaluate(data, tmp_path / "out", *args).code == 0
    summary = json.loads((tmp_path / "out" / "arc_easy.chat_qa.summary.json").read_text("utf-8"))
    found = {name: summary["settings"][name] for name in ("engine", "model", "tokenizer", "model_hash")}
    assert found == {"engine": "server", "model": "org/model", "tokenizer": "org/tokenizer", "model_hash": None}
    assert evaluate(data, tmp_path / "out", *args, "--engine", "server").code == 0


def test_without_the_extra_both_commands_say_what_to_install(data, tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "scipy" else real(name, *rest))
    for ran in (evaluate(data, tmp_path / "out"), run("report", tmp_path)):
        assert ran.code == 2
        assert ran.err.startswith('error: scipy is not installed; run: pip install "langchain-consensus[eval]" (')
        assert ran.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("chunks_done", [1, 2, 3])
def test_a_real_engines_scores_do_not_depend_on_where_a_run_was_cut(data, tmp_path, chunks_done):
    def engine():
        return TransformersEngine.from_model(tiny_model("llama"), tiny_tokenizer(), prefix_cache_bytes=0)

    out = tmp_path / "out"
    assert evaluate(data, out, engine=engine()).code == 0
    before = files(out)
    scores = out / "arc_easy.chat_qa.jsonl"
    lines = scores.read_bytes().splitlines(keepends=True)
    scores.write_bytes(b"".join(lines[: 3 * chunks_done - 1]))
    assert evaluate(data, out, engine=engine()).code == 0
    assert files(out) == before
