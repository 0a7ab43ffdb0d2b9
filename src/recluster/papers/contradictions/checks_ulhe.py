"""Checks of ULHE-DC's contradictions: its Table 1, its equations on a few directions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from recluster.methods import ulhe as method
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import (
    above,
    both,
    column,
    marks,
    one,
    pair,
    told,
    wrongly_second,
)
from recluster.parts.hypersphere import energy, unit

SHALLOW = ("k-means", "GMM", "SC")


def simplex(k: int) -> Tensor:
    """K unit vectors (k, k) as far apart as can be: the corners of a regular simplex."""
    return unit(torch.eye(k) - 1 / k)


def diagonal(claims: Claims, k: int = 10) -> Finding:
    """U1: eq. (11) as printed, and without its diagonal, on the best directions."""
    m = torch.eye(k)
    printed = (1 / (1 - m @ m.T)).sum().item()
    without = 4 * energy(m, torch.ones(k, dtype=torch.bool)).item()
    return Finding(
        holds=not np.isfinite(printed),
        evidence=f"{k} orthogonal centroids: {printed} as printed, {without:g} without the diagonal",
    )


def two_averages(claims: Claims, sizes: tuple[int, ...] = (50, 30, 10, 10)) -> Finding:
    """U2: both NMIs of a partition that splits the largest of two balanced classes unevenly."""
    classes = np.array([sum(sizes) / 2] * 2) / sum(sizes)
    shares = np.array(sizes) / sum(sizes)
    of_classes, of_clusters = (-(p * np.log(p)).sum() for p in (classes, shares))
    mutual = of_classes  # no cluster mixes the classes
    greater = mutual / max(of_classes, of_clusters)
    arithmetic = 2 * mutual / (of_classes + of_clusters)
    return Finding(
        holds=bool(abs(greater - arithmetic) > 1e-6),
        evidence=(
            f"two balanced classes, clusters of {', '.join(map(str, sizes))}: {greater:.3f} by "
            f"eq. (16), {arithmetic:.3f} by Section 4.3"
        ),
    )


def orthant(claims: Claims, k: int = 10) -> Finding:
    """U5: eq. (11)'s least value with and without the ReLU on the code."""
    everyone = torch.ones(k, dtype=torch.bool)
    inside, free = (4 * energy(m, everyone).item() for m in (torch.eye(k), simplex(k)))
    cosine = (simplex(k)[0] @ simplex(k)[1]).item()
    return Finding(
        holds=cosine < 0 and inside > free,
        evidence=(
            f"{k} centroids: {inside:.0f} at best where nothing is negative, {free:.0f} on the whole "
            f"sphere, at cosine {cosine:.3f}"
        ),
    )


def twice(claims: Claims) -> Finding:
    """U6: the sum over i and j of eq. (9) against that over i > j."""
    m = torch.eye(4)
    gaps = torch.cdist(m, m).square()
    off = ~torch.eye(4, dtype=torch.bool)
    whole, half = (1 / gaps)[off].sum().item(), energy(m, torch.ones(4, dtype=torch.bool)).item()
    return Finding(
        holds=abs(whole - half) > 1e-6,
        evidence=f"four centroids: {whole:g} over all pairs but i = j, {half:g} over i > j",
    )


def squared_size(claims: Claims, reduction: str = "sum") -> Finding:
    """U7: eq. (12) on a batch, and on the same batch twice."""
    u = unit(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 1.0]]))
    labels = torch.tensor([0, 0, 1, 1])
    small = method.compactness_loss(u, labels, 2, reduction).item()
    large = method.compactness_loss(u.repeat(2, 1), labels.repeat(2), 2, reduction).item()
    return Finding(
        holds=large > 1.5 * small, evidence=f"{small:.3f} on a batch, {large:.3f} on the batch twice"
    )


def widths(claims: Claims) -> Finding:
    """U9: the encoder's term in the sentence and in the total."""
    terms = marks(claims, "ulhe.complexity", "time")
    own = terms["weights of the encoder"].removeprefix("O(").removesuffix(")")
    return Finding(holds=own not in terms["total"], evidence=f"alone {own}; total {terms['total']}")


def second_on_fashion(claims: Claims) -> Finding:
    """U11: the NMI column on Fashion, and its mark."""
    here = column(claims, "ulhe.table1", "fashion", "nmi")
    wrong = [
        f"{cell.row}'s {marked:g} is marked second, {second} has {best:g}"
        for cell, marked, second, best in wrongly_second(claims, "ulhe.table1")
    ]
    better = above(here, "ULHE-DC")
    return Finding(
        holds=bool(better),
        evidence=f"ULHE-DC {here['ULHE-DC']:g}; above it {told(better)}. {'; '.join(wrong)}",
    )


