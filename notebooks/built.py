"""What a built site must be: whole, described, and sufficient to itself. Read from its files alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

# Elements whose address a browser asks for as it opens the page; a plain link waits for a click.
ASKING = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "input": "src",
    "object": "data",
    "script": "src",
    "source": "src",
    "track": "src",
    "video": "src",
}
ASKED_LINKS = {
    *("dns-prefetch", "icon", "manifest", "modulepreload", "preconnect", "prefetch", "preload"),
    *("apple-touch-icon", "stylesheet"),
}
OUTSIDE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
STYLE = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
PICTURE = re.compile(r"\.(?:gif|jpe?g|png|svg|webp)$", re.IGNORECASE)
ARTICLE = "article.bd-article"
FOLLOWED = {"", "http", "https", "data", "javascript", "mailto"}  # schemes that a browser can follow


@dataclass(frozen=True)
class Page:
    """One page of the site, parsed."""

    path: Path
    soup: BeautifulSoup

    @property
    def places(self) -> set[str]:
        """What another page's link can point to."""
        named = self.soup.select("[id], [name]")
        return {str(tag[key]) for tag in named for key in ("id", "name") if tag.has_attr(key)}


def read(site: Path) -> dict[Path, Page]:
    """Every page of a site by its path; what lies in `_static` belongs to the theme."""
    written = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    return {path: Page(path, BeautifulSoup(path.read_text(), "html.parser")) for path in written}


def faults(site: Path, wanted: list[str]) -> Iterator[str]:
    """What is wrong with a site that should have the pages `wanted`; one line a fault."""
    pages = read(site)
    for name in wanted:
        if site / f"{name}.html" not in pages:
            yield f"{name}: the site has no such page"
    places = {path: page.places for path, page in pages.items()}
    for path, page in pages.items():
        where = path.relative_to(site).with_suffix("").as_posix()
        own = (bare_figures, unmarked_cells) if where in wanted else ()  # not the index, nor the search
        for check in (unseen_images, outside_requests, *own):
            yield from (f"{where}: {fault}" for fault in check(page))
        yield from (f"{where}: {fault}" for fault in broken_links(page, places))
    for sheet in sorted(site.rglob("*.css")):
        for address in STYLE.findall(sheet.read_text()):
            yield f"{sheet.relative_to(site)}: asks outside for {address}"


def unseen_images(page: Page) -> Iterator[str]:
    """Images that are not there, or that a reader who cannot see them is told nothing of."""
    for image in page.soup.find_all("img"):
        source, alt = str(image.get("src", "")), str(image.get("alt", "")).strip()
        url = urlsplit(source)
        inside = not url.scheme and not url.netloc
        if inside and not (page.path.parent / unquote(url.path)).is_file():
            yield f"the image {source or '(no address)'} is missing"
        if image.get("aria-hidden") == "true":
            continue
        if not alt:
            yield f"the image {source} has no alt text"
        elif PICTURE.search(alt):
            yield f"the image {source} has a file's name for an alt text"


def bare_figures(page: Page) -> Iterator[str]:
    """Figures without number or caption, and pictures of the text that are in no figure."""
    for figure in page.soup.select(f"{ARTICLE} figure"):
        name, caption = figure.get("id", "without a name"), figure.find("figcaption")
        number = caption.select_one(".caption-number") if caption else None
        text = caption.select_one(".caption-text") if caption else None
        if number is None or not number.get_text(strip=True):
            yield f"the figure {name} has no number"
        if text is None or not text.get_text(strip=True):
            yield f"the figure {name} has no caption"
    for image in page.soup.select(f"{ARTICLE} img"):
        if image.find_parent("figure") is None:
            yield f"the picture {image.get('alt') or image.get('src')!r} is in no figure"


def unmarked_cells(page: Page) -> Iterator[str]:
    """Cells of a claim's table that show something and not how it stands."""
    for table in page.soup.select("table.claim[id]"):
        for cell in table.select("tbody td"):
            states = [name for name in cell.get("class") or [] if name.startswith("state-")]
            if cell.get_text(strip=True) and not states:
                yield f"{table.get('id')} has a cell without a state: {cell.get_text(' ', strip=True)!r}"


def outside_requests(page: Page) -> Iterator[str]:
    """Addresses of other hosts that a browser would ask for."""
    for tag in page.soup.find_all([*ASKING, "link"]):
        for address in _asked(tag):
            if OUTSIDE.match(address):
                yield f"<{tag.name}> asks outside for {address}"
    styles = [tag.get_text() for tag in page.soup.find_all("style")]
    styles += [str(tag["style"]) for tag in page.soup.select("[style]")]
    for address in STYLE.findall("\n".join(styles)):
        yield f"a style asks outside for {address}"


def _asked(tag: Tag) -> Iterator[str]:
    if tag.name == "link":
        if ASKED_LINKS.intersection(tag.get("rel") or []):
            yield str(tag.get("href", ""))
        return
    yield str(tag.get(ASKING[tag.name], ""))
    for candidate in str(tag.get("srcset", "")).split(","):
        yield candidate.strip().partition(" ")[0]


def broken_links(page: Page, places: dict[Path, set[str]]) -> Iterator[str]:
    """Links inside the site to a file or an anchor that is not there."""
    links = {str(tag[key]) for key in ("href", "src") for tag in page.soup.select(f"[{key}]")}
    for link in sorted(links):
        url = urlsplit(link)
        if url.scheme not in FOLLOWED:
            yield f"links to {link}, which the build should have turned into an address"
        if url.scheme or url.netloc:
            continue
        target = (page.path.parent / unquote(url.path)).resolve() if url.path else page.path
        if not target.exists():
            yield f"links to {link}, which is not there"
        elif url.fragment and target in places and unquote(url.fragment) not in places[target]:
            yield f"links to {link}, whose anchor is not there"
