"""The report in a real browser: it asks for nothing, and nothing that was planted in it runs."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium with a log of its requests; skips where it is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("headless=new", "no-sandbox", "disable-gpu", f"user-data-dir={profile}"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def _load(browser: Any, page: Path, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())


def _requests(browser: Any) -> list[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        and not message["params"]["documentURL"].startswith("chrome:")  # what Chromium opens with
    ]


@pytest.mark.parametrize("which", ["regression", "classes", "objective"])
def test_nothing_that_was_planted_runs_and_nothing_is_asked_for(
    which: str, browser: Any, tmp_path: Path, pages: dict[str, Path]
) -> None:
    written = pages[which]
    # without the policy that would stop a script: no foreign text may become markup in the first place
    bare = tmp_path / "bare.html"
    policy = '<meta http-equiv="Content-Security-Policy"'
    page = written.read_text("utf-8")
    assert policy in page
    bare.write_text(page.replace(policy, '<meta name="none"'), "utf-8")
    for file in (written, bare):
        browser.get_log("performance")
        _load(browser, file, 1200)
        assert browser.execute_script("return window.planted") is None
        planted = (
            "return document.querySelectorAll('script, img, iframe, object, [onload], [onerror]').length"
        )
        assert browser.execute_script(planted) == 0
        assert [url for url in _requests(browser) if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_as_wide_as_the_screen(browser: Any, width: int, pages: dict[str, Path]) -> None:
    _load(browser, pages["regression"], width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
