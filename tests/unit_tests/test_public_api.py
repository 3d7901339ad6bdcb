"""The names of the root, and what importing it costs."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import langchain_consensus
from langchain_consensus import engine, game

HEAVY = ["torch", "transformers", "langchain", "openai", "numpy", "safetensors", "gguf", "rich", "typer", "scipy"]
HEAVY += ["jinja2", "matplotlib"]


def python(code):
    """What `code` prints as JSON, in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


@pytest.mark.parametrize("package", [langchain_consensus, engine, game], ids=lambda package: package.__name__)
def test_public_names_are_sorted_unique_and_there(package):
    assert package.__all__
    assert package.__all__ == sorted(set(package.__all__))
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_the_root_lists_what_it_can_load_and_loads_what_it_lists():
    assert set(langchain_consensus.__all__) == {*langchain_consensus._HOMES, "__version__"}
    assert dir(langchain_consensus) == langchain_consensus.__all__


def test_a_name_is_the_same_object_at_the_root_and_at_home():
    for name, home in langchain_consensus._HOMES.items():
        module = __import__(f"langchain_consensus.{home}", fromlist=[name])
        assert getattr(langchain_consensus, name) is getattr(module, name)
        assert name in module.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'langchain_consensus' has no attribute 'Consensu'"):
        _ = langchain_consensus.Consensu
    with pytest.raises(ImportError):
        from langchain_consensus import nothing_of_the_kind  # noqa: F401


def test_importing_the_root_imports_no_library():
    loaded = python(
        "import sys, json; import langchain_consensus as c; dir(c); c.__version__; "
        f"print(json.dumps([m for m in {[*HEAVY, 'langchain_core', 'pydantic']} if m in sys.modules]))"
    )
    assert loaded == []


def test_using_every_public_name_loads_no_model_library():
    # NumPy is what the game and the engines' results are made of; everything else waits for a model.
    loaded = python(
        "import sys, json; from langchain_consensus import *; import langchain_consensus.engine; "
        f"print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    )
    assert loaded == ["numpy"]


def test_importing_the_root_costs_no_more_than_importing_langchain_core():
    # Best of three fresh interpreters each, half a second of slack for a busy machine.
    code = "import time, json; t = time.perf_counter(); import {}; print(json.dumps(time.perf_counter() - t))"
    ours = min(python(code.format("langchain_consensus")) for _ in range(3))
    theirs = median(python(code.format("langchain_core")) for _ in range(3))
    assert ours < theirs + 0.5


def test_the_version_is_the_distribution_s():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'\nversion = "{langchain_consensus.__version__}"\n' in text
