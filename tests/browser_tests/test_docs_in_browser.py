"""The documentation in a browser: it asks its own server alone, the console stays empty, and it can be searched."""

import functools
import http.server
import threading
import time

import pytest


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(docs_site):
    handler = functools.partial(Quiet, directory=str(docs_site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def waited_for(browser, script, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := browser.run(script):
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s: {script}")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", ["", "tutorial/", "reference/surfaces/", "explain/"])
def test_a_page_asks_its_own_server_alone_and_says_nothing_on_the_console(browser, address, page, dark):
    browser.visit(address + page, dark=dark)
    waited_for(browser, "return document.readyState === 'complete'")
    asked = browser.requests()
    assert len(asked) > 3
    assert [one for one in asked if not one.startswith((address, "data:", "blob:"))] == []
    assert browser.complaints() == []


def test_the_search_finds_a_name_without_a_network(browser, address):
    browser.visit(address)
    browser.focus(".md-search__input")
    browser.press(*"piKL")
    found = waited_for(
        browser, "return [...document.querySelectorAll('.md-search-result__link')].map(a => a.href).join(' ')"
    )
    assert "reference/game/" in found
    assert [one for one in browser.requests() if not one.startswith((address, "data:", "blob:"))] == []


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_but_code_and_tables_is_wider_than_a_small_screen(browser, address, width):
    for page in ("", "tutorial/", "reference/pipeline/"):
        browser.visit(address + page, width=width)
        assert browser.run("return document.documentElement.scrollWidth") <= width, page
