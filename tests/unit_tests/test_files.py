"""Files from strangers: limits, damage, formats, places; files of ours: whole, locked, and sound after kill -9."""

import ast
import errno
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from langchain_consensus import files
from langchain_consensus.benchmarks.entries import Speed
from langchain_consensus.benchmarks.journal import Journal
from langchain_consensus.chat.tool_calls import json_key
from langchain_consensus.cli.items import read_items
from langchain_consensus.cli.output import OutputFile, Recorded, meta_path
from langchain_consensus.engine import gguf
from langchain_consensus.engine.facts import facts_of_folder
from langchain_consensus.engine.model_cache import find_damage
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.evaluation.rows import read_rows
from langchain_consensus.evaluation.stored import read_run
from langchain_consensus.evaluation.task import task_file
from langchain_consensus.files import check_format, json_of, read_bytes, unpacked_bytes, write_whole
from tests.unit_tests.evaluation.stored_data import given_lines, settings, write_run

ROOT = Path(__file__).parents[2]
DEEP = b"[" * 100_000
SETTING = {"model": "tiny"}
SPEED = Speed(workload="arc", round=1, flops=1e9, read_bytes=2e9)
RECORDED = Recorded(settings={"model": "m"}, notes={})


@contextmanager
def files_of_at_most(size):
    """Writing beyond this many bytes fails in this process as it does on a full disk: partly, then not at all."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def started(code, *arguments):
    """A process of its own that runs `code`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment, stdout=subprocess.PIPE)


# --- reading ---


@pytest.mark.parametrize(
    "read",
    [read_items, read_rows, read_run, task_file, lambda path: Journal(path, SETTING)],
    ids=["items", "rows", "results", "task", "journal"],
)
def test_a_file_without_end_is_refused_and_not_read_into_memory(read, monkeypatch):
    monkeypatch.setattr(files._read, "__defaults__", None)
    for module in ("cli.items", "evaluation.rows", "evaluation.stored", "evaluation.task", "benchmarks.journal"):
        monkeypatch.setattr(
            f"langchain_consensus.{module}.read_bytes",
            lambda path, *, what, most=0: read_bytes(path, what=what, most=1000),
        )
    with pytest.raises(InvalidInputError, match="holds more than 1,000 bytes, the most that is read"):
        read(Endless("/dev/zero"))


