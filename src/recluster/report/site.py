"""What every page says: numbers for its prose, where they come from, and where its links lead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection

from recluster.papers import CLAIMS
from recluster.spec import SCALES
from recluster.store import FINISHED, Record, Store

RECORDS = "notebooks/comparison/records"
"""The page that lists all records."""
LINK = re.compile(r' href="(record|record-file|page):([\w./-]+)"')


def substitutions() -> dict[str, str]:
    """Numbers for the prose, by the name that a page writes between double braces."""
    records = _finished()
    counts = Counter(record.run["scale"] for record in records)
    present = [f"{scale} ({counts[scale]})" for scale in SCALES if counts[scale]]
    return {
        "records_total": str(len(records)),
        "claims_total": str(len(CLAIMS)),
        "scales_present": ", ".join(present) or "none",
        "commit": _commits(records),
    }


def provenance() -> str:
    """One line of HTML for the foot of every page."""
    records = _finished()
    seeds = sorted({record.run["seed"] for record in records})
    return (
        f'{len(records)} <a href="page:{RECORDS}">records</a> at scale '
        f"{substitutions()['scales_present']}; seeds {', '.join(map(str, seeds)) or 'none'}; "
        f"made at commit {_commits(records)}."
    )


def linked(body: str, pages: Collection[str], address: Callable[[str], str]) -> str:
    """A page's HTML with the links that its notebook could not know.

    `record:KEY` leads to a record's line, `record-file:NAME` to its file, `page:NAME` to a page; a page
    that is not among `pages` gets no link. `address` turns a file of the site, as `a/b.html`, into a
    relative address from this page.
    """

    def found(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "page" and name not in pages:
            return ' class="to-come" title="this page is to come"'
        targets = {
            "record": f"{RECORDS}.html",
            "record-file": f"records/{name}.json",
            "page": f"{name}.html",
        }
        place = address(targets[kind]).removesuffix("#")  # which stands for the page itself
        return f' href="{place}#{name}"' if kind == "record" else f' href="{place or "#"}"'

    return LINK.sub(found, body)


def _finished() -> list[Record]:
    return [record for record in Store().records() if record.status == FINISHED]


def _commits(records: list[Record]) -> str:
    known = {str(record.environment["commit"]) for record in records}
    dirty = any(record.environment["dirty"] for record in records)
    return (", ".join(sorted(known)) or "none") + (" (with uncommitted changes)" if dirty else "")
