"""The card that opens a page: what is claimed, what came out, what it cost, and how to run it again."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from recluster.papers.claim import Claim
from recluster.report.table import counted, standing
from recluster.report.verdict import CALCULATED, Judged
from recluster.store import Record, Store

OPEN = 4
"""With more claims than these the card shows their number, and their titles when asked."""

Results = Sequence[tuple[Claim, str, Sequence[Judged]]]
"""Claims with a scale and the verdicts at it; a claim comes again for each scale."""


def as_html(results: Results, scale: str, store: Store) -> str:
    """The card of a page at one scale, whose claims have these results."""
    claims = list({claim.id: claim for claim, *_ in results}.values())
    records = _records(results, store)
    scales = dict.fromkeys([scale, *(at for _, at, _ in results)])
    found = [(at, [one for _, its, judged in results if its == at for one in judged]) for at in scales]
    facts = {
        "claims": _titles(claims),
        "found": "".join(_found(at, judged) for at, judged in found),
        "page": f"scale <b>{scale}</b>",
        "records": _listed(records),
        "seeds": ", ".join(map(str, sorted({record.run["seed"] for record in records}))) or "none",
        "cost": _cost(records),
        "commit": _commits(records),
        "again": f"<code>recluster run {' '.join(claim.id for claim in claims)} --scale {scale}</code>",
    }
    return f'<dl class="card">{"".join(_fact(name, text) for name, text in facts.items())}</dl>'


def hours(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def gigabytes(megabytes: float) -> str:
    """A memory of so many 10^6 bytes."""
    return f"{megabytes / 1000:.1f} GB"


def _records(results: Results, store: Store) -> list[Record]:
    keys = {
        key for *_, judged in results for one in judged if one.obtained for key in one.obtained.records
    }
    return [record for record in store.records() if record.key in keys]


def _fact(name: str, text: str) -> str:
    return f'<div class="card-{name}"><dt>{name}</dt><dd>{text}</dd></div>'


def _titles(claims: Sequence[Claim]) -> str:
    items = "".join(
        f"<li>{html.escape(claim.title)} <small>{html.escape(claim.where)}</small></li>"
        for claim in claims
    )
    listing = f"<ul>{items}</ul>"
    if len(claims) <= OPEN:
        return listing
    return f"<details><summary>{len(claims)} claims</summary>{listing}</details>"


def _found(scale: str, judged: Sequence[Judged]) -> str:
    shown = counted(standing(one, scale) for one in judged)
    computed = sum(one.computed for one in judged)
    told = f" <small>{computed} of them {CALCULATED}</small>" if computed else ""
    return f"<p><small>{scale} scale</small> {shown}{told}</p>"


def _listed(records: Sequence[Record]) -> str:
    scales = sorted({record.run["scale"] for record in records})
    return f"{len(records)}" + (f" ({', '.join(scales)})" if records else "")


def _cost(records: Sequence[Record]) -> str:
    if not records:
        return "nothing yet"
    devices = sorted({str(record.environment["device"]) for record in records})
    seconds = sum(record.seconds["total"] for record in records)
    peak = max(record.memory_mb for record in records)
    return f"{hours(seconds)} on {', '.join(devices)}, at most {gigabytes(peak)} of memory"


def _commits(records: Sequence[Record]) -> str:
    commits: Mapping[str, bool] = {
        str(record.environment["commit"]): bool(record.environment["dirty"]) for record in records
    }
    if len(commits) > OPEN:
        return f"{len(commits)} commits"
    return ", ".join(sorted(commits)) or "none"
