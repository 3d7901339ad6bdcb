"""Imports run downward only, and each outside library has its place. Read from the source, nothing is imported."""

import ast
import re
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "langchain_consensus"
ROOT = "langchain_consensus"

# From the bottom up; a part may import the parts below its own line, and itself where it is a package.
LAYERS = (
    ("errors", "identity", "counts", "verdicts"),
    ("dependencies",),
    ("files",),
    ("prompts",),
    ("engine", "game"),
    ("candidates", "chat_model_engine", "judges"),
    ("draws", "views"),
    ("meanings", "sampled_views"),
    ("diagnosis",),
    ("ranking", "observation"),
    ("calibration", "rounds", "uncertainty"),
    ("options", "judging"),
    ("drawing", "viewing", "ordering", "raw_verdicts"),
    ("rivals",),
    ("consensus",),
    ("result_parts",),
    ("results", "conversations"),
    ("settings", "verification"),
    ("evidence", "saving", "tracing"),
    ("batched", "llm_batches"),
    ("ranked", "documents"),
    ("chat",),
    ("llms", "chat_models", "output_parsers", "runnables", "document_compressors", "middleware"),
    ("grounding",),
    ("evaluation", "report"),
    ("benchmarks",),
    ("cli",),
)
HEIGHT = {part: height for height, parts in enumerate(LAYERS) for part in parts}

