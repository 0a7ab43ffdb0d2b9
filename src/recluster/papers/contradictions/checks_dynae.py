"""Checks of DynAE's contradictions: sentences against Tables 2 to 5, thresholds on a few numbers."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from recluster.methods import dynae
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import above, both, column, one, pair, pairs, told
from recluster.parts import acai

SETS = ("mnist", "mnist-test", "usps", "fashion")
CLASSICAL = ("K-Means", "GMM", "LSNMF", "AC")
SUBSPACE = ("SSC-OMP", "EnSC")
MANIFOLD = ("SC", "RBF K-Means")
DEEP = (
    "AE + K-Means", "AE + FINCH", "DeepCluster", "DCN", "DEC", "IDEC", "SR-KMeans", "VaDE", "JULE",
    "DEPICT", "DynAE",
)  # fmt: skip


def second_distinct(q: Iterable[float]) -> float:
    """H_2 of eq. (5) as printed: the largest that is strictly less than the largest."""
    values = list(q)
    return max(value for value in values if value < max(values))


def ties(claims: Claims, q: tuple[float, ...] = (0.45, 0.45, 0.10)) -> Finding:
    """Y1: the second largest assignment by eq. (5) and by sorting."""
    printed = second_distinct(q)
    first, second = (float(h) for h in dynae.two_largest(torch.tensor([q])))
    config = dynae.Config()
    margin = config.confidence / 2
    return Finding(
        holds=first - printed >= margin > first - second,
        evidence=(
            f"q = {q}: h2 is {printed:g} by eq. (5) and {second:g} by sorting, so the margin is "
            f"{first - printed:.2f} or {first - second:.2f}, where β2 = {margin:g}"
        ),
    )


def interval(claims: Claims, k: int = 10) -> Finding:
    """Y6: kappa as set, against the interval of whole numbers from 1 to K."""
    config = dynae.Config()
    smallest = next(clusters for clusters in range(1, 100) if config.confidence * clusters >= 1)
    first = config.confidence * k
    then = first - config.drop * first
    return Finding(
        holds=smallest > 1 and then != round(then),
        evidence=(
            f'κ is below 1 for K < {smallest}; at K = {k} it is {first:g}, then {then:g}; the "high" '
            f"thresholds are {first / k:g} and {first / k / 2:g}"
        ),
    )


def balance(claims: Claims) -> Finding:
    """Y9: the ACC with the weight that is called unrequired, and that of Table 2."""
    tuned = one(claims, "dynae.figure14", "DynAE", "mnist", "acc_best")
    plain = one(claims, "dynae.table2", "DynAE", "mnist", "acc")
    return Finding(
        holds=100 * tuned > plain,
        evidence=f"with γ = 0.01: {100 * tuned:.3f}; Table 2, without: {plain:g}",
    )


def decoder_for_free(claims: Claims) -> Finding:
    """Y10: data sets on which IDEC*, with a decoder, is faster than DEC*."""
    found = {}
    for data in SETS:
        seconds = column(claims, "dynae.table5", data, "seconds")
        found[data] = seconds["IDEC*"] - seconds["DEC*"]
    faster = [data for data, more in found.items() if more < 0]
    return Finding(
        holds=bool(faster),
        evidence="seconds of IDEC* less those of DEC*: "
        + ", ".join(f"{data} {more:+,.0f}" for data, more in found.items()),
    )


def negative(claims: Claims, k: int = 10, updates: int = 2) -> Finding:
    """Y11: both thresholds through the updates, by the package's equations."""
    config = dynae.Config()
    kappa = config.confidence * k
    thresholds = dynae.initial_thresholds(kappa, k)
    course = [thresholds.tolist()]
    for _ in range(updates):
        thresholds = dynae.dropped(thresholds, config.drop * kappa, k)
        course.append(thresholds.tolist())
    return Finding(
        holds=course[-1][1] < 0,
        evidence="β1, β2: " + " → ".join(f"({first:.2f}, {second:.2f})" for first, second in course),
    )


def over_depict(claims: Claims, least: float = 5.0) -> Finding:
    """Y12: DynAE's NMI over DEPICT's."""
    gaps = {}
    for data in SETS:
        nmi = column(claims, "dynae.table2", data, "nmi")
        gaps[data] = round(nmi["DynAE"] - nmi["DEPICT"], 1)
    return Finding(holds=min(gaps.values()) < least, evidence=f"points of NMI: {told(gaps)}")


def classical(claims: Claims) -> Finding:
    """Y13: whoever among the classical methods exceeds AC."""
    found = exceeding(claims, ["AC"], CLASSICAL)
    return Finding(holds=bool(found), evidence="; ".join(found) or "nobody")


def exceeding(claims: Claims, own: Iterable[str], rivals: Iterable[str]) -> list[str]:
    """Where a rival exceeds one of the rows, on any data set by either score."""
    found = []
    for data in SETS:
        for metric in ("acc", "nmi"):
            here = column(claims, "dynae.table2", data, metric)
            for row in (row for row in own if row in here):
                if better := above(here, row, [name for name in rivals if name != row]):
                    found.append(f"{data} {metric.upper()}: {row} {here[row]:g} < {told(better)}")
    return found


