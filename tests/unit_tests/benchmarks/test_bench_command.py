"""`bench` as a user runs it: its files, its table, and its one-line errors."""

import importlib.util
import json
from pathlib import Path

import pytest
from bench_data import shrink, tiny_subject, write_sets
from typer.testing import CliRunner

from langchain_consensus.cli import app


def bench(*args):
    result = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["bench", *map(str, args)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def data(tmp_path, monkeypatch):
    shrink(monkeypatch)
    monkeypatch.setattr("langchain_consensus.cli.bench_job.load_subject", lambda *_, **__: tiny_subject())
    folder = tmp_path / "data"
    folder.mkdir()
    return write_sets(folder)


def test_a_run_shows_a_table_and_writes_json_markdown_and_a_plot(data, tmp_path):
    files = {"--json": tmp_path / "b.json", "--markdown": tmp_path / "b.md", "--plot": tmp_path / "b.png"}
    names = ("arc", "mmlu5", "rag", "sample", "candidates", "batch")
    result = bench(
        "--data", data, "--model", "tiny", "--questions", 1, "--repeats", 2,
        *(part for name in names for part in ("--workload", name)),
        "--peer", "padded", "--peer", "generate",
        *(part for pair in files.items() for part in pair),
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "padded" in result.stdout
    assert "GFLOP" in result.stdout
    report = json.loads(files["--json"].read_text())
    assert [one["name"] for one in report["workloads"]] == list(names)
    assert report["environment"]["versions"]["torch"]
    for one in report["workloads"]:
        assert all(len(method["seconds"]) == 2 for method in one["methods"])
    arc, *_, candidates, batch = report["workloads"]
    assert arc["methods"][0]["tokens"] == arc["forest_tokens"] < arc["string_tokens"]
    assert [one["name"] for one in arc["methods"]] == ["ours", "padded"]
    assert arc["methods"][1]["difference"] < 1e-4
    assert arc["ratios"]["padded"] == pytest.approx(
        arc["methods"][1]["median_seconds"] / arc["methods"][0]["median_seconds"]
    )
    assert [one["name"] for one in candidates["methods"]] == ["1", "3"]
    assert [one["name"] for one in batch["methods"]] == ["2", "5"]
    text = files["--markdown"].read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert (
        len(
            {
                line.count(" | ")
                for line in rows[: rows.index("| workload | facts |") if "| workload | facts |" in rows else None]
            }
        )
        == 1
    )
    assert "How it was measured" in text
    assert files["--plot"].read_bytes().startswith(b"\x89PNG")


def test_without_peers_the_engine_runs_alone(data):
    result = bench("--data", data, "--questions", 1, "--repeats", 1, "--workload", "arc", "--peer", "none")
    assert result.exit_code == 0
    assert "padded" not in result.stdout


def test_a_profile_says_where_the_engine_s_time_goes(data, tmp_path):
    file = tmp_path / "b.json"
    args = ("--data", data, "--questions", 1, "--repeats", 1, "--peer", "none", "--profile", "--json", file)
    result = bench(*args, "--workload", "arc", "--workload", "sample")
    assert result.exit_code == 0, result.stderr
    assert "time inside PyTorch's operators" in result.stdout
    for workload in json.loads(file.read_text())["workloads"]:
        kinds = {one["kind"]: one for one in workload["profile"]}
        assert {"products", "attention", "copies", "sums and exponentials"} <= set(kinds)
        assert sum(one["share"] for one in kinds.values()) == pytest.approx(1)
        # Three layers, seven products each, and the projection.
        assert kinds["products"]["calls"] >= workload["methods"][0]["forwards"] * 22
        assert kinds["attention"]["calls"] >= 3 * workload["methods"][0]["forwards"]


def test_a_run_without_time_says_what_is_left_and_the_next_one_completes_it(data, tmp_path):
    args = ("--data", data, "--questions", 1, "--workload", "arc", "--peer", "padded", "--out", tmp_path / "b.jsonl")
    stopped = bench(*args, "--repeats", 2, "--minutes", 1e-6)
    assert stopped.exit_code == 0, stopped.stderr
    assert "arc: no complete round yet" in stopped.stdout
    completed = bench(*args, "--repeats", 2)
    assert completed.exit_code == 0, completed.stderr
    assert "medians of 2 complete rounds" in completed.stdout
    lines = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert [(one["round"], one["method"]) for one in lines if one["kind"] == "timing"] == [
        (1, "ours"), (1, "padded"), (2, "ours"), (2, "padded"),
    ]  # fmt: skip
    other = bench(*args[:-2], "--out", tmp_path / "b.jsonl", "--token-budget", 64)
    assert other.exit_code == 2
    assert "token budget None, now 64" in other.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--minutes", 0), "`minutes` is 0"),
        (("--out", "/nowhere/b.jsonl"), "no folder /nowhere"),
        (("--workload", "chess"), "`workload` is 'chess'"),
        (("--peer", "vllm"), "`peer` is 'vllm'"),
        (("--peer", "none", "--peer", "padded"), "`none` alone"),
        (("--repeats", 0), "`repeats` is 0"),
        (("--questions", 0), "`questions` is 0"),
        (("--questions", 99, "--workload", "arc", "--peer", "padded"), "`questions` is 99"),
        (("--json", "/nowhere/b.json"), "no folder /nowhere"),
        (("--plot", "b.gif"), "must end in .png"),
    ],
)
def test_bad_input_is_one_line(data, args, said):
    result = bench("--data", data, *args)
    assert result.exit_code == 2
    (*_, line) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_folder_without_the_sets_is_one_line(data):
    result = bench("--data", Path("/nowhere"), "--peer", "padded")
    assert result.exit_code == 2
    assert "no readable arc_easy/dev.jsonl" in result.stderr


def test_a_missing_extra_is_said_with_the_command(data, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "lm_eval" else real(name, *rest)
    )
    result = bench("--data", data)
    assert result.exit_code == 2
    assert 'lm_eval is not installed; run: pip install "langchain-consensus[bench]"' in result.stderr
