"""Templates and the policy of pages: a template's name and values go in, escaped HTML comes out."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_consensus.dependencies import require
from langchain_consensus.report.assets import asset

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["check_installed", "policy", "render"]


def check_installed() -> None:
    """Asks for Jinja2 before anything long is done.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    environment()


def render(name: str, **values: Any) -> str:
    """The template called `name`, every value escaped.

    Raises:
        MissingDependencyError: If Jinja2 is not installed.
    """
    return environment().get_template(name).render(**values)


def policy(style: str, script: str, *more: str) -> str:
    """A content security policy under which a page can load nothing and run only this style and this script.

    Args:
        style: The page's style sheet, as it stands in the page.
        script: The page's script, as it stands in the page.
        *more: Directives to add.
    """
    rules = (f"style-src {_hash(style)}", f"script-src {_hash(script)}", "base-uri 'none'", "form-action 'none'")
    return "; ".join(("default-src 'none'", *rules, *more))


@cache
def environment() -> Environment:
    """Jinja2 with autoescape."""
    require("report", "jinja2")
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
