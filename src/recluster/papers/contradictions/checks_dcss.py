"""Checks of DCSS's contradictions: its tables against its sentences, its theory on a few numbers."""

from __future__ import annotations

from math import floor, sqrt

import numpy as np
import torch

from recluster.methods import dcss
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import (
    column,
    datasets,
    one,
    pair,
    wrongly_second,
)
from recluster.parts.fuzzy import memberships

METHODS = ("DEC", "IDEC", "DCN", "DKM")
COLOURED = ("cifar10", "stl10", "cifar100")
GREY = ("mnist", "fashion", "2mnist", "usps")


def as_printed(distances: list[float], fuzziness: float) -> list[float]:
    """Eq. (2) as it stands: p_k is one over the sum of (distance to j / distance to k)^(2/(m-1))."""
    power = 2 / (fuzziness - 1)
    return [1 / sum((other / own) ** power for other in distances) for own in distances]


def upside_down(
    claims: Claims, distances: tuple[float, float] = (1.0, 3.0), fuzziness: float = 1.5
) -> Finding:
    """S1: memberships by eq. (2) as printed and by fuzzy c-means, near and far."""
    printed = as_printed(list(distances), fuzziness)
    u, centroids = torch.zeros(1, 1), torch.tensor(distances)[:, None]
    usual = memberships(u, centroids, fuzziness)[0].tolist()
    return Finding(
        holds=printed[0] < printed[1],
        evidence=(
            f"m = {fuzziness:g}, distances {distances[0]:g} and {distances[1]:g}: as printed "
            f"{printed[0]:.3f} and {printed[1]:.3f}, by fuzzy c-means {usual[0]:.3f} and {usual[1]:.3f}"
        ),
    )


def outside_theory(claims: Claims, lowest: float = 0.5, highest: float = 0.9) -> Finding:
    """S4: how much of the range of zeta breaks a condition of the theory, with gamma = 1 - zeta."""
    golden = (sqrt(5) - 1) / 2  # where 1 - zeta = zeta^2
    share = (2 / 3 - lowest) / (highest - lowest)
    return Finding(
        holds=share > 0,
        evidence=(
            f"ζ from {lowest:g} to {highest:g}: below 2/3 on {share:.0%} of it; γ < ζ² fails below "
            f"{golden:.3f} (at {lowest:g}: {1 - lowest:g} against {lowest**2:g})"
        ),
    )


def loose(claims: Claims, zeta: float = 0.51) -> Finding:
    """S5: the greatest inner product of two q in different clusters, both of zeta or more."""
    largest = np.linspace(zeta, 1, 200)
    bound = largest[:, None] * (1 - largest) + largest * (1 - largest[:, None])
    return Finding(
        holds=bool(bound.max() < zeta < 2 / 3),
        evidence=(
            f"at ζ = {zeta:g} the bound inside eq. (22) is at most {bound.max():.3f}, so the pair "
            f"cannot be adjacent; 2(1 − ζ) would be {2 * (1 - zeta):.2f}"
        ),
    )


def undecided(claims: Claims, clusters: int = 10, gamma: float = dcss.Config.dissimilar) -> Finding:
    """S21: the inner product of two uniform vectors against gamma, and the loss that it makes."""
    p = torch.full((2, clusters), 1 / clusters, dtype=torch.float64)
    product = float(dcss.similarities(p)[0, 1])
    loss = float(dcss.pairwise_loss(p, p, dcss.Config.similar, gamma))
    return Finding(
        holds=loss > 0,
        evidence=(
            f"K = {clusters}, all elements 1/K: the product of two is {product:.3f}, γ = {gamma:g}; "
            f"the loss of the pair, each with itself too, is {loss:.3f}"
        ),
    )


def mixed_inputs(claims: Claims, far: float = 20.0) -> Finding:
    """S12: the same method in Table 1 and, on ResNet-152 features, in Table 2."""
    parts, jumps = [], []
    for data in ("cifar10", "stl10"):
        first = column(claims, "dcss.table1", data, "acc")
        second = column(claims, "dcss.table2", f"{data}-resnet152", "acc")
        jumps += [second[row] - first[row] for row in METHODS]
        rival = max(METHODS, key=second.__getitem__)
        parts.append(
            f"{data}: "
            + ", ".join(f"{row} {first[row]:g} or {second[row]:g}" for row in METHODS)
            + f"; DCSS leads the best by {first['DCSS'] - max(first[row] for row in METHODS):.1f} in "
            f"Table 1, {second['DCSS'] - second[rival]:.1f} in Table 2"
        )
    same = [
        row
        for row in ("AE + k-means", "DCSS_u", "DCSS")
        if one(claims, "dcss.table1", row, "cifar10", "acc")
        == one(claims, "dcss.table2", row, "cifar10-resnet152", "acc")
    ]
    return Finding(
        holds=min(jumps) > far and bool(same),
        evidence="; ".join(parts) + f". Equal in both tables: {', '.join(same)}",
    )


def thirteen(claims: Claims, said: int = 13) -> Finding:
    """S14: how many methods Table 1 compares with."""
    rows = dict.fromkeys(cell.row for cell in claims["dcss.table1"].cells)
    others = [row for row in rows if row not in ("DCSS_u", "DCSS")]
    return Finding(
        holds=len(others) != said, evidence=f"said {said}, there are {len(others)}: {', '.join(others)}"
    )


