"""The gate: each check lets a good book pass and catches an example that breaks it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import built
import execute
import gate
import nbformat
import prose
import pytest
import yaml
from bs4 import BeautifulSoup
from nbformat import NotebookNode

from recluster.papers import CLAIMS

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"


# --- numbers in prose -----------------------------------------------------------------------------

BACKED = """\
---
myst:
  html_meta:
    description: Five papers, {{ claims_total }} claims.
---
# Table 6 and Tables 2 and 3, Sec. 3.3.1, eqs. (10) to (14), Figure 4, page 17, § 5.2, Theorem 1

Ours is {{ records_total }} at `0.5` and $\\kappa = 0.995$ on ten digits, 10 classes and CIFAR-100,
written in 2020 for Python 3.11 to 3.13 and version 0.1, on 28x28 and 16 × 16 pixels, arXiv:1708.07747.

$$ x = 0.25 $$

```python
accuracy = 0.975
```

```{literalinclude} ../a.py
:lines: 100-200
```

| scale | {{ claims_total }} |
|---|---|
| `epochs=400` | two, 3 |
"""
TYPED = {
    "a decimal": "Ours is 97.5 on MNIST.",
    "a decimal in a heading": "# 0.975 on MNIST",
    "a decimal with a thousands comma": "It took 1,234.5 seconds.",
    "a share": "Ours is at 97 %.",
    "a share without a blank": "Ours is at 97%.",
    "a share, spelled": "Ours is at 9 percent.",
    "a share in words": "It loses seven percent.",
    "a gain": "Ours gains 3 points.",
    "a factor": "It is 8× faster.",
    "a factor, spelled": "It is 3 times slower.",
    "a score": "It ends at ACC 9.",
    "a bare score": "On MNIST it reaches 97.",
    "a count": "There are 1,234 records.",
    "in a note": ":::{note}\nOurs is 97.5.\n:::",
    "in a note's title": "```{note} Ours is 97.5\nso.\n```",
    "in a figure's caption": "```{figure} a.png\n:name: a\n\nOurs is 97.5.\n```",
    "in a figure's alt text": "```{figure} a.png\n:alt: a curve up to 97.5\n\nSo.\n```",
    "in a table": "| a |\n|---|\n| 97.5 |",
    "in HTML": "<p>Ours is 97.5.</p>",
    "in a list of terms": "Ours\n: It is 97.5.",
    "in emphasis": "Ours is **97.5**.",
    "in a link": "Ours is [97.5](x.md).",
    "in an image": "![a curve up to 97.5](x.png)",
    "in the description": "---\nmyst:\n  html_meta:\n    description: Ours is 97.5\n---\n",
}


def test_backed_and_allowed_numbers_pass() -> None:
    assert list(prose.typed_results(BACKED)) == []


@pytest.mark.parametrize("text", TYPED.values(), ids=TYPED.keys())
def test_a_typed_result_is_caught(text: str) -> None:
    assert list(prose.typed_results(text))


@pytest.mark.parametrize("kind", prose.ALLOWED)
def test_each_allowed_kind_is_needed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = {name: pattern for name, pattern in prose.ALLOWED.items() if name != kind}
    monkeypatch.setattr(prose, "ALLOWED", rest)
    assert list(prose.typed_results(BACKED))


def test_the_parser_reads_what_the_site_reads() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert set(config["parse"]["myst_enable_extensions"]) == prose.SYNTAX


# --- executed notebooks ---------------------------------------------------------------------------

SOURCE = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A page

# %% tags=["parameters", "remove-cell"]
scale = "paper"

# %% tags=["remove-input"] mystnb={"figure": {"name": "f", "caption": "c"}, "image": {"alt": "a"}}
page.table("pcx.table6")
"""
NOW = {"records": "one", "package": "two"}


