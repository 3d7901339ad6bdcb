"""Writes the map of the code into the docs: every module with the first lines of its docstring.

    python docs/make_code_map.py

The order is that of the layers in `tests/unit_tests/test_architecture.py`, from the top down. `docs/contributing.md`
gets the parts, between its two markers; `docs/code-map.md` gets every module. A test fails while either is not current.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "langchain_consensus"
BEGIN, END = "<!-- The map: made by docs/make_code_map.py -->\n", "<!-- The end of the map -->\n"
START = """# Map of the code

Every module with the first lines of its docstring, from the top layer down; a part imports only from parts below its
own layer. Made by `docs/make_code_map.py`. To read the code, start at `consensus.py`.
"""


def layers() -> tuple[tuple[str, ...], ...]:
    """The layers of the architecture test, the lowest first."""
    tree = ast.parse((ROOT / "tests" / "unit_tests" / "test_architecture.py").read_text("utf-8"))
    [value] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LAYERS"
    ]
    return ast.literal_eval(value)


def summary(path: Path) -> str:
    """The first paragraph of the module's docstring, on one line."""
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split()).replace("|", "\\|")


def file_of(part: str) -> Path:
    """The file whose docstring speaks for a part."""
    package = PACKAGE / part / "__init__.py"
    return package if package.exists() else PACKAGE / f"{part}.py"


def row(path: Path) -> str:
    """A line of a table: the file, or the folder of an `__init__`, and what it says."""
    name = path.relative_to(PACKAGE).as_posix().removesuffix("__init__.py")
    return f"| `{name}` | {summary(path)} |\n"


def parts_map() -> str:
    """The parts as one table."""
    rows = [row(file_of(part)) for layer in reversed(layers()) for part in layer if file_of(part).exists()]
    return "| part | |\n|---|---|\n" + "".join(rows)


def full_map() -> str:
    """A page with every module."""
    text = START
    for layer in reversed(layers()):
        for part in layer:
            if not file_of(part).exists():
                continue
            modules = sorted((PACKAGE / part).rglob("*.py")) if (PACKAGE / part).is_dir() else [PACKAGE / f"{part}.py"]
            text += f"\n## {part}\n\n| file | |\n|---|---|\n" + "".join(map(row, modules))
    return text


def written(page: str) -> str:
    """The page with the parts between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{parts_map()}\n{END}{after}"


if __name__ == "__main__":
    contributing = ROOT / "docs" / "contributing.md"
    contributing.write_text(written(contributing.read_text("utf-8")), "utf-8")
    (ROOT / "docs" / "code-map.md").write_text(full_map(), "utf-8")
