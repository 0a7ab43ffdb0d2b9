"""Checks of PC-X's contradictions: its tables against one another, its equations on a few numbers."""

from __future__ import annotations

from math import prod

import torch

from recluster.methods import pcx
from recluster.papers.calculated.pcx import penalty, slopes
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import (
    above,
    both,
    column,
    marks,
    one,
    pair,
    pairs,
    told,
    wrongly_second,
)


def fashion(claims: Claims) -> Finding:
    """P1: PC-X's cells on Fashion in Tables 4 and 6, and which way round they are."""
    fourth = pair(claims, "pcx.table4", "PC-X", "fashion")
    sixth = pair(claims, "pcx.table6", "PC-X", "fashion")
    gaps = [
        nmi - acc
        for name in ("pcx.table4", "pcx.table6")
        for row, (acc, nmi) in pairs(claims, name, "fashion").items()
        if (name, row) != ("pcx.table6", "PC-X")
    ]
    return Finding(
        holds=fourth != sixth,
        evidence=(
            f"Table 4: {both(fourth)}; Table 6: {both(sixth)}, or {both(sixth[::-1])} with ACC and NMI "
            f"swapped. NMI − ACC is {min(gaps):.1f} to {max(gaps):.1f} in all other cells of both "
            f"tables, and {sixth[1] - sixth[0]:.1f} in this one"
        ),
    )


def imagenet(claims: Claims) -> Finding:
    """P2: PC-X's ACC on ImageNet-10 in Tables 4 and 5."""
    fourth, fifth = (
        one(claims, name, "PC-X", "imagenet10-moco", "acc") for name in ("pcx.table4", "pcx.table5")
    )
    return Finding(holds=fourth != fifth, evidence=f"Table 4: {fourth}; Table 5: {fifth}")


def underlined(claims: Claims) -> Finding:
    """P3: every mark of the second best in Table 4 that survives."""
    wrong = list(wrongly_second(claims, "pcx.table4"))
    return Finding(
        holds=bool(wrong),
        evidence="; ".join(
            f"{cell.dataset} {cell.metric}: {cell.row}'s {marked} is marked, {second} has {best}"
            for cell, marked, second, best in wrong
        )
        or "every marked value is the second",
    )


def outperformed(claims: Claims) -> Finding:
    """P4: whoever exceeds PC-X in Table 5."""
    found = []
    for dataset in ("cifar10-moco", "imagenet10-moco"):
        for metric in ("acc", "nmi", "ari"):
            here = column(claims, "pcx.table5", dataset, metric)
            if better := above(here, "PC-X"):
                found.append(f"{dataset} {metric} {here['PC-X']:g} against {told(better)}")
    return Finding(holds=bool(found), evidence="; ".join(found) or "nobody exceeds PC-X")


def failed_kmeans(claims: Claims) -> Finding:
    """P5: how far k-means is from GMM, on each data set of Table 4."""
    gaps = {}
    for dataset in dict.fromkeys(cell.dataset for cell in claims["pcx.table4"].cells):
        here = column(claims, "pcx.table4", dataset, "acc")
        gaps[dataset] = round(abs(here["k-means"] - here["GMM"]), 1)
    others = max(gap for dataset, gap in gaps.items() if dataset != "cifar10-moco")
    return Finding(
        holds=gaps["cifar10-moco"] > 2 * others,
        evidence=f"ACC of k-means and GMM differ by: {told(gaps)}",
    )


def repeated(claims: Claims) -> Finding:
    """P6: equal numbers in places that have nothing to do with one another."""
    equal = {
        "AE on MNIST, NMI and ARI": [
            one(claims, "pcx.table4", "AE", "mnist", metric) for metric in ("nmi", "ari")
        ],
        "k-means and GMM on Fashion, ARI": [
            one(claims, "pcx.table4", row, "fashion", "ari") for row in ("k-means", "GMM")
        ],
        "PC-X's ACC on YTF (Table 4) and Fashion (Table 6)": [
            one(claims, "pcx.table4", "PC-X", "ytf", "acc"),
            one(claims, "pcx.table6", "PC-X", "fashion", "acc"),
        ],
    }
    return Finding(
        holds=all(first == second for first, second in equal.values()),
        evidence="; ".join(f"{name}: {first:g}, {second:g}" for name, (first, second) in equal.items()),
    )


def image_sizes(claims: Claims) -> Finding:
    """P7: numbers of values of an image, as Table 3 gives them."""
    shapes = marks(claims, "pcx.table3", "dimension")
    small, large = (prod(map(int, shapes[row].split("x"))) for row in ("ImageNet-10", "CIFAR-10"))
    return Finding(
        holds=small < large,
        evidence=f"ImageNet-10 {shapes['ImageNet-10']}: {small:,} values; CIFAR-10 {large:,}",
    )


