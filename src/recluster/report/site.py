"""What every page of the site says: numbers for its prose, and where they come from."""

from __future__ import annotations

from collections import Counter

from recluster.papers import CLAIMS
from recluster.spec import SCALES
from recluster.store import FINISHED, Record, Store


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
        f"{len(records)} records at scale {substitutions()['scales_present']}; "
        f"seeds {', '.join(map(str, seeds)) or 'none'}; made at commit {_commits(records)}."
    )


def _finished() -> list[Record]:
    return [record for record in Store().records() if record.status == FINISHED]


def _commits(records: list[Record]) -> str:
    known = {str(record.environment["commit"]) for record in records}
    dirty = any(record.environment["dirty"] for record in records)
    return (", ".join(sorted(known)) or "none") + (" (with uncommitted changes)" if dirty else "")