def manifold(claims: Claims) -> Finding:
    """Y14: classical methods, AC aside, above a manifold method."""
    found = exceeding(claims, MANIFOLD, [row for row in CLASSICAL if row != "AC"])
    return Finding(holds=bool(found), evidence="; ".join(found) or "nobody")


def subspace(claims: Claims) -> Finding:
    """Y15: how often EnSC exceeds a classical method, and DynAE."""
    found = exceeding(claims, [row for row in CLASSICAL if row != "AC"], ["EnSC"])
    best = exceeding(claims, ["DynAE"], SUBSPACE)
    return Finding(
        holds=bool(found),
        evidence=f"EnSC is above one of three in {len(found)} of {3 * 2 * len(SETS)} comparisons; "
        + ("above DynAE itself: " + "; ".join(best) if best else "nowhere above DynAE"),
    )


def deep(claims: Claims) -> Finding:
    """Y16: deep methods below k-means on the pixels, and below the best other method."""
    below = []
    for data in SETS:
        here = pairs(claims, "dynae.table2", data)
        floor = here["K-Means"]
        below += [
            f"{row} on {data} {both(here[row])} < {both(floor)}"
            for row in DEEP
            if row in here and here[row][0] < floor[0] and here[row][1] < floor[1]
        ]
    return Finding(holds=bool(below), evidence="below K-Means: " + ("; ".join(below) or "nobody"))


def margin(claims: Claims, considerable: float = 1.0) -> Finding:
    """Y17: DynAE's smallest leads over a deep baseline."""
    leads = {}
    for data in SETS:
        here = column(claims, "dynae.table2", data, "acc")
        here |= column(claims, "dynae.table3", data, "acc")
        rivals = {row: here[row] for row in (*DEEP, "DEC*", "IDEC*") if row in here and row != "DynAE"}
        best = max(rivals, key=rivals.__getitem__)
        leads[f"{data} over {best}"] = round(here["DynAE"] - here[best], 1)
    return Finding(holds=min(leads.values()) < considerable, evidence=f"points of ACC: {told(leads)}")


def chance(claims: Claims) -> Finding:
    """Y18: rows that one single cluster would give, and rows whose scores are equal."""
    (major,) = (
        cell.printed or 0.0
        for cell in claims["pcx.table3"].cells
        if (cell.row, cell.metric) == ("MNIST", "major")
    )
    single = {"mnist": major, "fashion": 10.0}
    found, equal = [], []
    for data in SETS:
        for row, (acc, nmi) in pairs(claims, "dynae.table2", data).items():
            if acc <= single.get(data, 0.0) + 0.1:
                found.append(f"{row} on {data} {both((acc, nmi))} (one cluster: {single[data]:g})")
            if acc == nmi:
                equal.append(f"{row} on {data} {both((acc, nmi))}")
    return Finding(
        holds=bool(found) and bool(equal),
        evidence=f"at chance: {'; '.join(found)}. ACC = NMI: {'; '.join(equal)}",
    )


def below_start(claims: Claims) -> Finding:
    """Y19: methods on Fashion below k-means on an autoencoder, here and in DCSS."""
    parts = []
    for name, start in (("dynae.table2", "AE + K-Means"), ("dcss.table1", "AE + k-means")):
        here = column(claims, name, "fashion", "acc")
        under = {row: here[row] for row in ("DEC", "IDEC", "DCN") if here[row] < here[start]}
        parts.append((len(under), f"{name}: {told(under)} < {here[start]:g}"))
    return Finding(
        holds=all(count == 3 for count, _ in parts), evidence="; ".join(text for _, text in parts)
    )


def times(claims: Claims) -> Finding:
    """Y20: seconds that do not follow the number of images, and how many epochs pretraining has."""
    seconds = {data: column(claims, "dynae.table4", data, "seconds") for data in SETS}
    config = acai.Config()
    epochs = {
        data: round(config.steps * config.batch_size / size)
        for data, size in (("mnist", 70_000), ("mnist-test", 10_000), ("usps", 9_298))
    }
    ratio = seconds["mnist-test"]["DynAE"] / seconds["mnist"]["DynAE"]
    return Finding(
        holds=ratio > 0.5,
        evidence=(
            f"DynAE takes {ratio:.0%} of MNIST's seconds for a seventh of its images; epochs of "
            f"pretraining: {told(epochs)}. DEC: {seconds['mnist']['DEC']:g} s on MNIST, "
            f"{seconds['fashion']['DEC']:g} s on Fashion, of the same size"
        ),
    )


def own_start(claims: Claims) -> Finding:
    """Y21: whether any cell of the paper is k-means on DynAE's own pretraining."""
    cells = [cell for claim in claims.values() if claim.paper == "dynae" for cell in claim.cells]
    rows = {cell.row for cell in cells if cell.printed is not None}
    found = [row for row in rows if "ACAI" in row]
    start = pair(claims, "dynae.table2", "AE + K-Means", "mnist")
    return Finding(
        holds=not found,
        evidence=(
            f"on a plain autoencoder {both(start)} on MNIST; on DynAE's own: "
            f"{', '.join(found) or 'no row'}"
        ),
    )
