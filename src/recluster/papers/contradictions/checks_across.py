"""Checks of contradictions between the papers: the same method, data and score in several tables."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from recluster.methods import pcx
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import column, one, pairs, score, told, value
from recluster.parts import acai

ROWS: Mapping[str, Mapping[str, str]] = {
    "k-means": {"pcx.table4": "k-means", "ulhe.table1": "k-means", "dynae.table2": "K-Means",
                "dcss.table1": "k-means"},
    "GMM": {"pcx.table4": "GMM", "ulhe.table1": "GMM", "dynae.table2": "GMM"},
    "SC": {"ulhe.table1": "SC", "dynae.table2": "SC"},
    "AE + k-means": {"pcx.table4": "AE", "dynae.table2": "AE + K-Means", "dcss.table1": "AE + k-means"},
    "DEC": {"pcx.table4": "DEC", "ulhe.table1": "DEC", "dynae.table2": "DEC", "dcss.table1": "DEC"},
    "IDEC": {"pcx.table4": "IDEC", "dynae.table2": "IDEC", "dcss.table1": "IDEC"},
    "DCN": {"dynae.table2": "DCN", "dcss.table1": "DCN"},
    "VaDE": {"pcx.table4": "VaDE", "ulhe.table1": "VaDE", "dynae.table2": "VaDE", "dcss.table1": "VaDE"},
    "JULE": {"ulhe.table1": "JULE*", "dynae.table2": "JULE"},
    "DEPICT": {"pcx.table4": "DEPICT", "ulhe.table1": "DEPICT*", "dynae.table2": "DEPICT"},
    "DSC": {"ulhe.table1": "DSC-DAN*", "dcss.table1": "DSC"},
}  # fmt: skip
"""A baseline to its row in each paper's main table."""

AVERAGES = {"pcx": "arithmetic", "dynae": "arithmetic", "ulhe": "max", "dcss": "max"}
OWN = {"pcx.table4": "PC-X", "ulhe.table1": "ULHE-DC", "dynae.table2": "DynAE", "dcss.table1": "DCSS"}
SETS = ("mnist", "mnist-test", "usps", "fashion")

Quoted = dict[tuple[str, str], dict[str, tuple[float, float]]]


def quoted(claims: Claims) -> Quoted:
    """(baseline, data set) to table to ACC and NMI, where two tables or more have both."""
    found = {
        (baseline, data): {
            name: pairs(claims, name, data)[row]
            for name, row in rows.items()
            if row in pairs(claims, name, data)
        }
        for baseline, rows in ROWS.items()
        for data in SETS
    }
    return {place: tables for place, tables in found.items() if len(tables) > 1}


def same_nmi(claims: Claims) -> Finding:
    """X2: equal NMI, to a decimal of percent, in papers with different averages."""
    equal = []
    for (baseline, data), tables in quoted(claims).items():
        by_average = {
            average: {
                round(nmi, 1)
                for name, (_, nmi) in tables.items()
                if AVERAGES[name.partition(".")[0]] == average
            }
            for average in ("arithmetic", "max")
        }
        if shared := by_average["arithmetic"] & by_average["max"]:
            equal.append(f"{baseline} on {data} {max(shared):g}")
    return Finding(
        holds=len(equal) > 1, evidence=f"{len(equal)} baselines: {', '.join(equal) or 'none'}"
    )


def moving(claims: Claims, points: float = 2.0) -> Finding:
    """X5: how far apart the papers' values of one baseline on one data set lie, in ACC."""
    places = quoted(claims)
    spans = {
        place: max(acc for acc, _ in tables.values()) - min(acc for acc, _ in tables.values())
        for place, tables in places.items()
    }
    alike = sum(len(set(tables.values())) == 1 for tables in places.values())
    widest = sorted(spans, key=spans.__getitem__, reverse=True)[:4]
    return Finding(
        holds=max(spans.values()) > points,
        evidence=(
            f"{len(places)} baselines on a data set stand in two tables or more: {alike} equal in "
            f"ACC and NMI, {sum(span > points for span in spans.values())} more than {points:g} points "
            "of ACC apart. Widest: "
            + ", ".join(f"{row} on {data} {spans[row, data]:.1f}" for row, data in widest)
        ),
    )


def batches(claims: Claims, samples: int = 70_000) -> Finding:
    """X6: mini-batches in an epoch of MNIST, and DynAE's iterations in epochs."""
    size = pcx.Config().batch_size
    epoch = ceil(samples / size)
    steps = acai.Config().steps
    return Finding(
        holds=epoch > 1,
        evidence=(
            f"an epoch of MNIST has {epoch} batches of {size}; DynAE's {steps:,} iterations are "
            f"{steps * size / samples:.0f} epochs"
        ),
    )


def state_of_the_art(claims: Claims) -> Finding:
    """X7: who is best of the papers' own methods, by ACC, on each data set."""
    parts, leaders = [], set()
    for data in SETS:
        here = {
            row: one(claims, name, row, data, "acc")
            for name, row in OWN.items()
            if row in column(claims, name, data, "acc")
        }
        leaders.add(max(here, key=here.__getitem__))
        parts.append(f"{data}: {told(dict(sorted(here.items(), key=lambda item: -item[1])))}")
    return Finding(holds=len(leaders) < len(OWN), evidence="; ".join(parts))


def above_acc(claims: Claims) -> Finding:
    """X9: how many printed rows have a greater NMI than ACC, by data set."""
    found: dict[str, tuple[int, int]] = {}
    for claim in claims.values():
        known = {
            (cell.row, cell.dataset, score(cell)): value(claim, cell)
            for cell in claim.cells
            if cell.printed is not None and claim.paper != "comparison"
        }
        for (row, data, metric), acc in known.items():
            if metric == "acc" and (row, data, "nmi") in known:
                more, total = found.get(data, (0, 0))
                found[data] = (more + (known[row, data, "nmi"] > acc), total + 1)
    shares = {data: f"{more} of {total}" for data, (more, total) in found.items() if more}
    return Finding(
        holds=bool(shares), evidence=", ".join(f"{data} {share}" for data, share in shares.items())
    )
