"""Checks of ULHE-DC's Table 3, the grid of both weights, whose digits are the paper's oddest."""

from __future__ import annotations

from math import log

import numpy as np
from scipy.stats import binom

from recluster.methods import ulhe as method
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import both, pair, pairs
from recluster.papers.ulhe import SETTINGS

Grid = dict[tuple[float, float], tuple[float, float]]


def grid(claims: Claims) -> Grid:
    """(lambda_1, lambda_2) to ACC and NMI of Table 3."""
    return {SETTINGS[row]: values for row, values in pairs(claims, "ulhe.table3", "mnist").items()}


def chosen(claims: Claims) -> Finding:
    """U17: the setting of highest ACC in Table 3, beside the one that is used."""
    cells, used = grid(claims), method.Config()
    weights = (used.uniformity_weight, used.compactness_weight)
    best = max(cells, key=lambda setting: cells[setting][0])
    return Finding(
        holds=best == weights,
        evidence=f"highest ACC {cells[best][0]:g} at λ1, λ2 = {best}; used everywhere: {weights}",
    )


def shared_digits(claims: Claims) -> Finding:
    """U18: cells of Table 3 in which ACC and NMI end alike."""
    cells = grid(claims)
    whole = [(round(100 * acc), round(100 * nmi)) for acc, nmi in cells.values()]
    two = sum((acc - nmi) % 100 == 0 for acc, nmi in whole)
    last = sum((acc - nmi) % 10 == 0 for acc, nmi in whole)
    equal = sum(acc == nmi for acc, nmi in whole)
    chance = float(binom.sf(two - 1, len(whole), 0.01))
    return Finding(
        holds=chance < 1e-3,
        evidence=(
            f"the last two digits agree in {two} of {len(whole)} cells, by chance "
            f"{len(whole) / 100:g} (probability of so many: {chance:.0e}); the last in {last}; both "
            f"scores are equal in {equal}"
        ),
    )


def leaking(acc: float, spread: bool, k: int = 10) -> float:
    """NMI of eq. (16), in percent, of k balanced classes at an ACC in percent.

    All errors go from one class into one other cluster, or each class's evenly into all others.
    """
    table, errors = np.eye(k) / k, 1 - acc / 100
    if spread:
        table = table * (1 - errors) + (1 - np.eye(k)) * errors / k / (k - 1)
    else:
        table[0, 0], table[0, 1] = table[0, 0] - errors, errors
    clusters = table.sum(0)
    present = table[table > 0]
    joint = -(present * np.log(present)).sum()
    own = -(clusters[clusters > 0] * np.log(clusters[clusters > 0])).sum()
    mutual = log(k) + own - joint
    return float(100 * mutual / max(log(k), own))


def ceilings(claims: Claims) -> Finding:
    """U19: how NMI can reach ACC in Table 3, and whether the two rise together."""
    cells = grid(claims)
    high = [values for values in cells.values() if values[1] >= values[0]]
    room = [
        f"{both(values)}: at most {leaking(values[0], False):.2f}, {leaking(values[0], True):.1f} if "
        "errors spread evenly"
        for values in high
    ]
    points = list(cells.values())
    crossed = [(a, b) for a in points for b in points if a[0] > b[0] + 1 and a[1] < b[1] - 1]
    widest = max(crossed, key=lambda two: two[1][1] - two[0][1], default=None)
    tail = f". And {both(widest[0])} stands beside {both(widest[1])}" if widest else ""
    return Finding(holds=bool(high) and bool(crossed), evidence="; ".join(room) + tail)


def best_nmi(claims: Claims) -> Finding:
    """U20: the highest NMI of the grid and that of the reported setting."""
    cells = grid(claims)
    reported = max(cells, key=lambda setting: cells[setting][0])
    best = max(cells, key=lambda setting: cells[setting][1])
    return Finding(
        holds=best != reported,
        evidence=f"highest NMI {cells[best][1]:g} at {best}; {cells[reported][1]:g} at {reported}",
    )


def large_or_small(claims: Claims) -> Finding:
    """U21: the largest lambda_1 against the smallest, row by row of Table 3."""
    cells = grid(claims)
    first = sorted({setting[0] for setting in cells})
    gains: dict[str, list[float]] = {"ACC": [], "NMI": []}
    for second in sorted({setting[1] for setting in cells}):
        small, large = cells[first[0], second], cells[first[-1], second]
        for name, low, high in zip(gains, small, large, strict=True):
            gains[name].append(round(high - low, 2))
    return Finding(
        holds=min(gains["ACC"]) > 0,
        evidence=f"λ1 = {first[-1]:g} less λ1 = {first[0]:g}: "
        + ", ".join(f"{name} {min(by):+g} to {max(by):+g}" for name, by in gains.items()),
    )


def a_little_harm(claims: Claims) -> Finding:
    """U22: NMI without L_unif in Table 2 and with the least of it in Table 3."""
    cells = grid(claims)
    least = cells[min(setting[0] for setting in cells), method.Config().compactness_weight]
    model = pair(claims, "ulhe.table2", "Model 3 (L_cmpt)", "mnist")
    (std,) = (
        100 * (cell.printed_std or 0)
        for cell in claims["ulhe.table2"].cells
        if cell.row == "Model 3 (L_cmpt)" and cell.metric == "nmi_max"
    )
    return Finding(
        holds=model[1] > least[1],
        evidence=(
            f"Model 3 without L_unif {both(model)}, with the least of it {both(least)}: "
            f"{(model[1] - least[1]) / std:.0f} of Model 3's deviations of {std:g} in NMI"
        ),
    )
