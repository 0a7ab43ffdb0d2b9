"""How the site's pages stand, read off the executed notebooks themselves and not computed anew."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recluster.report.table import SHOWN, counted, state_class
from recluster.store import Record

CLAIM = re.compile(r'<table class="claim" id="([^"]+)-\w+"')
STATE = re.compile(r'<td class="(state-[\w-]+)" title=')
RECORDS = re.compile(r'href="record:(\w+)"|; records ([\w, ]+)"')  # links, and what a cell tells
FAULTS = re.compile(r'<ul class="faults">.*?</ul>', re.DOTALL)
NAMES = {state_class(state): state for state in SHOWN}
HEADS = ("page", "complete", "scale", "claims", "cells by state", "stale", "records", "newest record")


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What an executed notebook says of itself.

    Attributes:
        name: its page, as `notebooks/pcx/tables`.
        scale: the scale that it was executed at.
        complete: whether every cell ran to its end without an error.
        shown: the HTML of all its outputs.
    """

    name: str
    scale: str
    complete: bool
    shown: str


def executed(book: Path) -> list[Executed]:
    """Every executed notebook of the book, chapter by chapter."""
    paths = sorted((book / "notebooks").glob("*/*.ipynb"))
    return [_read(path, book) for path in paths]


def as_html(book: Path, records: Mapping[str, Record]) -> str:
    """A line for each executed notebook of the book; `records` are those there are, by their keys."""
    rows = "".join(_row(page, records) for page in executed(book))
    heads = "".join(f'<th scope="col">{head}</th>' for head in HEADS)
    return (
        f'<div class="board"><table class="board status"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def faults(book: Path) -> str:
    """The list of records that do not count, as the page of all records has it."""
    found = [listed for page in executed(book) for listed in FAULTS.findall(page.shown)]
    return "".join(found) or "<p>None.</p>"


def _read(path: Path, book: Path) -> Executed:
    notebook = json.loads(path.read_text())
    cells, about = notebook["cells"], notebook["metadata"].get("papermill", {})
    return Executed(
        name=path.relative_to(book).with_suffix("").as_posix(),
        scale=about.get("parameters", {}).get("scale", "none"),
        complete=all(_completed(cell) for cell in cells),
        shown="".join(_html(cells)),
    )


def _completed(cell: Mapping[str, Any]) -> bool:
    broken = any(output["output_type"] == "error" for output in cell.get("outputs", []))
    return cell["metadata"].get("papermill", {}).get("status") == "completed" and not broken


def _html(cells: list[Any]) -> Iterator[str]:
    for cell in cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/html", "")
            yield text if isinstance(text, str) else "".join(text)


def _row(page: Executed, records: Mapping[str, Record]) -> str:
    states = STATE.findall(page.shown)
    used = {key for found in RECORDS.findall(page.shown) for key in ", ".join(found).split(", ") if key}
    newest = max((records[key].started for key in used if key in records), default="")
    gone = len(used - set(records))
    cells = (
        f'<a href="page:{page.name}">{html.escape(page.name.removeprefix("notebooks/"))}</a>',
        "yes" if page.complete else "<b>no</b>",
        html.escape(page.scale),
        str(len(set(CLAIM.findall(page.shown))) or ""),
        counted(NAMES[state] for state in states if state in NAMES),
        str(states.count("state-stale") or ""),
        f"{len(used) or ''}" + (f" ({gone} gone)" if gone else ""),
        newest[:16].replace("T", " "),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
