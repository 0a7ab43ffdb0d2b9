"""The last look before a site is shown: refuse a page that says more than its records do.

    python notebooks/gate.py book/            # after `jupyter-book build book/`; `make book` does both

It reads the book's pages (prose, executed notebooks, claims) and the built site (images, figures,
links, requests), prints one line a fault, and fails if there is one. It stands beside `execute.py`,
whose idea of a complete and current notebook it shares; the package itself needs no notebook tools.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import built
import execute
import nbformat
import prose
import yaml
from nbformat import NotebookNode

from recluster.papers import CLAIMS
from recluster.spec import SCALES

REMEDY = "run: make notebooks"
CLAIM = re.compile(rf'<table class="claim" id="([^"]+)-(?:{"|".join(SCALES)})"')


def faults(book: Path, site: Path) -> Iterator[str]:
    """Everything wrong with a book and the site built from it; one line a fault."""
    names = contents(book)
    yield from source_faults(book, names)
    yield from built.faults(site.resolve(), names)


def contents(book: Path) -> list[str]:
    """The pages of the table of contents, as paths without suffix."""
    toc = yaml.safe_load((book / "_toc.yml").read_text())
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def source_faults(book: Path, names: list[str]) -> Iterator[str]:
    """What is wrong with the pages themselves, before anything is built from them."""
    executed: dict[str, NotebookNode] = {}
    for name in names:
        text, notebook = book / f"{name}.md", book / f"{name}.ipynb"
        if text.is_file():
            yield from (f"{name}: {found}" for found in prose.typed_results(text.read_text()))
        elif notebook.is_file():
            executed[name] = nbformat.read(notebook, as_version=4)
        else:
            yield f"{name}: _toc.yml names it, and it is not there"
    now = execute.ground()
    for name, page in executed.items():
        source = book.resolve().parent / f"{name}.py"
        found = [*typed_results(page), *stale(page, source), *execute.unfinished(page)]
        yield from (f"{name}: {fault}" for fault in [*found, *outdated(page, now)])
    yield from mixed_scales(executed)
    yield from unshown_claims(executed.values())


def typed_results(page: NotebookNode) -> Iterator[str]:
    """Results typed into a notebook's text, its captions or its alt texts."""
    for number, cell in enumerate(page.cells):
        told = cell.metadata.get("mystnb", {})
        captions = [told.get("figure", {}).get("caption", ""), told.get("image", {}).get("alt", "")]
        texts = [cell.source] if cell.cell_type == "markdown" else captions
        for text in texts:
            yield from (f"cell {number}: {found}" for found in prose.typed_results(text))


def stale(page: NotebookNode, source: Path) -> Iterator[str]:
    """Whether source, pair and executed copy still are one notebook."""
    if not source.is_file():
        yield f"there is no source {source.name} to execute"
        return
    wanted = execute.paired(source.read_text())
    pair = source.with_suffix(".ipynb")
    if not pair.is_file() or cells(nbformat.read(pair, as_version=4)) != cells(wanted):
        yield f"the pair is not made from its source; {REMEDY}"
    if cells(page) != cells(wanted):
        yield f"the executed copy is not of this source; {REMEDY}"


def cells(notebook: NotebookNode) -> list[tuple[str, str, object]]:
    """What a notebook's author wrote: kind, text and figure of each cell."""
    return [
        (cell.cell_type, cell.source, cell.metadata.get("mystnb"))
        for cell in notebook.cells
        if cell.id != execute.INJECTED
    ]


def outdated(page: NotebookNode, now: Mapping[str, str]) -> Iterator[str]:
    """Whether records or package are others than those that the page was made from."""
    made_from = page.metadata.get(execute.GROUND)
    if made_from is None:
        yield f"it does not say what records it was made from; {REMEDY}"
        return
    for kind, digest in now.items():
        if made_from[kind] != digest:
            yield f"the {kind} changed since it was executed; {REMEDY}"


def mixed_scales(executed: Mapping[str, NotebookNode]) -> Iterator[str]:
    """Whether the pages are of more than one scale."""
    scales = {
        name: page.metadata.get("papermill", {}).get("parameters", {}).get("scale")
        for name, page in executed.items()
    }
    if len(set(scales.values())) > 1:
        listing = ", ".join(f"{name} {scale}" for name, scale in scales.items())
        yield f"the pages are of several scales ({listing}); {REMEDY}"


def unshown_claims(pages: Iterable[NotebookNode]) -> Iterator[str]:
    """Claims whose table, with the state of every cell, stands on no page."""
    shown = {name for page in pages for text in outputs(page) for name in CLAIM.findall(text)}
    for claim in CLAIMS.values():
        if claim.id not in shown:
            yield f"the claim {claim.id} is on no page: neither reproduced nor marked as not run"


def outputs(page: NotebookNode) -> Iterator[str]:
    """The HTML that a notebook's cells show."""
    for cell in page.cells:
        for output in cell.get("outputs", []):
            yield output.get("data", {}).get("text/html", "")


def main() -> None:
    """The command line: `gate.py BOOK [--site SITE]`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("book", type=Path, help="the folder with _toc.yml and the pages")
    parser.add_argument("--site", type=Path, help="the built site [BOOK/_build/html]")
    given = parser.parse_args()
    found = list(faults(given.book, given.site or given.book / "_build" / "html"))
    if found:
        sys.exit("\n".join([*found, f"gate: {len(found)} faults; the site is not fit to be shown"]))


if __name__ == "__main__":
    main()