def except_dsc(claims: Claims) -> Finding:
    """S15: methods other than DSC above DCSS_u in Table 1."""
    found = []
    for data in datasets(claims, "dcss.table1"):
        for metric in ("acc", "nmi"):
            here = column(claims, "dcss.table1", data, metric)
            found += [
                f"{data} {metric.upper()}: {row} {number:g} > {here['DCSS_u']:g}"
                for row, number in here.items()
                if row not in ("DSC", "DCSS") and number > here["DCSS_u"]
            ]
    return Finding(holds=bool(found), evidence="; ".join(found) or "nobody")


def second_best(claims: Claims, said: int = 19) -> Finding:
    """S16: the stars of Tables 1 and 2, and how often DCSS_u is second in Table 2."""
    wrong = [
        f"{name}: {cell.row}'s {marked:g} is starred, {second} has {best:g}"
        for name in ("dcss.table1", "dcss.table2")
        for cell, marked, second, best in wrongly_second(claims, name)
    ]
    claim, count, columns = claims["dcss.table2"], 0, 0
    for data in datasets(claims, "dcss.table2"):
        for metric in ("acc", "nmi"):
            here = column(claims, claim.id, data, metric)
            columns += 1
            count += sorted(here.values())[-2] == here["DCSS_u"]
    return Finding(
        holds=count != said,
        evidence=f"{'; '.join(wrong) or 'every star is right'}. DCSS_u is second in {count} of "
        f"{columns} columns, said {said}",
    )


def missing(claims: Claims) -> Finding:
    """S17: deep methods of Table 1 that are not in Table 2."""
    first, second = (
        dict.fromkeys(cell.row for cell in claims[name].cells) for name in ("dcss.table1", "dcss.table2")
    )
    lost = [row for row in first if row not in second and row not in ("k-means", "LSSC", "LPMF")]
    return Finding(holds=bool(lost), evidence=f"not in Table 2: {', '.join(lost) or 'none'}")


def gains(claims: Claims, row: str, metric: str, coloured: str) -> float:
    """Mean gain of MNet over seven data sets; `coloured` is the table for those that are not grey."""
    after = [*GREY, *(f"{data}-resnet152" for data in COLOURED)]
    before = [*GREY, *(data if coloured == "dcss.table1" else f"{data}-resnet152" for data in COLOURED)]
    tables = ["dcss.table1"] * len(GREY) + [coloured] * len(COLOURED)
    differences = [
        one(claims, "dcss.table3", f"{row}+MNet", new, metric) - one(claims, table, row, old, metric)
        for new, old, table in zip(after, before, tables, strict=True)
    ]
    return sum(differences) / len(differences)


def averaged(claims: Claims) -> Finding:
    """S18: MNet's mean gains by the tables that the text names, by others, and as printed."""
    printed = {
        (cell.row.removesuffix("+MNet"), cell.metric.removesuffix("_gain").removesuffix("_max")): (
            cell.printed
        )
        for cell in claims["dcss.mnet"].cells
        if cell.printed is not None
    }
    named = {key: gains(claims, *key, "dcss.table1") for key in printed}
    other = {key: gains(claims, *key, "dcss.table2") for key in printed}
    cut = sum(floor(100 * mean + 1e-6) / 100 == printed[key] for key, mean in other.items())
    acc = [key for key in printed if key[1] == "acc"]
    return Finding(
        holds=any(abs(named[key] - (printed[key] or 0)) > 0.01 for key in printed),
        evidence="ACC printed, by Tables 1 and 3, by Table 2 for colours: "
        + "; ".join(f"{k[0]} {printed[k]}, {named[k]:.2f}, {other[k]:.3f}" for k in acc)
        + f". Cut to two decimals the last gives {cut} of {len(printed)} printed means",
    )


def at_odds(claims: Claims) -> Finding:
    """S19: DCN on CIFAR-10 in the order of its four feature networks."""
    values = [
        pair(claims, "dcss.table2", "DCN", f"cifar10-resnet{depth}") for depth in (34, 50, 101, 152)
    ]
    acc, nmi = zip(*values, strict=True)
    return Finding(
        holds=acc.index(max(acc)) == nmi.index(min(nmi)),
        evidence="ACC and NMI by network: " + ", ".join(f"{a:g} / {n:g}" for a, n in values),
    )


def simple_start(claims: Claims) -> Finding:
    """S20: columns in which plain AE + k-means is above all four methods that refine it."""
    won: dict[str, list[str]] = {"acc": [], "nmi": []}
    for name in ("dcss.table1", "dcss.table2"):
        for data in datasets(claims, name):
            if name == "dcss.table1" and data in COLOURED:
                continue  # other inputs
            for metric, wins in won.items():
                here = column(claims, name, data, metric)
                if here["AE + k-means"] > max(here[row] for row in METHODS):
                    wins.append(data)
    both = [data for data in won["acc"] if data in won["nmi"]]
    return Finding(
        holds=bool(both),
        evidence=f"in ACC: {', '.join(won['acc'])}; in NMI: {', '.join(won['nmi'])}",
    )
