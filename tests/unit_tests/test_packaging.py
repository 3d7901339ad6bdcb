"""The wheel and the source archive: what is in them, and that the wheel works where nothing else of this tree is."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import langchain_consensus

ROOT = Path(__file__).parents[2]


def run(*command, cwd):
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(wheel, source archive), built from this tree with the backend that is installed here."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_holds_the_package_its_types_and_its_licence_and_no_tests(built):
    names = zipfile.ZipFile(built[0]).namelist()
    assert "langchain_consensus/py.typed" in names
    for asset in ("page.html.jinja", "page.css", "page.js", "notebook.html.jinja", "picture.css"):
        assert f"langchain_consensus/report/templates/{asset}" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "langchain_consensus").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert {name.split("/")[0] for name in names} == {
        "langchain_consensus",
        f"langchain_consensus-{langchain_consensus.__version__}.dist-info",
    }


def test_the_wheel_says_what_it_needs_and_what_it_offers(built):
    with zipfile.ZipFile(built[0]) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(wheel.read(path).decode())
        scripts = wheel.read(path.replace("METADATA", "entry_points.txt")).decode()
    needs = [line for line in said.get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line)[0] for line in needs} == {"langchain-core", "numpy", "pydantic", "rich", "typer"}
    assert {"agents", "embedded", "eval", "local", "openai", "test"} <= set(said.get_all("Provides-Extra"))
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Version"] == langchain_consensus.__version__
    assert "langchain-consensus = langchain_consensus.cli:main" in scripts


def test_the_source_archive_can_be_tested_and_built(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "tests/oracle.py", "langchain_consensus/py.typed"} <= names
    assert not any(name.startswith((".git/", ".ci/", "shared")) for name in names)


def test_the_wheel_works_in_an_empty_environment(built, tmp_path):
    environment = tmp_path / "empty"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    python = environment / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--no-deps",
        "--no-index", built[0], cwd=tmp_path,
    )  # fmt: skip
    # The dependencies come from here, after the environment's own folder; nothing is downloaded.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    code = (
        "import langchain_consensus as c; from langchain_consensus import *; "
        "llm = EquilibriumRankingLLM.from_engine(FakeEngine({'q': {'a': 0.8, 'b': 0.2}})); "
        "print(c.__file__, c.__version__, llm.invoke('q'))"
    )
    file, version, answer = run(python, "-I", "-c", code, cwd=tmp_path).split()
    assert Path(file).is_relative_to(environment)
    assert (version, answer) == (langchain_consensus.__version__, "a")
    assert "langchain-consensus" in run(environment / "bin" / "langchain-consensus", "--help", cwd=tmp_path)
