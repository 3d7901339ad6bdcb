"""A headless Chromium that is driven over the DevTools protocol: what a page looks like, says and does."""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from pathlib import Path

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def programs():
    """The paths of Chromium and its driver, `None` for what is missing."""
    return shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """One browser with one page; `width` is in CSS pixels."""

    def __init__(self, folder: Path) -> None:
        chromium, driver = programs()
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*QUIET, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        self._cdp("Emulation.setFocusEmulationEnabled", enabled=True)  # as if its window were in front
        self._cdp("Emulation.setScrollbarsHidden", hidden=True)  # as on a phone

    def close(self) -> None:
        self.driver.quit()

    def open(self, path: Path, **look) -> None:
        """Shows a file; `look` as in `visit`."""
        self.visit(path.resolve().as_uri(), **look)

    def visit(self, address: str, *, width=1280, height=900, dark=False, reduced_motion=False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        motion = {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}
        self._cdp("Emulation.setEmulatedMedia", features=[scheme, motion])
        self.resize(width, height)
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # what earlier pages said
        self.driver.get(address)

    def resize(self, width: int, height: int = 900) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._cdp("Emulation.setDeviceMetricsOverride", **metrics)

    def complaints(self) -> list[str]:
        """What is on the console, errors and warnings alike."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that the page asked for since it was opened, itself among them."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]

    def run(self, script: str, *arguments: object) -> object:
        """What the JavaScript returns."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector: str) -> str:
        return self.run("return document.querySelector(arguments[0]).textContent", selector)

    def click(self, selector: str) -> None:
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def focus(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).focus()", selector)

    def press(self, *keys: str) -> None:
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def picture(self, path: Path) -> None:
        """Saves the whole page as a PNG."""
        shot = self._cdp("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def accessible(self) -> list[dict[str, str]]:
        """The nodes of the accessibility tree that a screen reader sees: role, name."""
        self._cdp("Accessibility.enable")
        nodes = self._cdp("Accessibility.getFullAXTree")["nodes"]
        return [
            {"role": node["role"]["value"], "name": node.get("name", {}).get("value", "")}
            for node in nodes
            if not node["ignored"]
        ]

    def _cdp(self, command: str, **arguments: object) -> dict:
        return self.driver.execute_cdp_cmd(command, arguments)