class Endless(type(Path())):
    """A device that says it is a file, as a pipe does."""

    def exists(self):
        return True

    def stat(self, **options):
        return os.stat_result((0o100644, 0, 0, 1, 0, 0, 10, 0, 0, 0))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path):
    path = tmp_path / "run.jsonl.gz"
    path.write_bytes(gzip.compress(b"0" * 10_000_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(InvalidInputError, match="holds more than 1,000,000 bytes"):
        unpacked_bytes(path, what="x", most=1_000_000)


@pytest.mark.parametrize("damage", ["cut", "overwritten", "other"])
def test_damaged_packed_results_are_one_clear_error(tmp_path, damage):
    path = write_run(tmp_path / "run.jsonl", given_lines(3))
    packed = tmp_path / "run.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(read_run(packed).items) == 3
    data = gzip.compress(path.read_bytes())
    packed.write_bytes({"cut": data[:-9], "overwritten": data[:30] + b"\xff\xff" + data[32:], "other": b"x"}[damage])
    with pytest.raises(InvalidInputError, match=r"run\.jsonl\.gz: cannot be read \(.+\); give files that `eval` wrote"):
        read_run(packed)


def test_deeply_nested_json_is_an_error_like_any_other(tmp_path):
    with pytest.raises(ValueError, match="nested too deeply"):
        json_of(DEEP)
    path = write_run(tmp_path / "run.jsonl", given_lines(1))
    path.write_bytes(DEEP + b"\n")
    with pytest.raises(InvalidInputError, match=r"run.jsonl:1: is no JSON \(nested too deeply\)"):
        read_run(path)
    meta_path(path).write_bytes(DEEP)
    with pytest.raises(InvalidInputError, match="cannot be understood"):
        read_run(path)
    (tmp_path / "task.toml").write_bytes(b"a = " + DEEP)
    with pytest.raises(InvalidInputError, match="is no TOML"):
        task_file(tmp_path / "task.toml")
    (tmp_path / "journal").write_bytes(DEEP + b"\n")
    with pytest.raises(InvalidInputError, match="is no journal"):
        Journal(tmp_path / "journal", SETTING)
    for name in ("manifest.json", "config.json"):
        (tmp_path / name).write_bytes(DEEP)
    assert find_damage(tmp_path) == "manifest.json cannot be read"
    assert facts_of_folder(tmp_path).context is None
    assert json_key(DEEP.decode()) == DEEP.decode()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_score_that_is_no_number_is_refused(tmp_path, number):
    path = write_run(tmp_path / "run.jsonl", given_lines(1))
    line = json.loads(path.read_text())
    line["candidates"][0]["generator"]["correct"] = "HERE"
    path.write_text(json.dumps(line).replace('"HERE"', number) + "\n")
    with pytest.raises(InvalidInputError, match=r"candidates\.0\.generator\.correct.*is no log-probability"):
        read_run(path)


# --- places ---


@pytest.mark.parametrize("name", ["../rows.jsonl", "/etc/rows.jsonl", "in/../../rows.jsonl", "link/rows.jsonl"])
@pytest.mark.parametrize("field", ["data", "shots_file"])
def test_a_task_file_reads_nothing_outside_its_folder(tmp_path, field, name):
    folder = tmp_path / "sent"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    lines = {"name": '"x"', "kind": '"choice"', "data": '"d.jsonl"', field: f'"{name}"'}
    (folder / "task.toml").write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
    with pytest.raises(InvalidInputError, match=rf"`{field}` is '{name}', which is not beside this file"):
        task_file(folder / "task.toml")


def test_nothing_in_the_package_unpickles_or_runs_what_it_reads():
    # What Ray's actors and their driver send each other is pickled, by Ray as by us; it never is in a file.
    within_a_cluster = ROOT / "langchain_consensus" / "cli" / "ray_pass.py"
    forbidden = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml"}
    for path in sorted((ROOT / "langchain_consensus").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                used = forbidden.intersection(name.split(".")[0] for name in names)
                assert used == ({"pickle"} if path == within_a_cluster and "pickle" in names else set()), path
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec", "compile", "torch.load", "np.load", "numpy.load"}, path
                for keyword in node.keywords:
                    if keyword.arg == "trust_remote_code":
                        assert not isinstance(keyword.value, ast.Constant), path
                    assert keyword.arg != "allow_pickle", path


# --- formats ---


def test_another_format_says_which_way_round_and_what_to_do(tmp_path):
    check_format(1, 1, where="f", remedy="r")
    with pytest.raises(InvalidInputError, match=r"f: is written in format 2, .* format 1. Update langchain-consensus"):
        check_format(2, 1, where="f", remedy="r")
    with pytest.raises(InvalidInputError, match=r"format 0, .* format 1. Score again"):
        check_format(0, 1, where="f", remedy="Score again.")
    path = write_run(tmp_path / "run.jsonl", given_lines(1))
    meta_path(path).write_text(json.dumps({"format": 7, "settings": settings(), "notes": {}}))
    with pytest.raises(InvalidInputError, match=r"run.jsonl.meta.json: is written in format 7.*Update"):
        read_run(path)
    out = tmp_path / "out.jsonl"
    out.write_text('{"id": "a"}\n')
    meta_path(out).write_text(json.dumps({"format": 7, "settings": {"model": "m"}, "notes": {}}))
    with pytest.raises(InvalidInputError, match=r"out.jsonl.meta.json: is written in format 7.*Update"):
        OutputFile(out, RECORDED)
    (tmp_path / "bench").write_text(json.dumps({"kind": "setting", "format": 7, **SETTING}) + "\n")
    with pytest.raises(InvalidInputError, match=r"is written in format 7.*Update"):
        Journal(tmp_path / "bench", SETTING)


def test_files_from_before_formats_were_numbered_are_read(tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text('{"id": "a"}\n')
    meta_path(out).write_text(json.dumps({"settings": {"model": "m"}, "notes": {}}))
    with OutputFile(out, RECORDED) as output:
        assert set(output.written) == {"a"}
    (tmp_path / "bench").write_text(json.dumps({"kind": "setting", **SETTING}) + "\n")
    Journal(tmp_path / "bench", SETTING).add(SPEED)
    assert Journal(tmp_path / "bench", SETTING).of(Speed, "arc") == [SPEED]


# --- writing ---


@pytest.mark.parametrize("room", [0, 1, 10, 499])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path, room):
    path = tmp_path / "report.json"
    write_whole(path, "before")
    with files_of_at_most(room), pytest.raises(OSError, match="File too large") as caught:
        write_whole(path, "x" * 500)
    assert caught.value.errno == errno.EFBIG
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("room", [0, 1, 30, 60])
def test_a_journal_on_a_full_disk_keeps_its_entries_and_goes_on_later(tmp_path, room):
    path = tmp_path / "bench.jsonl"
    journal = Journal(path, SETTING)
    journal.add(SPEED)
    size = path.stat().st_size
    with files_of_at_most(size + room), pytest.raises(OSError, match="File too large"):
        journal.add(SPEED)
    journal.add(SPEED)
    assert Journal(path, SETTING).of(Speed, "arc") == [SPEED, SPEED]


def test_results_on_a_full_disk_are_continued_where_they_were(tmp_path):
    path = tmp_path / "out.jsonl"
    for room in range(0, 130, 13):
        with OutputFile(path, RECORDED) as output:
            output.write({"id": f"whole-{room}"})
            size = path.stat().st_size
            with files_of_at_most(size + room), pytest.raises(OSError, match="File too large"):
                output.write({"id": f"torn-{room}", "text": "x" * 200})
    with OutputFile(path, RECORDED) as output:
        assert {f"whole-{room}" for room in range(0, 130, 13)} <= set(output.written)


APPENDING = """
import sys, pathlib
from langchain_consensus.cli.output import OutputFile, Recorded
with OutputFile(pathlib.Path(sys.argv[1]), Recorded(settings={"model": "m"}, notes={})) as output:
    print("open", flush=True)
    number = len(output.written)
    while True:
        output.write({"id": str(number), "text": "x" * (number % 977)})
        number += 1
"""


def test_results_of_a_process_that_was_killed_go_on_and_its_lock_is_free(tmp_path):
    path, seen = tmp_path / "out.jsonl", 0
    for pause in (0.0, 0.01, 0.03):
        with started(APPENDING, path) as process:
            assert process.stdout.readline() == b"open\n"
            with pytest.raises(InvalidInputError, match="another process is writing to it"):
                OutputFile(path, RECORDED)
            time.sleep(pause)
            process.kill()
        with OutputFile(path, RECORDED) as output:
            assert list(output.written) == [str(number) for number in range(len(output.written))]
            assert len(output.written) >= seen
            seen = len(output.written)


WRITING = """
import sys, pathlib
from langchain_consensus.files import write_whole
print("open", flush=True)
while True:
    for letter in "ab":
        write_whole(pathlib.Path(sys.argv[1]), letter * 200_000)
"""


def test_a_file_whose_writer_was_killed_is_the_old_or_the_new_one(tmp_path):
    path = tmp_path / "report.json"
    for pause in (0.002, 0.005, 0.01, 0.02):
        with started(WRITING, path) as process:
            process.stdout.readline()
            while not path.exists():
                time.sleep(0.001)
            time.sleep(pause)
            process.kill()
        assert path.read_text() in {"a" * 200_000, "b" * 200_000}


# --- clocks ---


def test_a_gguf_file_that_changes_under_the_same_name_size_and_time_is_hashed_again(tmp_path):
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF" + b"a" * 100)
    before = file.stat()
    first = gguf._remembered_digest(file, tmp_path)
    file.write_bytes(b"GGUF" + b"b" * 100)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert gguf._remembered_digest(file, tmp_path) == gguf.digest_of(file) != first


@pytest.mark.parametrize("year", [1970, 2100])
def test_a_clock_that_jumps_makes_no_difference_to_what_is_written(tmp_path, monkeypatch, year):
    monkeypatch.setattr(time, "time", lambda: (year - 1970) * 365.25 * 86_400)
    path = tmp_path / "bench.jsonl"
    Journal(path, SETTING).add(SPEED)
    with OutputFile(tmp_path / "out.jsonl", RECORDED) as output:
        output.write({"id": "a"})
    os.utime(path, (0, 0))
    assert Journal(path, SETTING).of(Speed, "arc") == [SPEED]
    with OutputFile(tmp_path / "out.jsonl", RECORDED) as output:
        assert set(output.written) == {"a"}
