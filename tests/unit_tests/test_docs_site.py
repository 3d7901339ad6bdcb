"""The documentation as a site: what is in its menu and its reference, and that it loads nothing from elsewhere."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

import langchain_consensus

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAV = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
# Elements that load what their attribute names; an `<a>` leads elsewhere only when it is followed.
LOADING = {"src", "srcset", "data", "poster", "action", "background"}


def pages_of(nav):
    """The files that a part of the menu names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of(part)]


class Loads(HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self, page):
        super().__init__()
        self.found, self.ids = [], set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self.ids.add(names.get("id"))
        self.found += [value for name, value in attrs if name in LOADING and value]
        if tag == "link" and names.get("rel") != "canonical":
            self.found.append(names["href"])
        self.found += re.findall(r"url\(([^)]*)", names.get("style") or "")


def test_every_page_is_in_the_menu_once():
    listed = pages_of(NAV)
    there = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert there - set(listed) == set(), "add these pages to `nav` in mkdocs.yml"
    assert set(listed) - there == set(), "`nav` in mkdocs.yml names pages that are not there"
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("name", langchain_consensus.__all__)
def test_every_public_name_has_an_entry_in_the_reference(name, docs_site):
    found = [page for page in (docs_site / "reference").rglob("*.html") if f"langchain_consensus.{name}" in ids(page)]
    assert len(found) == 1


def test_every_name_of_the_game_and_every_error_has_an_entry_too(docs_site):
    for module, page in (("game", "game"), ("errors", "errors")):
        names = __import__(f"langchain_consensus.{module}", fromlist=["__all__"]).__all__
        there = ids(docs_site / "reference" / page / "index.html")
        assert {f"langchain_consensus.{module}.{name}" for name in names} <= there


def test_an_entry_shows_the_docstring_and_the_inherited_options(docs_site):
    page = (docs_site / "reference" / "surfaces" / "index.html").read_text("utf-8")
    assert "A text model that draws several answers" in page
    assert 'id="langchain_consensus.EquilibriumRankingLLM.num_candidates"' in page
    assert 'id="langchain_consensus.EquilibriumRankingLLM.model_config"' not in page


def test_no_page_loads_anything_from_another_host(docs_site):
    pages = list(docs_site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        found = loads(page).found
        assert any("stylesheets" in address for address in found)
        assert [address for address in found if re.match(r"(https?:)?//", address)] == [], page


def test_no_style_sheet_loads_anything_from_another_host(docs_site):
    sheets = list(docs_site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        text = sheet.read_text("utf-8")
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//", text) == [], sheet
        assert re.findall(r"@import[^;]*//", text) == [], sheet


@cache
def loads(page):
    return Loads(page)


def ids(page):
    return loads(page).ids
