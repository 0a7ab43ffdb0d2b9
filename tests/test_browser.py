"""The built site in a real browser: pages, pictures, formulae, search, and no outside request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from playwright.sync_api import Browser, Page, Request

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[1]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
CHAPTERS = [page["file"] for part in TOC["parts"] for page in part["chapters"]]
PAGES = [f"{name}.html" for name in (TOC["root"], *CHAPTERS)]
EXPLAINED = "reading.html"
WORD = "fingerprint"  # which that page explains
PHONE = {"width": 390, "height": 844}


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Visit:
    """One page in its own tab, and what it asked for and complained about on the way."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page: Page = browser.new_page()
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("request", self._asked)

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def _asked(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def open(self, name: str) -> int:
        response = self.page.goto(f"{self.address}/{name}", wait_until="load")
        self.page.evaluate("window.MathJax?.startup?.promise?.then(() => true)")
        self.page.wait_for_load_state("networkidle")
        assert response is not None
        return response.status


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    one = Visit(browser, address)
    yield one
    one.page.close()


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole(visit: Visit, name: str) -> None:
    assert visit.open(name) == 200
    assert visit.complaints == []
    assert visit.outside == []
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
    assert visit.page.evaluate(broken) == []
    unnamed = "[...document.images].filter(i => !i.alt && !i.ariaHidden).map(i => i.src)"
    assert visit.page.evaluate(unnamed) == []
    assert visit.page.locator(".provenance").inner_text().strip()


@pytest.mark.parametrize("name", PAGES)
def test_formulae_are_set(visit: Visit, name: str) -> None:
    visit.open(name)
    unset = "[...document.querySelectorAll('.math')].filter(m => !m.querySelector('mjx-container'))"
    assert visit.page.evaluate(f"{unset}.map(m => m.textContent)") == []
    assert visit.page.locator("mjx-container [data-mml-node='merror']").count() == 0
    prose = visit.page.evaluate(
        """() => {
            const copy = document.querySelector('.bd-article').cloneNode(true);
            copy.querySelectorAll('pre, code, script, mjx-container').forEach(e => e.remove());
            return copy.textContent;
        }"""
    )
    assert r"\(" not in prose
    assert r"\[" not in prose


def test_some_page_has_formulae(site: Path) -> None:
    assert any("MathJax" in (site / name).read_text() for name in PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(visit: Visit, name: str) -> None:
    visit.page.set_viewport_size(PHONE)
    visit.open(name)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_address_alone_leads_to_the_introduction(visit: Visit) -> None:
    visit.page.goto(visit.address)
    visit.page.wait_for_url(f"**/{TOC['root']}.html")


def test_search_finds_a_word(visit: Visit) -> None:
    visit.open(f"search.html?q={WORD}")
    found = visit.page.locator("#search-results li a")
    found.first.wait_for()
    assert any(EXPLAINED in (a.get_attribute("href") or "") for a in found.all())
    assert visit.complaints == []
    assert visit.outside == []


def test_both_themes_keep_the_states_apart(visit: Visit) -> None:
    visit.open(EXPLAINED)
    states = visit.page.locator("span[class*='state-']")
    seen = set()
    for theme in ("light", "dark"):
        visit.page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        colours = states.evaluate_all("all => all.map(e => getComputedStyle(e).borderLeftColor)")
        assert len(set(colours)) == len(colours) > 1
        seen.add(tuple(colours))
    assert len(seen) == 2