def margins(claims: Claims, acc: float = 0.43, nmi: float = 2.03) -> Finding:
    """U12: the margins over DeepDPM on MNIST as the text gives them."""
    ours, theirs = (pair(claims, "ulhe.table1", row, "mnist") for row in ("ULHE-DC", "DeepDPM"))
    actual = (round(ours[0] - theirs[0], 2), round(ours[1] - theirs[1], 2))
    return Finding(
        holds=actual != (acc, nmi),
        evidence=f"Table 1 gives {both(actual)}, the text {both((acc, nmi))}",
    )


def shallow_margin(claims: Claims, nmi: float = 11.24, raised: float = 98.0) -> Finding:
    """U13: the best shallow NMI on Fashion, and both accuracies that are said to be 98.00."""
    here = column(claims, "ulhe.table1", "fashion", "nmi")
    best = max(SHALLOW, key=here.__getitem__)
    margin = round(here["ULHE-DC"] - here[best], 2)
    both_tests = [one(claims, "ulhe.table1", "ULHE-DC", data, "acc") for data in ("mnist", "mnist-test")]
    rival = one(claims, "ulhe.table1", "DSC-DAN*", "mnist-test", "acc")
    return Finding(
        holds=best != "GMM" and both_tests != [raised] * 2,
        evidence=(
            f"best shallow NMI on Fashion: {best} {here[best]:g}, GMM {here['GMM']:g}; the margin is "
            f"{margin:g}, not {nmi:g}. ACC on MNIST and its test set {both_tests[0]:g} and "
            f"{both_tests[1]:g}, not {raised:g}; DSC-DAN had {rival:g}"
        ),
    )


def beaten_by_shallow(claims: Claims) -> Finding:
    """U14: deep methods of Table 1 below the best shallow one, by ACC."""
    found, total = [], 0
    for dataset in ("mnist", "mnist-test", "usps", "fashion"):
        here = column(claims, "ulhe.table1", dataset, "acc")
        best = max(here[row] for row in SHALLOW)
        deep = [row for row in here if row not in SHALLOW]
        total += len(deep)
        found += [f"{row} on {dataset} {here[row]:g} < {best:g}" for row in deep if here[row] < best]
    return Finding(holds=bool(found), evidence=f"{len(found)} of {total}: {'; '.join(found) or 'none'}")


def equal_rows(claims: Claims) -> Finding:
    """U15: unstarred rows of Table 1 whose numbers are all those of DynAE's Table 2."""
    same = []
    rows = dict.fromkeys(cell.row for cell in claims["ulhe.table1"].cells)
    shared = {cell.row for cell in claims["dynae.table2"].cells}
    for row in (row for row in rows if row in shared):
        equal = [
            (column(claims, "ulhe.table1", data, metric).get(row)
             == column(claims, "dynae.table2", data, metric).get(row))
            for data in ("mnist", "mnist-test", "usps", "fashion")
            for metric in ("acc", "nmi")
        ]  # fmt: skip
        same.append((row, sum(equal), len(equal)))
    whole = [row for row, equal, total in same if equal == total]
    return Finding(
        holds=bool(whole),
        evidence="cells equal to DynAE's: "
        + ", ".join(f"{row} {equal} of {total}" for row, equal, total in same),
    )


def dashes(claims: Claims) -> Finding:
    """U16: rows that were run by the authors, and yet have cells without a number."""
    cells = claims["ulhe.table1"].cells
    rows = dict.fromkeys(cell.row for cell in cells if "*" not in cell.row and cell.mark == "--")
    julep = column(claims, "ulhe.table1", "fashion", "acc").get("JULE*")
    return Finding(
        holds=bool(rows),
        evidence=(
            f"without a star and with a dash: {', '.join(rows) or 'none'}; JULE* (2016) has "
            f"{julep} on Fashion-MNIST (2017)"
        ),
    )


def iterations(claims: Claims, samples: int = 70_000, every: int = 100) -> Finding:
    """U24: how many epochs 300 mini-batches are."""
    config = method.Config()
    epochs = config.epochs * config.batch_size / samples
    return Finding(
        holds=epochs < every,
        evidence=(
            f"{config.epochs} batches of {config.batch_size} are {epochs:.1f} epochs of MNIST; samples "
            f"are re-weighted every {every}"
        ),
    )
