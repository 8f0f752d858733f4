"""The operator's page in a real browser: what it asks for, refreshing, keyboard, and what axe-core says of it.

`AXE_CORE` names the file `axe.min.js` of npm's axe-core.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PROGRAM, Browser
from forgejo_shim import WebLogin
from running import Running, log_path
from small import Small

pytestmark = [pytest.mark.skipif(not PROGRAM, reason="not run: no Chromium"), pytest.mark.xdist_group("browser")]
AXE = os.environ.get("AXE_CORE", "")
SIZES = ((1280, False), (1280, True), (400, False), (400, True))
STATUS = "document.querySelector('[role=status]').textContent"
LINE = "document.getElementById('refreshing').textContent"
COUNTED = "document.querySelector('dd').textContent"
CONTRAST = """(() => {  // the colours of the page's ground and of its text, as they are used
  const style = getComputedStyle(document.body);
  return [style.backgroundColor, style.color];
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as one:
        yield one


@pytest.fixture
def shown(browser: Browser) -> Iterator[tuple[Small, Running, Browser]]:
    """The page in a browser, after a little traffic; what the console and the network told of it is checked."""
    browser.errors.clear()
    browser.asked.clear()
    with Small("15") as small, Running(small.url, small.web) as proxy:
        proxy.get(log_path(small), small.token)
        proxy.get("/api/v1/actions/run", small.token)
        browser.size(1280)
        browser.open(f"{proxy.base_url}/-/shim/")
        yield small, proxy, browser
        assert {one for one in browser.asked if not one.startswith("data:")} == {f"{proxy.base_url}/-/shim/"}
        browser.open("about:blank")


def quick(browser: Browser) -> None:
    """Refresh now, as when the reader comes back to the page."""
    browser.value("document.dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.clause("U5", "U7")
def test_it_is_there_without_an_error_light_and_dark(shown: tuple[Small, Running, Browser]) -> None:
    _, _, browser = shown
    assert browser.value(STATUS) == "Everything works."
    seen = {}
    for width, dark in SIZES:
        browser.size(width, dark=dark)
        seen[dark] = browser.value(CONTRAST)
        assert browser.value("document.documentElement.scrollWidth") <= width, "nothing to scroll sideways"
    assert seen[False][0] != seen[True][0] and seen[False][1] != seen[True][1]
    assert browser.errors == []


@pytest.mark.clause("U6")
def test_it_refreshes_itself_and_keeps_focus_and_place(shown: tuple[Small, Running, Browser]) -> None:
    small, proxy, browser = shown
    assert browser.value(LINE) == "Refreshes every 5 seconds."
    before = browser.value(COUNTED)
    browser.size(400, 300)
    browser.value("window.link = document.querySelector('a'), link.focus(), scrollTo(0, 700)")
    browser.value("window.kept = document.getElementById('requests'), getSelection().selectAllChildren(kept)")
    proxy.get("/nothing/here")
    browser.until(f"{COUNTED} !== '{before}'", 9)
    assert browser.value("document.activeElement === link && document.contains(kept) && scrollY") == 700
    assert browser.value("getSelection().toString()") == "Requests"
    assert browser.errors == []


@pytest.mark.clause("U6", "U7")
def test_it_is_paused_by_the_keyboard(shown: tuple[Small, Running, Browser]) -> None:
    _, proxy, browser = shown
    browser.key("Tab")
    assert browser.value("document.activeElement.textContent") == "Pause"
    browser.key("Enter")
    assert browser.value(LINE) == "Paused."
    before = browser.value(COUNTED)
    proxy.get("/nothing/here")
    quick(browser)
    assert browser.value(f"new Promise(done => setTimeout(() => done({COUNTED}), 700))") == before
    browser.key("Enter")
    browser.until(f"{COUNTED} !== '{before}'")
    assert browser.value(LINE) == "Refreshes every 5 seconds."


@pytest.mark.clause("U6")
def test_it_says_what_fails_and_that_the_proxy_is_gone(shown: tuple[Small, Running, Browser]) -> None:
    small, proxy, browser = shown
    fault = small.double.faults.add("/", unanswered=True)
    proxy.proxy.health._found = None
    quick(browser)
    browser.until(f"{STATUS} === 'The server behind cannot be used: unreachable.'")
    assert browser.value("document.title") == "forgejo-shim: fails"
    small.double.faults.rules.remove(fault)
    proxy._do(proxy._runner.cleanup())
    quick(browser)
    browser.until(f"{LINE} === 'The proxy does not answer; these figures are old.'")


@pytest.mark.clause("U6")
def test_without_scripts_it_is_all_there(shown: tuple[Small, Running, Browser]) -> None:
    _, proxy, browser = shown
    browser.do("Emulation.setScriptExecutionDisabled", value=True)
    browser.do("Page.reload")
    try:
        browser.until("document.querySelectorAll('table').length === 6")
        browser.until(f"{LINE} === 'Reload the page for new figures.'")
        assert browser.value("document.getElementById('pause').checkVisibility()") is False
    finally:
        browser.do("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.clause("U7")
@pytest.mark.skipif(not AXE, reason="not run: AXE_CORE names no axe.min.js")
@pytest.mark.parametrize("state", ["works", "refused", "lost"])
def test_axe_finds_nothing_wrong(browser: Browser, state: str) -> None:
    wrong = WebLogin("o", "not the password")
    with Small("15") as small:
        with Running(
            "http://127.0.0.1:9" if state == "lost" else small.url, wrong if state == "refused" else None
        ) as proxy:
            proxy.get("/api/v1/actions/run", small.token)
            for width, dark in SIZES:
                browser.size(width, dark=dark)
                browser.open(f"{proxy.base_url}/-/shim/")
                browser.value(Path(AXE).read_text() + "; 0")
                found = browser.value("axe.run().then(said => [said.violations, said.incomplete, said.passes.length])")
                told = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found[0] + found[1]]
                assert told == [], (width, dark)
                assert found[2] > 15
            browser.open("about:blank")
