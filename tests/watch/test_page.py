"""The page in a real browser, while a run is going on, and of a run that wants to be more than text."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from codegen_hpo.records import Event
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.testing.watched_runs import after, started, wait_for
from codegen_hpo.watch.server import WatchServer

pytestmark = pytest.mark.slow
Make = Callable[..., Event]
PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium. Skips without one."""
    webdriver = pytest.importorskip("selenium.webdriver")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("no Chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def show(browser: Any) -> Iterator[Callable[[Path], None]]:
    """Opens the page of a run."""
    servers = []

    def open_page(folder: Path) -> None:
        server = WatchServer(RunFolder.open(folder))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append(server)
        browser.get(server.url)

    yield open_page
    browser.get("about:blank")
    for server in servers:
        server.close()


def text(browser: Any, name: str) -> str:
    return str(browser.find_element("id", name).text)


def until(browser: Any, name: str, said: str) -> str:
    """The text of an element, once it says this."""
    deadline = time.monotonic() + PATIENCE_S
    while said not in (shown := text(browser, name)):
        assert time.monotonic() < deadline, f"{name} says {shown!r}, not {said!r}"
        time.sleep(0.1)
    return shown


def test_a_run_is_followed_to_its_end(browser: Any, tmp_path: Path, small_table: pd.DataFrame) -> None:
    table, runs = tmp_path / "table.csv", tmp_path / "runs"
    small_table.to_csv(table, index=False)
    options = ["--cookbook", "--candidates", 1, "--trials", 3, "--trial-time", "4s", "--folds", 1]
    options += ["--reseed", 0, "--parallel", 1, "--sandbox", "none", "--runs", runs, "--quiet"]
    with started("fit", table, "--target", "y", *options) as fit:
        wait_for(after("prepared"), runs, fit)
        watch = subprocess.Popen(
            [sys.executable, "-m", "codegen_hpo.cli", "watch", "latest", "--runs", str(runs)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert watch.stdout
            browser.get(watch.stdout.readline().strip())
            until(browser, "state", "running")
            until(browser, "works", "trains")
            until(browser, "works", "epoch ")
            until(browser, "trials", "t001")
            assert "y, regression, rmse" in text(browser, "task")
            until(browser, "state", "done")
            until(browser, "trials", "t003")
            assert "on the sealed test rows" in until(browser, "final", "Final model, ")
            assert text(browser, "idle") == "Nothing is going on."
            assert browser.find_elements("css selector", "#chart circle")
        finally:
            watch.kill()
            watch.wait()
    assert until(browser, "state", "lost")


def test_hostile_text_stays_text(
    browser: Any,
    show: Callable[[Path], None],
    write_run: Any,
    event: Make,
    settings: Make,
    call: Make,
    trial: Make,
) -> None:
    evil = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>"
    finding = {"gate": "rules", "line": 1, "message": evil}
    bad = trial(1, "c01/1", 2.0, loss=None, by=evil, error=evil, reasoning=evil)
    folder = write_run(
        settings(tuner=evil),
        event("prepared", baselines=[{"name": evil, "validation_score": 1.0}]),
        event("attempt", candidate=evil, attempt=1, author=evil, findings=[finding]),
        bad,
        call("c01/2", 3.0, by=evil, width=evil),
        event("failed", "E", 4.0, message=evil),
        name="<b>run",
    )
    (folder / "task.json").write_text('{"metric": "<b>rmse", "target": "<i>y", "kind": "regression"}')
    show(folder)
    until(browser, "state", "failed")
    until(browser, "task", "<i>y, regression, <b>rmse")
    for place in ("why", "trials", "attempts", "baselines"):
        assert evil in text(browser, place)
    assert text(browser, "name") == "<b>run"
    assert browser.title == "<b>run – codegen-hpo"
    assert not browser.find_elements("css selector", "body img, body script, main b, main i")
    asked = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert {url.rsplit("/", 1)[0] + "/" for url in asked} == {browser.current_url}
    assert browser.get_log("browser") == []


def test_the_page_cannot_be_made_to_run_markup(
    browser: Any, show: Any, write_run: Any, settings: Make
) -> None:
    show(write_run(settings()))
    until(browser, "state", "stopped")
    tried = browser.execute_script(
        "try { document.body.innerHTML = '<b>x</b>'; return 'set' } catch (error) { return error.name }"
    )
    assert tried == "TypeError"


def test_the_line_of_the_best_stays_in_the_chart(
    browser: Any, show: Any, write_run: Any, settings: Make, trial: Make
) -> None:
    losses = [90.0, 50.0, 1.0, 1.2, 1.1, 1.3, 1.2, 1.1]
    show(write_run(settings(), *(trial(n, f"c01/{n}", float(n), loss=x) for n, x in enumerate(losses, 1))))
    until(browser, "trials", "t008")
    points = browser.find_element("css selector", "#chart .lead-line").get_attribute("points")
    heights = [float(point.split(",")[1]) for point in points.split()]
    base = browser.find_element("css selector", "#chart .axis").get_attribute("y1")
    assert max(heights) <= float(base)
    ends = [tuple(point.split(",")) for point in points.split()]
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(ends)), "steps"


def test_it_fits_a_phone(browser: Any, show: Any, write_run: Any, settings: Make, trial: Make) -> None:
    phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        show(write_run(settings(), *(trial(n, f"c01/{n}", float(n), loss=1 / n) for n in range(1, 30))))
        until(browser, "trials", "t029")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
