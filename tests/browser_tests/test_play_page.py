"""The play page in a real browser, from the question to the sliders."""

import json
import threading
import time
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from langchain_consensus import Consensus, FakeEngine, SamplingSettings
from langchain_consensus.errors import EngineError
from langchain_consensus.report.play_server import PlayServer
from langchain_consensus.report.play_session import PlaySession
from tests.engines import BELIEFS

CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")


class SlowEngine(FakeEngine):
    """Waits to be let on before it scores, and writes hostile answers to one question."""

    def __init__(self):
        super().__init__({**BELIEFS, "Hostile?": {"<img src=x onerror='window.owned = true'>": 0.7, "fine": 0.3}})
        self.may_score = threading.Event()
        self.may_score.set()

    def score(self, requests):
        assert self.may_score.wait(20)
        if any("Broken?" in message.content for one in requests for message in one.prompt.messages):
            msg = "the model failed"
            raise EngineError(msg)
        return super().score(requests)


@pytest.fixture(scope="module")
def engine():
    return SlowEngine()


@pytest.fixture(scope="module")
def server(engine):
    session = PlaySession(Consensus(engine=engine, sampling=SamplingSettings(n=12, seed=1)))
    with PlayServer(session, port=0, model="fake", draws=12) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wait(what):
    deadline = time.monotonic() + 15
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def asked(browser, server, question=None, **options):
    browser.visit(server.address, reduced_motion=True, **options)
    if question is not None:
        browser.run("document.getElementById('question').value = arguments[0]", question)
    browser.click("#go")


def answered(browser, server, **options):
    asked(browser, server, **options)
    wait(lambda: browser.run("return !document.getElementById('game').hidden"))


def shares(browser):
    return browser.run("return [...document.querySelectorAll('.now data')].map((one) => Number(one.value))")


def test_candidates_arrive_while_the_judge_still_thinks_and_the_game_after_it(browser, server, engine):
    engine.may_score.clear()
    try:
        asked(browser, server)
        wait(lambda: browser.run("return document.querySelectorAll('#drawn li').length") == 3)
        assert "Judging each one" in browser.text("#status")
        assert browser.run("return document.getElementById('game').hidden")
        assert browser.run("return document.getElementById('go').disabled")
    finally:
        engine.may_score.set()
    wait(lambda: browser.run("return !document.getElementById('game').hidden"))
    assert "Canberra" in browser.text(".settled")
    assert browser.run("return !document.getElementById('go').disabled")
    assert browser.complaints() == []


def test_a_slider_moves_the_game_at_once_and_asks_the_model_nothing(browser, server, engine):
    answered(browser, server)
    before = shares(browser)
    engine.may_score.clear()  # whoever asks the model now waits
    try:
        browser.focus("#judge")
        browser.press(Keys.END)
        wait(lambda: shares(browser) != before)
    finally:
        engine.may_score.set()
    assert browser.text("#judge-shown").startswith("1")
    assert browser.text("#took").endswith(" ms.")
    assert browser.run("return document.activeElement.id") == "judge"
    held = shares(browser)
    browser.run(
        "const s = document.getElementById('solver'); s.value = 'equilibrium';"
        "s.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    wait(lambda: shares(browser) != held)
    assert "equilibrium" in browser.text("#steps")
    assert browser.complaints() == []


def test_the_game_can_be_stepped_through_after_every_slider(browser, server):
    answered(browser, server)
    before = shares(browser)
    browser.focus("#generator")
    browser.press(Keys.ARROW_RIGHT)
    assert browser.text("#generator-shown") == "0.11"
    wait(lambda: shares(browser) != before)
    browser.click("#previous")
    assert browser.text("#when").startswith("at iteration")


def test_without_less_motion_the_game_plays_by_itself_and_a_slider_ends_that(browser, server):
    browser.visit(server.address)
    browser.click("#go")
    wait(lambda: browser.run("return document.getElementById('play')?.textContent") == "Pause")
    browser.focus("#judge")
    browser.press(Keys.HOME)
    wait(lambda: browser.run("return document.getElementById('play').textContent") == "Play")
    time.sleep(1)
    assert browser.text("#when") == "at the end"


def test_hostile_answers_run_nothing(browser, server):
    asked(browser, server, "Hostile?")
    wait(lambda: browser.run("return !document.getElementById('game').hidden"))
    assert browser.run("return window.owned === undefined && document.querySelectorAll('img').length === 0")
    assert "<img" in browser.text("#drawn")
    assert browser.complaints() == []


def test_failures_are_told_and_the_page_goes_on(browser, server):
    asked(browser, server, "Broken?")
    wait(lambda: browser.text("#status") == "the model failed")
    browser.run("document.getElementById('question').value = ' '")
    browser.click("#go")
    wait(lambda: "must be a text with at least one visible character" in browser.text("#status"))
    browser.run("document.getElementById('question').value = 'What is two and two?'")
    browser.click("#go")
    wait(lambda: browser.run("return !document.getElementById('game').hidden"))


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_and_can_be_read(browser, server, width, dark):
    answered(browser, server, width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    content, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert content <= window
    weak = [one for one in json.loads(browser.run(CONTRAST)) if one["ratio"] < 4.5]
    assert weak == []


def test_everything_has_a_name(browser, server):
    answered(browser, server)
    tree = browser.accessible()
    named = {"button", "link", "slider", "table", "image", "region", "textbox", "spinbutton", "combobox"}
    assert all(node["name"] for node in tree if node["role"] in named)
    names = {node["name"] for node in tree}
    assert {"Question", "Played", "Ask"} <= names
