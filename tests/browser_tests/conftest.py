"""One browser for all tests of pages; where it is missing, a developer's run skips them and CI fails."""

import os

import numpy as np
import pytest

from langchain_consensus import Consensus, Question, SamplingSettings
from tests.browser_tests.browser import Browser, programs
from tests.engines import CAPITAL, RecordingEngine
from tests.rankings import rank, views

MISSING = "chromium or chromedriver is not installed: apt-get install chromium chromium-driver"


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser_tests" in item.path.parts:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if None in programs():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """The page of a question that the fake engine was asked."""
    consensus = Consensus(engine=RecordingEngine(), sampling=SamplingSettings(n=12, seed=1))
    [ranking] = consensus.ask([Question(text=CAPITAL)])
    path = tmp_path_factory.mktemp("pages") / "page.html"
    path.write_text(ranking.to_html(seconds=1.2), "utf-8")
    return path


@pytest.fixture(scope="session")
def crowded_page(tmp_path_factory):
    """A page with everything that could burst it: twelve candidates, hostile and very long texts, warnings."""
    random = np.random.default_rng(0)
    view = views(-10 * random.random((2, 12)), -5 * random.random((2, 12)))
    hostile = "<script>window.owned = true</script>", '"><img src=x onerror="window.owned = true">', "\u202eevil\x00"
    texts = [*hostile, "w" * 5000, "several words " * 400, "line\n" * 50, *(f"answer {i}" for i in range(6))]
    ranking = rank(view, texts=texts, question="w" * 300 + " <b onclick='window.owned = true'>?</b>", steps=5000)
    assert ranking.warnings
    path = tmp_path_factory.mktemp("pages") / "crowded.html"
    path.write_text(ranking.to_html(), "utf-8")
    return path