def means(claims: Claims) -> Finding:
    """P8: whether Table 7's means can come from values that are printed to two decimals.

    Ten rounded values have a mean at most 0.005 off, and the printed mean is rounded once more.
    """
    allowed, found = 0.01, {}
    for row in ("End Fusion", "Difference"):
        here = {
            str(cell.variant["digit"]): cell.printed or 0.0
            for cell in claims["pcx.table7"].cells
            if cell.row == row
        }
        printed = here.pop("mean")
        found[row] = (printed, sum(here.values()) / len(here))
    return Finding(
        holds=any(abs(printed - mean) > allowed + 1e-9 for printed, mean in found.values()),
        evidence="; ".join(
            f"{row}: printed {printed:.2f}, the ten printed values give {mean:.3f}"
            for row, (printed, mean) in found.items()
        )
        + f". Rounding the ten values and then their mean explains up to {allowed:g}",
    )


def closed_form(claims: Claims, share: float = 0.5) -> Finding:
    """P9: the gradient at eq. (6)'s solution when the decoder sees a share of the centroid."""
    centroid, alone, whole = slopes(share)
    return Finding(
        holds=whole > 1e-4,
        evidence=(
            f"on three points, at eq. (6)'s centroid {centroid.item():.3f}: slope of the clustering "
            f"terms {alone:.1g}, of the whole objective with a fused reconstruction {whole:.3f}"
        ),
    )


def implied_penalty(claims: Claims) -> Finding:
    """P11: the rho that kappa = 0.995 means on balanced clusters, by the number of clusters."""
    kappa = pcx.Config().momentum
    known = {
        cell.row: cell.printed
        for cell in claims["pcx.table3"].cells
        if cell.metric == "classes" and cell.printed
    }
    implied = {row: round(penalty(int(classes)), 1) for row, classes in known.items()}
    return Finding(
        holds=len(set(implied.values())) > 1,
        evidence=f"ρ over η1 at κ = {kappa:g}: {told(implied)}",
    )


def floor(claims: Claims, rate: float = 0.1, convexity: float = 1.0, noise: float = 1.0) -> Finding:
    """P14: where the recursion of Theorem 1's proof ends; `noise` is L times G."""
    gap = 1.0
    for _ in range(1000):
        gap = (1 - 2 * convexity * rate) * gap + rate**2 * noise / 2
    bound = rate * noise / (4 * convexity)
    return Finding(
        holds=gap > 1e-6,
        evidence=(
            f"with u = {convexity:g}, LG = {noise:g} and step {rate:g} the gap to the optimum ends at "
            f"{gap:.4f}; γLG/4u is {bound:.4f}"
        ),
    )


def diagonal(claims: Claims) -> Finding:
    """P15: VaDE's cost in time and in space, in Table 2."""
    time, space = (marks(claims, "pcx.table2", metric)["VaDE"] for metric in ("time", "space"))
    return Finding(holds="d^2" in time and "d^2" not in space, evidence=f"time {time}, space {space}")


def same_time(claims: Claims) -> Finding:
    """P16: who has PC-X's time in Table 2."""
    times = marks(claims, "pcx.table2", "time")
    same = [row for row in times if row != "PC-X" and times[row] == times["PC-X"]]
    return Finding(holds=bool(same), evidence=f"{times['PC-X']} also of: {', '.join(same) or 'nobody'}")


def confident(claims: Claims, sharpness: float = 5.0) -> Finding:
    """P18: eq. (8) for samples at two of three centroids, and for all at one."""
    centroids = 2 * torch.eye(3)
    spread, single = torch.cat([centroids[:2]] * 2), centroids[:1].repeat(4, 1)
    values = [pcx.entropy(pcx.soft_assignment(z, centroids, sharpness)).item() for z in (spread, single)]
    return Finding(
        holds=values[1] <= values[0] + 1e-9,
        evidence=f"four samples over two centroids: {values[0]:.3f}; all four at one: {values[1]:.3f}",
    )


def unmatched(claims: Claims) -> Finding:
    """P20: ACC without a matching, as printed, of one partition under two numberings."""
    classes = torch.arange(12) % 3
    clusters = [(classes + shift) % 3 for shift in (0, 1)]
    values = [100 * (classes == found).float().mean().item() for found in clusters]
    return Finding(
        holds=values[0] != values[1],
        evidence=f"a perfect partition: {values[0]:g}%; its clusters renumbered: {values[1]:g}%",
    )


def borrowed(claims: Claims) -> Finding:
    """P22: IDEC's ACC on Fashion, here and where the network is the fully connected one."""
    names = ("pcx.table4", "pcx.table6", "dynae.table2", "dcss.table1")
    found = {name: one(claims, name, "IDEC", "fashion", "acc") for name in names}
    return Finding(holds=len(set(found.values())) == 1, evidence=told(found))
