"""`models`: which embedded models are installed, where they are, how large they are, and under which licence."""

from typing import TYPE_CHECKING, Any

from langchain_consensus.cli import options
from langchain_consensus.dependencies import pip_command

if TYPE_CHECKING:
    from pathlib import Path


def models(
    *,
    cache_dir: options.CacheDir = None,
    as_json: options.AsJson = False,
    verbose: options.Verbose = False,
) -> None:
    """Shows the models that ship as packages; any other model is named by folder, .gguf file or hub id."""
    del verbose  # its callback has done the work
    from langchain_consensus.cli.records import write_line
    from langchain_consensus.engine.embedded import EMBEDDED_MODELS

    found = [_facts(name, cache_dir) for name in EMBEDDED_MODELS]
    if as_json:
        for facts in found:
            write_line(facts)
    else:
        _print(found)


def _facts(name: str, cache_dir: "Path | None") -> dict[str, Any]:
    from langchain_consensus.engine.embedded import DEFAULT_EMBEDDED_MODEL, installed_parts, status

    state = status(name, cache_dir=cache_dir)
    model, parts = state.model, installed_parts(state.model)
    on_disk = [path.stat().st_size for path in state.folder.glob("*")] if state.is_cached else []
    folders = {str(part.path.parent) for part in parts if part.path is not None}
    return {
        "name": name,
        "default": name == DEFAULT_EMBEDDED_MODEL,
        "kind": "chat" if model.is_chat else "text",
        "licence": model.licence,
        "ready": state.is_ready,
        "packages": len(parts),
        "installed": sum(not part.problem for part in parts),
        "installed_in": sorted(folders),
        "package_bytes": model.size_bytes,
        "converted": state.is_cached,
        "converted_in": str(state.folder),
        "converted_bytes": sum(on_disk) if state.is_cached else model.cache_bytes,
        "install": pip_command(model.pip_extra),
    }


def _print(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from langchain_consensus.cli.show import print_lines, print_table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("state")
    for name in ("packages", "converted"):
        table.add_column(name, justify="right")
    table.add_column("licence")
    for one in found:
        expected = "" if one["converted"] else "~"
        sizes = (_gigabytes(one["package_bytes"]), expected + _gigabytes(one["converted_bytes"]))
        table.add_row(one["name"], _state(one), *sizes, one["licence"])
    print_table(table)
    print_lines("", *(f"{one['name']}{_role(one)}: {_where(one)}" for one in found))


def _state(one: dict[str, Any]) -> str:
    if one["converted"]:
        return "converted"
    if one["ready"]:
        return "installed"
    return f"{one['installed']} of {one['packages']} packages"


def _role(one: dict[str, Any]) -> str:
    return f" ({'the default, a' if one['default'] else 'a'} {one['kind']} model)"


def _where(one: dict[str, Any]) -> str:
    if one["converted"]:
        return str(one["converted_in"])
    return f"will be in {one['converted_in']}" if one["ready"] else str(one["install"])


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
