"""Checks of SeCu's contradictions: its three tables, its proofs on a few numbers."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from recluster.methods import secu
from recluster.papers.calculated.secu import rates
from recluster.papers.contradictions.entry import Claims, Finding
from recluster.papers.contradictions.printed import column, one, told

STL10 = (105_000, 5_000)  # images of its two stages: unlabelled and labelled, labelled alone


def sizes(claims: Claims, gamma: str) -> tuple[float, float]:
    """#Max and #Min of a row of Table 2."""
    largest, smallest = (
        one(claims, "secu.table2", gamma, "cifar10", metric) for metric in ("largest", "smallest")
    )
    return largest, smallest


def unsatisfied(claims: Claims, samples: int = 50_000, k: int = 10) -> Finding:
    """Q1: the least size that each gamma asks for, and the smallest cluster."""
    rows = column(claims, "secu.table2", "cifar10", "smallest")
    missed = {row: size for row, size in rows.items() if size < float(row) * samples / k}
    return Finding(
        holds=bool(missed),
        evidence="; ".join(
            f"γ = {row}: asks {float(row) * samples / k:,.0f}, printed {size:,.0f}"
            for row, size in rows.items()
        ),
    )


def training_images(claims: Claims, k: int = 10) -> Finding:
    """Q2: how many images Table 2's sizes allow, and how many PC-X clusters."""
    rows = column(claims, "secu.table2", "cifar10", "largest")
    bounds = [sizes(claims, row) for row in rows]
    most, least = (k * min(high for high, _ in bounds), k * max(low for _, low in bounds))
    theirs = one(claims, "pcx.table3", "CIFAR-10", "cifar10", "samples")
    return Finding(
        holds=not least <= theirs <= most,
        evidence=f"Table 2 allows {least:,.0f} to {most:,.0f} images; PC-X and DCSS have {theirs:,.0f}",
    )


def implicit(claims: Claims, temperature: float = 0.5) -> Finding:
    """Q4: the right-hand side of eq. (4) from two different guesses of the centres."""
    u = normalize(torch.tensor([[1.0, 0.1], [1.0, 0.9], [0.1, 1.0], [-0.6, 1.0]]))
    labels = torch.tensor([0, 0, 1, 1])
    guesses = [
        normalize(torch.tensor(rows)) for rows in ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [-1.0, 1.0]])
    ]
    first, second = (secu.optimal_centres(u, guess, labels, temperature) for guess in guesses)
    step = [rates(u, guess, labels, temperature)[0] for guess in guesses]
    return Finding(
        holds=not torch.allclose(first, second, atol=1e-4),
        evidence=(
            f"from two guesses eq. (4) gives centres {(first - second).norm():.3f} apart; the step that "
            f"corresponds to it is {step[0]:.2f} and {step[1]:.2f}, not 1"
        ),
    )


def mean_of_others(claims: Claims, k: int = 10) -> Finding:
    """Q5: squared length of the mean of K - 1 centres that sum to zero with the last."""
    centres = torch.eye(k) - 1 / k
    squared = centres[0].square().sum().item()
    actual = centres[1:].mean(0).square().sum().item()
    return Finding(
        holds=abs(actual - squared / (k - 1)) > 1e-6,
        evidence=(
            f"K = {k}: {actual:.4f}, which is a²/(K−1)² = {squared / (k - 1) ** 2:.4f} and not "
            f"a²/(K−1) = {squared / (k - 1):.4f}"
        ),
    )


def scaling_rule(claims: Claims, first: float = 26_460, second: float = 600) -> Finding:
    """Q6: the ratio of both entropy weights beside powers of the ratio of STL-10's images."""
    images = STL10[0] / STL10[1]
    ratio = first / second
    rules = {"linear": images, "quadratic": images**2}
    return Finding(
        holds=all(abs(ratio - rule) > 0.01 * rule for rule in rules.values()),
        evidence=(
            f"{first:,.0f} / {second:,.0f} = {ratio:g}; {STL10[0]:,} images to {STL10[1]:,} are "
            f"{told(rules)}"
        ),
    )


def after_warm_up(claims: Claims, epochs: int = 11, warm_up: int = 10) -> Finding:
    """Q7: how many epochs of self-labelling follow the warm-up on ImageNet."""
    return Finding(
        holds=epochs - warm_up < warm_up,
        evidence=f"{epochs} epochs, {warm_up} of them warm-up: {epochs - warm_up} remains",
    )


def unnamed(claims: Claims) -> Finding:
    """Q8: the row of Table 1 that is a row of Table 2."""
    scores = ("acc", "nmi", "ari")
    first, second = (
        [one(claims, name, row, "cifar10", metric) for metric in scores]
        for name, row in (("secu.table1", "128"), ("secu.table2", "0.9"))
    )
    third = one(claims, "secu.table3", "128", "cifar10", "acc")
    return Finding(
        holds=first == second,
        evidence=f"dimension 128: {first}; γ = 0.9: {second}; batch 128: {third:g}",
    )


def within_noise(claims: Claims) -> Finding:
    """Q9: how far the rows of Tables 1 and 3 differ, and whether the kept one is the best."""
    parts, kept = [], []
    for name in ("secu.table1", "secu.table3"):
        acc = column(claims, name, "cifar10", "acc")
        best = max(acc, key=acc.__getitem__)
        kept.append(best == "128")
        span = max(acc.values()) - min(acc.values())
        parts.append(
            f"{name}: {span:.1f} points; best {best} ({acc[best]:g}), kept 128 ({acc['128']:g})"
        )
    return Finding(holds=not all(kept), evidence="; ".join(parts))