def executed(source: str = SOURCE, scale: str = "paper") -> NotebookNode:
    """As papermill and `execute.tidy` leave it."""
    page = execute.paired(source)
    injected = nbformat.v4.new_code_cell(f'scale = "{scale}"')
    injected.id = execute.INJECTED
    page.cells.insert(2, injected)
    for cell in page.cells:
        cell.metadata["papermill"] = {"status": "completed"}
    page.metadata["papermill"] = {"parameters": {"scale": scale}}
    page.metadata[execute.GROUND] = dict(NOW)
    return page


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole small book of one text and one notebook, with nothing wrong in it."""
    monkeypatch.setattr(execute, "ground", lambda: NOW)
    monkeypatch.setattr(gate, "CLAIMS", {"pcx.table6": CLAIMS["pcx.table6"]})
    made = tmp_path / "book"
    for folder in (made / "notebooks" / "pcx", tmp_path / "notebooks" / "pcx"):
        folder.mkdir(parents=True)
    chapters = "[{file: notebooks/pcx/tables}]"
    (made / "_toc.yml").write_text(f"root: intro\nparts: [{{caption: a, chapters: {chapters}}}]")
    (made / "intro.md").write_text(BACKED)
    source = tmp_path / "notebooks" / "pcx" / "tables.py"
    source.write_text(SOURCE)
    nbformat.write(execute.paired(SOURCE), source.with_suffix(".ipynb"))
    page = executed()
    table = {"text/html": '<table class="claim" id="pcx.table6-paper"></table>'}
    page.cells[-1].outputs = [nbformat.v4.new_output("display_data", data=table)]
    nbformat.write(page, made / "notebooks" / "pcx" / "tables.ipynb")
    return made


def caught(book: Path) -> list[str]:
    return list(gate.source_faults(book, gate.contents(book)))


def change(book: Path, edit: Callable[[NotebookNode], None]) -> list[str]:
    """What the gate says after a change to the executed page."""
    path = book / "notebooks" / "pcx" / "tables.ipynb"
    page = nbformat.read(path, as_version=4)
    edit(page)
    nbformat.write(page, path)
    return caught(book)


def fail(page: NotebookNode) -> None:
    page.cells[-1].outputs.append(nbformat.v4.new_output("error", ename="E", evalue="", traceback=[]))


def cut_short(page: NotebookNode) -> None:
    page.cells[-1].metadata.papermill.status = "pending"


def edit_text(page: NotebookNode) -> None:
    page.cells[0].source = "# Another page"


def edit_caption(page: NotebookNode) -> None:
    page.cells[-1].metadata.mystnb.figure.caption = "Ours is 97.5."


def edit_records(page: NotebookNode) -> None:
    page.metadata[execute.GROUND]["records"] = "other"


def edit_package(page: NotebookNode) -> None:
    page.metadata[execute.GROUND]["package"] = "other"


def forget_ground(page: NotebookNode) -> None:
    del page.metadata[execute.GROUND]


def type_result(page: NotebookNode) -> None:
    page.cells[0].source = "# Ours is 97.5"


def hide_table(page: NotebookNode) -> None:
    page.cells[-1].outputs = []


def test_a_good_book_passes(book: Path) -> None:
    assert caught(book) == []


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (fail, "holds an error"),
        (cut_short, "status 'pending'"),
        (edit_text, "the executed copy is not of this source"),
        (edit_caption, "a decimal typed in: 'Ours is 97.5.'"),
        (edit_records, "the records changed since it was executed"),
        (edit_package, "the package changed since it was executed"),
        (forget_ground, "does not say what records it was made from"),
        (type_result, "a decimal typed in: 'Ours is 97.5'"),
        (hide_table, "the claim pcx.table6 is on no page"),
    ],
)
def test_a_bad_page_is_caught(book: Path, edit: Callable[[NotebookNode], None], said: str) -> None:
    assert any(said in fault for fault in change(book, edit))


def test_a_stale_pair_is_caught(book: Path) -> None:
    source = book.parent / "notebooks" / "pcx" / "tables.py"
    source.write_text(SOURCE.replace("A page", "Another page"))
    found = caught(book)
    assert any("the pair is not made from its source" in fault for fault in found)
    assert any("the executed copy is not of this source" in fault for fault in found)


def test_a_page_without_a_source_is_caught(book: Path) -> None:
    (book.parent / "notebooks" / "pcx" / "tables.py").unlink()
    assert any("there is no source tables.py" in fault for fault in caught(book))


def test_a_typed_result_in_a_text_page_is_caught(book: Path) -> None:
    (book / "intro.md").write_text("# Ours is 97.5")
    assert caught(book) == ["intro: a decimal typed in: 'Ours is 97.5'"]


def test_a_page_that_is_not_there_is_caught(book: Path) -> None:
    (book / "intro.md").unlink()
    assert caught(book) == ["intro: _toc.yml names it, and it is not there"]


def test_two_scales_in_one_book_are_caught() -> None:
    pages = {"a": executed(), "b": executed(scale="smoke")}
    assert any("several scales" in fault for fault in gate.mixed_scales(pages))


def test_the_digests_follow_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECLUSTER_RESULTS", str(tmp_path))
    empty = execute.ground()
    record = tmp_path / "a-run" / "record.json"
    record.parent.mkdir()
    record.write_text("{}")
    one = execute.ground()
    record.write_text("{} ")
    two = execute.ground()
    assert len({empty["records"], one["records"], two["records"]}) == 3
    assert empty["package"] == one["package"] == two["package"]


# --- the built site -------------------------------------------------------------------------------

FIGURE = (
    '<figure id="f"><img src="a.png" alt="a curve"/><figcaption><p>'
    '<span class="caption-number">Fig. 1</span><span class="caption-text">Why.</span></p></figcaption>'
    "</figure>"
)
WHOLE = (
    '<html><head><link rel="stylesheet" href="a.css"/><link rel="canonical" href="https://a.org"/></head>'
    f'<body><a href="https://a.org">out</a><article class="bd-article">{FIGURE}'
    '<table class="claim" id="c"><tbody><tr><td></td><td class="state-agrees">1</td></tr></tbody>'
    "</table>"
    '<a href="#f">up</a><a href="page.html#c">here</a></article></body></html>'
)
BROKEN = {
    "an image that is missing": ('src="a.png"', 'src="b.png"', "b.png is missing"),
    "no alt text": ('alt="a curve"', "", "has no alt text"),
    "an empty alt text": ('alt="a curve"', 'alt=" "', "has no alt text"),
    "a file's name as alt text": ('alt="a curve"', 'alt="../_images/a.png"', "a file's name"),
    "no caption": ("Why.", "", "has no caption"),
    "no number": ("Fig. 1", "", "has no number"),
    "a picture in no figure": (FIGURE, '<p id="f"><img src="a.png" alt="b"/></p>', "is in no figure"),
    "a cell without a state": (' class="state-agrees"', "", "has a cell without a state: '1'"),
    "a link to nowhere": ('href="page.html#c"', 'href="other.html"', "other.html, which is not there"),
    "an unresolved link": ('href="page.html#c"', 'href="record:abc"', "should have turned into"),
    "a lost anchor": ('href="#f"', 'href="#g"', "#g, whose anchor is not there"),
    "a lost anchor of a page": ("page.html#c", "page.html#d", "whose anchor is not there"),
    "an outside style": ('href="a.css"', 'href="https://a.org/a.css"', "<link> asks outside"),
    "an outside script": ("</body>", '<script src="//a.org/a.js"></script>', "<script> asks outside"),
    "an outside image": ('src="a.png"', 'src="http://a.org/a.png"', "<img> asks outside"),
    "an outside image set": ('src="a.png"', 'src="a.png" srcset="a.png 1x, //a.org/b 2x"', "<img> asks"),
    "an outside frame": ("</body>", '<iframe src="https://a.org"></iframe>', "<iframe> asks outside"),
    "an outside style sheet's import": (
        "</head>",
        '<style>@import "https://a.org/a.css";</style></head>',
        "a style asks outside",
    ),
    "an outside background": (
        "<p>",
        '<p style="background: url(https://a.org/a.png)">',
        "a style asks outside",
    ),
}


def site_of(folder: Path, html: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "page.html").write_text(html)
    (folder / "a.png").write_bytes(b"")
    (folder / "a.css").write_text("p { background: url(a.png) }")
    return folder


def test_a_whole_site_passes(tmp_path: Path) -> None:
    assert list(built.faults(site_of(tmp_path, WHOLE), ["page"])) == []


@pytest.mark.parametrize(("old", "new", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_site_is_caught(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WHOLE
    found = list(built.faults(site_of(tmp_path, WHOLE.replace(old, new)), ["page"]))
    assert any(said in fault for fault in found), found


def test_an_outside_request_of_a_style_sheet_is_caught(tmp_path: Path) -> None:
    folder = site_of(tmp_path, WHOLE)
    (folder / "a.css").write_text("p { background: url('https://a.org/a.png') }")
    assert list(built.faults(folder, ["page"])) == ["a.css: asks outside for https://a.org/a.png"]


def test_a_page_that_was_not_built_is_caught(tmp_path: Path) -> None:
    found = list(built.faults(site_of(tmp_path, WHOLE), ["page", "other"]))
    assert found == ["other: the site has no such page"]


def test_what_a_browser_does_not_ask_for_is_no_request() -> None:
    soup = BeautifulSoup(
        '<a href="https://a.org">a</a><img src="data:image/png;base64,">', "html.parser"
    )
    assert list(built.outside_requests(built.Page(Path("page.html"), soup))) == []


# --- the whole ------------------------------------------------------------------------------------


def test_the_command_fails_and_says_why(book: Path, tmp_path: Path) -> None:
    site = site_of(tmp_path / "site", WHOLE)
    command = [sys.executable, ROOT / "notebooks" / "gate.py", book, "--site", site]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert "intro: the site has no such page" in finished.stderr
    assert "the site is not fit to be shown" in finished.stderr


def test_make_book_ends_with_the_gate() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nbook: ")[2].partition("\n\n")[0]
    assert recipe.splitlines()[-1].strip() == "$(BIN)/python notebooks/gate.py book/"


def test_the_pages_pass_the_gate() -> None:
    assert list(gate.source_faults(BOOK, gate.contents(BOOK))) == []


@pytest.mark.browser
def test_the_site_passes_the_gate(site: Path) -> None:
    assert list(built.faults(site, gate.contents(BOOK))) == []
