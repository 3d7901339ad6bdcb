"""The files that ship beside the code: templates, styles, the script. A name goes in, the text comes out."""

from importlib import resources

__all__ = ["asset"]


def asset(name: str) -> str:
    """The text of a file in `templates/`."""
    return (resources.files(__package__) / "templates" / name).read_text("utf-8")
