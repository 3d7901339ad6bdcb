"""The page in a real browser: it runs quietly, can be stepped through with anything, fits, and can be read."""

import json
import re
import time
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

WIDTHS = [360, 768, 1280]
CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")


def step(browser):
    """(the step that is shown, how many there are)."""
    return browser.run("const s = document.getElementById('step'); return [Number(s.value), Number(s.max)]")


def shown(browser):
    """What stands beside the charts: the shares of both views."""
    return browser.run("return [...document.querySelectorAll('.now data')].map((one) => one.textContent)")


def row(browser, number):
    """What the table of steps says of one step, in the order of `shown`."""
    generator_then_judge = browser.run(
        "return [...document.getElementById('steps').tBodies[0].rows[arguments[0]].querySelectorAll('data')]"
        ".map((one) => one.textContent)",
        number,
    )
    half = len(generator_then_judge) // 2
    return [
        text for pair in zip(generator_then_judge[:half], generator_then_judge[half:], strict=True) for text in pair
    ]


# --- it runs quietly ---


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_loads_without_a_word_on_the_console_and_asks_for_nothing(browser, page, dark):
    browser.open(page, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.driver.title == "What is the capital of Australia? · langchain-consensus"


def test_hostile_texts_run_nothing_and_load_nothing(browser, crowded_page):
    browser.open(crowded_page)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert browser.run("return window.owned === undefined")
    assert browser.complaints() == []
    assert browser.requests() == [crowded_page.resolve().as_uri()]
    assert browser.run("return document.querySelectorAll('script, img, iframe, b').length") == 1  # its own script


def test_the_policy_stops_what_would_get_past_the_escaping(browser, page):
    browser.open(page)
    browser.run(
        "const s = document.createElement('div'); s.innerHTML = '<img src=x onerror=\"window.owned = true\">';"
        "document.body.append(s); const t = document.createElement('script'); t.textContent = 'window.owned = true';"
        "document.body.append(t)"
    )
    time.sleep(0.2)
    assert browser.run("return window.owned === undefined")
    assert len([one for one in browser.complaints() if "Content Security Policy" in one]) >= 2


def test_without_scripts_the_page_still_tells_everything_but_offers_no_dead_buttons(browser, page):
    browser.open(page)
    browser._cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.driver.refresh()
        tree = browser.accessible()
    finally:
        browser._cdp("Emulation.setScriptExecutionDisabled", value=False)
    roles = [node["role"] for node in tree]
    assert "button" not in roles
    assert "slider" not in roles
    assert roles.count("image") == 2


# --- it can be stepped through ---


def test_the_stepper_works_by_mouse(browser, page):
    browser.open(page)
    last = step(browser)[1]
    assert step(browser) == [last, last]
    assert last > 15
    browser.click("#previous")
    assert step(browser)[0] == last - 1
    browser.click("#next")
    browser.click("#next")
    assert step(browser)[0] == last  # it stays at the end
    for number in range(last - 1, last - 4, -1):
        browser.click("#previous")
        assert shown(browser) == row(browser, number)


@pytest.mark.parametrize(("number", "when"), [(0, "before the game"), (9, "at iteration")])
def test_the_charts_and_bars_follow_the_step(browser, page, number, when):
    browser.open(page)
    browser.run(
        "const s = document.getElementById('step'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))", number
    )
    assert browser.text("#when").startswith(when)
    found = browser.run(
        """return [...document.querySelectorAll('.chart')].map((svg) => {
          const lines = [...svg.querySelectorAll('polyline')], dots = [...svg.querySelectorAll('circle')];
          return lines.map((line, i) => [line.points[arguments[0]].x - dots[i].cx.baseVal.value,
            line.points[arguments[0]].y - dots[i].cy.baseVal.value,
            line.points[arguments[0]].x - svg.querySelector('.cursor').x1.baseVal.value]);
        })""".replace("arguments[0]", str(number))
    )
    assert len(found) == 2
    assert all(abs(difference) < 1e-3 for chart in found for line in chart for difference in line)
    widths = browser.run("return [...document.querySelectorAll('.now .fill')].map((one) => one.width.baseVal.value)")
    shares = [float(re.sub("[<>%]", "", text)) for text in shown(browser)]
    assert widths == pytest.approx(shares, abs=0.06)
    assert shown(browser) == row(browser, number)
    assert browser.run("return document.querySelector('#steps .current').rowIndex") == number + 2


def test_the_stepper_works_by_keyboard(browser, page):
    browser.open(page)
    last = step(browser)[1]
    browser.focus("#previous")
    browser.press(Keys.ENTER)
    assert step(browser)[0] == last - 1
    browser.press(Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert step(browser)[0] == last - 3
    browser.press(Keys.ARROW_RIGHT)
    assert step(browser)[0] == last - 2
    browser.press(Keys.HOME)
    assert step(browser)[0] == 0
    browser.press(Keys.END)
    assert step(browser)[0] == last
    browser.focus("#step")
    browser.press(Keys.ARROW_LEFT)
    assert step(browser)[0] == last - 1
    assert shown(browser) == row(browser, last - 1)
    browser.press(Keys.HOME)
    assert browser.text("#when") == "before the game"


def test_playing_goes_through_every_step_once_and_can_be_paused(browser, page):
    browser.open(page)
    browser.run(
        "window.seen = []; new MutationObserver(() => window.seen.push(Number(document.getElementById('step').value)))"
        ".observe(document.getElementById('time'), { childList: true })"
    )
    last = step(browser)[1]
    browser.click("#play")
    assert browser.text("#play") == "Pause"
    time.sleep(1.2)
    browser.click("#play")
    paused = step(browser)[0]
    assert browser.text("#play") == "Play"
    assert 1 <= paused < last
    time.sleep(0.6)
    assert step(browser)[0] == paused
    browser.click("#play")
    deadline = time.monotonic() + 20
    while step(browser)[0] < last and time.monotonic() < deadline:
        time.sleep(0.1)
    assert browser.text("#play") == "Play"
    seen = browser.run("return window.seen")
    assert list(dict.fromkeys(seen)) == list(range(last + 1))


def test_each_step_is_announced_and_playing_is_not_a_flood(browser, page):
    browser.open(page)
    assert browser.text("#heard") == ""
    browser.click("#previous")
    heard = browser.text("#heard")
    assert re.fullmatch(
        r"Both views at iteration [\d,]+\. Canberra: generator [\d.<>]+%, judge [\d.<>]+%\. .*\.", heard
    )
    browser.focus("#step")
    browser.press(Keys.HOME)
    assert browser.text("#heard").startswith("Both views before the game. Canberra: ")
    browser.click("#play")
    time.sleep(0.8)
    assert browser.text("#heard").startswith("Both views before the game.")
    browser.click("#play")
    assert browser.text("#heard").startswith("Both views at iteration")


def test_a_screen_reader_finds_landmarks_headings_controls_and_tables(browser, page):
    browser.open(page)
    tree = browser.accessible()
    named = {(node["role"], node["name"]) for node in tree}
    roles = [node["role"] for node in tree]
    for role in ("banner", "main", "contentinfo"):
        assert roles.count(role) == 1, role
    for expected in (
        ("heading", "What is the capital of Australia?"),
        ("region", "The candidates"),
        ("region", "The game, step by step"),
        ("image", "The generator's probability of each answer, by iteration"),
        ("group", "Step through the game"),
        ("button", "Previous"),
        ("button", "Play"),
        ("button", "Next"),
    ):
        assert expected in named
    [slider] = [node for node in tree if node["role"] == "slider"]
    assert slider["name"].startswith("Iteration")
    assert browser.run("return document.getElementById('step').getAttribute('aria-valuetext')") == "at the end"
    assert all(
        node["name"] for node in tree if node["role"] in {"button", "link", "slider", "table", "image", "region"}
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_the_table_of_candidates_is_a_table_at_every_width(browser, page, width):
    browser.open(page, width=width)
    tree = browser.accessible()
    names = [node["name"] for node in tree if node["role"] in {"columnheader", "rowheader"}]
    for name in ("Answer", "Generator", "generator before", "judge after"):
        assert name in names
    assert any(name.startswith("Candidate 1") and "Canberra" in name for name in names)


def test_everything_that_can_be_used_is_reached_by_tab_and_shows_that_it_is(browser, page):
    browser.open(page)
    reached = []
    for _ in range(60):
        browser.press(Keys.TAB)
        if browser.run("return document.activeElement === document.body"):
            break  # past the last one
        outline, name = browser.run(
            "const e = document.activeElement, s = getComputedStyle(e);"
            "return [s.outlineStyle + ' ' + s.outlineWidth, e.id || e.textContent.trim().slice(0, 30)]"
        )
        assert outline == "solid 3px", name
        reached.append(name)
    assert reached[0] == "Skip to the game"
    assert [name for name in reached if name in {"previous", "play", "next", "step"}] == [
        "previous",
        "play",
        "next",
        "step",
    ]
    assert "Every score of every candidate" in reached


# --- it fits and can be read ---


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["page", "crowded_page"])
def test_nothing_is_wider_than_the_window(browser, request, name, width):
    browser.open(request.getfixturevalue(name), width=width)
    for _ in ("closed", "open"):
        content, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert content <= window
        browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["page", "crowded_page"])
def test_every_text_stands_out_from_its_ground(browser, request, name, dark, width):
    browser.open(request.getfixturevalue(name), dark=dark, width=width)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    measured = json.loads(browser.run(CONTRAST))
    assert len(measured) > 80
    grounds = {one["ground"] for one in measured}
    assert len(grounds) > 1
    weak = [one for one in measured if one["ratio"] < 4.5]
    assert weak == []


def test_dark_and_light_are_two_looks(browser, page):
    looks = []
    for dark in (False, True):
        browser.open(page, dark=dark)
        looks.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
    light, dark = ([int(number) for number in re.findall(r"\d+", look)] for look in looks)
    assert min(light) > 200
    assert max(dark) < 60


def test_who_asks_for_less_motion_gets_none(browser, page):
    browser.open(page, reduced_motion=True)
    assert browser.run("return getComputedStyle(document.querySelector('.fill')).transitionDuration") == "0s"
    browser.open(page)
    assert browser.run("return getComputedStyle(document.querySelector('.fill')).transitionDuration") == "0.25s"


def test_controls_are_large_enough_for_a_finger(browser, page):
    browser.open(page, width=360)
    heights = browser.run(
        "return [...document.querySelectorAll('button')].map((e) => e.getBoundingClientRect().height)"
    )
    assert min(heights) >= 44