SURFACES = {"llms", "chat_models", "output_parsers", "runnables", "document_compressors", "grounding", "middleware"}
# Who may import what from outside; what is not listed here is NumPy, pydantic or the standard library, or new.
PLACES = {
    "torch": {"engine", "benchmarks"},
    "transformers": {"engine"},
    "safetensors": {"engine"},
    "accelerate": {"engine"},
    "tokenizers": {"engine"},
    "gguf": {"engine"},
    "jinja2": {"engine", "report"},
    "llguidance": {"engine"},
    "filelock": {"engine", "benchmarks"},
    "platformdirs": {"engine"},
    "openai": {"engine"},
    "tenacity": {"engine"},
    "langchain_core": {
        *SURFACES,
        "batched",
        "chat",
        "chat_model_engine",
        "conversations",
        "documents",
        "evidence",
        "llm_batches",
        "ranked",
        "saving",
        "tracing",
    },
    "langchain": {"middleware"},
    "langgraph": {"middleware"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ray": {"cli"},
    "matplotlib": {"report", "benchmarks", "evaluation"},
    "datasets": {"evaluation"},
    "sacrebleu": {"evaluation"},
    "rouge_score": {"evaluation"},
    "lm_eval": {"benchmarks"},
    "psutil": {"benchmarks"},
    "sklearn": {"calibration", "evaluation"},
    "scipy": {"calibration", "evaluation"},
}
MODEL_LIBRARIES = {"torch", "transformers", "safetensors", "accelerate", "tokenizers", "gguf", "llguidance", "openai"}
# Imports that run upward, inside a function and nowhere else: a ranking shows itself (docs/design/0004-explain.md).
LAZY_UPWARD = {("ranking", "report")}


@cache
def modules():
    """Every module of the package by its dotted name below the root; the root itself is `""`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text())
    return found


def part_of(module):
    return module.split(".")[0]


@cache
def imports(module, *, types=True, functions=True):
    """What a module imports, as dotted names: with or without what only type checkers see, or only calls run."""
    found = []

    def walk(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not types:
            for child in node.orelse:
                walk(child)
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not functions:
            return
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found.extend(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(modules()[module])
    return tuple(found)


def own(module, **options):
    """The modules of this package that `module` imports; the root where it is a name of the root itself."""
    found = set()
    for name in imports(module, **options):
        if name != ROOT and not name.startswith(ROOT + "."):
            continue
        below = name.removeprefix(ROOT).lstrip(".")
        while below not in modules():
            below = below.rpartition(".")[0]
        found.add(below)
    return found - {module}


def outside(module, **options):
    """The top-level names of other packages that `module` imports."""
    return {name.split(".")[0] for name in imports(module, **options)} - {ROOT}


INNER = [name for name in modules() if name]


def test_the_package_was_found_and_every_part_has_a_layer():
    assert {"consensus", "game.pikl", "engine.transformers_engine", "llms", "prompts"} <= set(INNER)
    assert {part_of(module) for module in INNER} <= set(HEIGHT)
    assert sum(len(own(module)) for module in INNER) > 50
    assert any("torch" in outside(module) for module in INNER)  # the reader sees outside libraries too


@pytest.mark.parametrize("module", INNER)
def test_imports_run_downward(module):
    mine = part_of(module)
    for other in own(module):
        if other == "":
            assert HEIGHT[mine] >= HEIGHT["llms"], f"{module} imports the root, which is for the surfaces alone"
            continue
        theirs = part_of(other)
        if (mine, theirs) in LAZY_UPWARD:
            assert other not in own(module, functions=False), f"{module} imports {other} before it is asked to"
            continue
        assert theirs == mine or HEIGHT[theirs] < HEIGHT[mine], f"{module} imports {other}"


def test_every_lazy_import_that_runs_upward_is_there():
    found = {(part_of(module), part_of(other)) for module in INNER for other in own(module)}
    assert found >= LAZY_UPWARD
    assert all(HEIGHT[lower] < HEIGHT[upper] for lower, upper in LAZY_UPWARD)


def test_surfaces_take_from_the_root_nothing_but_its_version():
    taken = {name for module in INNER for name in imports(module) if name.startswith(ROOT + ".")}
    at_root = {name for name in taken if name.removeprefix(ROOT + ".").split(".")[0] not in {*HEIGHT}}
    assert at_root <= {f"{ROOT}.__version__"}
    assert at_root


def test_the_game_and_the_engine_do_not_know_each_other():
    game = [module for module in INNER if part_of(module) == "game"]
    engine = [module for module in INNER if part_of(module) == "engine"]
    assert len(game) > 5
    assert len(engine) > 5
    for module in game:
        assert {part_of(other) for other in own(module)} <= {"game", "errors"}, module
        assert outside(module) & (MODEL_LIBRARIES | {"langchain_core", "pydantic"}) == set(), module
    below = {"engine", "prompts", "errors", "files", "dependencies"}
    for module in engine:
        assert {part_of(other) for other in own(module)} <= below, module


@pytest.mark.parametrize("library", sorted(PLACES))
def test_an_outside_library_stays_in_its_place(library):
    users = {part_of(module) for module in INNER if library in outside(module)}
    assert users <= PLACES[library]


def test_the_openai_client_is_used_by_its_engine_alone():
    users = [module for module in INNER if "openai" in outside(module)]
    assert all(module.startswith("engine.openai") for module in users)


def test_every_outside_library_is_a_dependency_that_has_a_place():
    standard = set(sys.stdlib_module_names)
    used = {library for module in INNER for library in outside(module)} - standard
    assert {"numpy", "pydantic", "torch", "langchain_core"} <= used
    assert used <= {*PLACES, "numpy", "pydantic", "typing_extensions"}


def test_no_model_library_is_imported_before_a_model_is_used():
    # What importing the root's names and the engine package runs: module level only, nothing for type checkers.
    graph = {module: own(module, types=False, functions=False) for module in modules()}
    # Importing a module runs its packages as well.
    for module in graph:
        if "." in module:
            graph[module] = graph[module] | {module.rpartition(".")[0]}
    reached, waiting = set(), ["", "engine", "game", *(part for part in SURFACES if part in graph)]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting.extend(graph[module])
    assert {"llms", "engine.transformers_engine", "engine.fake", "game.pikl", "consensus"} <= reached
    for module in {module for module in reached if part_of(module) != "middleware"}:
        loaded = outside(module, types=False, functions=False)
        assert loaded & (MODEL_LIBRARIES | {"langchain", "typer", "rich", "ray"}) == set(), module
    lazy = [module for module in INNER if "torch" in outside(module, types=False, functions=False)]
    assert lazy  # modules that import torch exist, and are not among those
    assert not reached.intersection(lazy)


def test_nothing_imports_in_a_circle():
    for types in (True, False):
        graph = {
            module: {o for o in own(module, types=types) - {""} if (part_of(module), part_of(o)) not in LAZY_UPWARD}
            for module in INNER
        }
        if types:  # a package and its own modules may name each other in annotations
            graph = {module: {o for o in others if part_of(o) != part_of(module)} for module, others in graph.items()}
        order = list(TopologicalSorter(graph).static_order())  # raises CycleError
        assert len(order) == len(INNER)


def test_the_readme_s_picture_shows_every_package_and_no_part_that_is_not_there():
    readme = (PACKAGE.parent / "README.md").read_text("utf-8")
    [picture] = [block for block in readme.split("```") if "├── consensus.py" in block]
    shown = {name.removesuffix(".py") for name in re.findall(r"\b([a-z_]+(?:\.py|(?=/)))", picture)} - {ROOT}
    assert shown <= set(HEIGHT)
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} <= shown
    steps = [picture.index(f"{number}. ") for number in (1, 2, 3, 4, 5)]
    assert steps == sorted(steps)
    heights = [HEIGHT[part] for part in ("prompts", "candidates", "views", "ranking", "consensus", "llms")]
    assert heights == sorted(heights)
