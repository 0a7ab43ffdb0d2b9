"""SeCu on a few points: prices that keep clusters in size, and what its proofs say, by calculation.

The supplement has no figure. Everything here is drawn from points made on the spot, with the method's
own equations; nothing is learned, and no data set or record is read.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import matplotlib.pyplot as plt
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, one_hot

from recluster.methods import secu
from recluster.papers.calculated.secu import (
    CONFIG,
    apart,
    cloud,
    descended,
    directions,
    displaced,
    scene,
    slope,
    without_member,
)
from recluster.papers.secu import BATCHES, RATIOS, TABLE_2
from recluster.parts.balance import Partition
from recluster.report.figure import STYLE

MANY = 10 * CONFIG.heads  # centres of the last head on ten classes
STEPS = 250  # of the two ways to the centres of Theorem 1
Relabel = Callable[[Partition, Tensor, Tensor], Tensor]
"""New labels (b,) of some rows (b,) of a partition, from their scores (b, k)."""


# --- a stream of samples, and the prices of the clusters ------------------------------------------


def bounded(ratio: float) -> Relabel:
    """Labels under the size constraint, at least `ratio` of the mean size for each cluster."""

    def relabel(partition: Partition, scores: Tensor, rows: Tensor) -> Tensor:
        return partition.bounded(scores, rows, (ratio / scores.shape[1], inf), CONFIG.dual_rate)

    return relabel


def spread(weight: float) -> Relabel:
    """Labels under the entropy constraint, of this weight an instance."""

    def relabel(partition: Partition, scores: Tensor, rows: Tensor) -> Tensor:
        return partition.spread(scores, rows, weight)

    return relabel


def streamed(scores: Tensor, relabel: Relabel, epochs: int = 1) -> tuple[Tensor, Tensor]:
    """Labels (epochs, n) and duals (batches, k) of samples that pass in batches, in a fixed order."""
    partition = Partition(*scores.shape)
    labels, duals = [], []
    for _ in range(epochs):
        for rows in torch.arange(len(scores)).split(CONFIG.batch_size):
            relabel(partition, scores[rows], rows)
            duals.append(partition.lower.clone())
        labels.append(partition.labels.clone())
    return torch.stack(labels), torch.stack(duals)


def priced_clusters() -> Figure:
    """Three centres on a circle and an uneven stream: labels, sizes and prices, batch by batch."""
    angles = torch.deg2rad(torch.tensor([90.0, 210.0, 330.0]))
    centres = torch.stack([angles.cos(), angles.sin()], 1)
    u = cloud(centres, torch.tensor([0.7, 0.2, 0.1]), 300 * CONFIG.batch_size, 0.5)
    (free,), _ = streamed(u @ centres.T, bounded(0))
    (fair,), duals = streamed(u @ centres.T, bounded(CONFIG.lower_ratio))
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(2, 2, figsize=(7.4, 6.2), layout="constrained")
        for panel, labels, title in zip(
            axes[0], (free, fair), ("no constraint", "size constraint"), strict=True
        ):
            _ring(panel, u[-600:], labels[-600:], centres)
            panel.set_title(title)
        _sizes(axes[1, 0], free, fair)
        for k in range(len(centres)):
            axes[1, 1].plot(duals[:, k], label=f"cluster {k + 1}")
        axes[1, 1].set(title="what is added to a cluster's score", xlabel="batch", ylabel="dual ρ")
        axes[1, 1].legend()
    plt.close(figure)
    return figure


def _ring(panel: Axes, u: Tensor, labels: Tensor, centres: Tensor) -> None:
    """Points of the unit circle, moved a little in and out so that all can be seen."""
    radii = 1 + 0.09 * torch.randn(len(u), 1, generator=torch.Generator().manual_seed(2))
    for k in range(len(centres)):
        own = (u * radii)[labels == k]
        panel.scatter(own[:, 0], own[:, 1], s=5, linewidths=0)
    panel.plot(*(0.72 * centres).T, "k+", ms=9)
    for k, (x, y) in enumerate((0.5 * centres).tolist()):
        panel.text(x, y, str(k + 1), ha="center", va="center")
    panel.set(xticks=[], yticks=[], aspect="equal")
    sns.despine(ax=panel, left=True, bottom=True)


def _sizes(panel: Axes, free: Tensor, fair: Tensor) -> None:
    """Each cluster's share of the last twenty batches, with the constraint and dotted without."""
    k = int(free.max()) + 1
    window = 20 * CONFIG.batch_size
    for labels, style in ((fair, "-"), (free, ":")):
        shares = one_hot(labels, k).float().unfold(0, window, CONFIG.batch_size).mean(-1)
        panel.set_prop_cycle(None)
        panel.plot(torch.arange(20, 20 + len(shares)), shares, style)
    panel.axhline(CONFIG.lower_ratio / k, color="0.4", lw=0.9, ls="--")
    panel.set(title="share of the last 20 batches", xlabel="batch", ylim=(0, 1))


def uneven() -> Tensor:
    """Cosines (6400, 10) of points around centres, of which the first is the most popular."""
    centres = directions(10, 16)
    return cloud(centres, 1 / torch.arange(1.0, 11), 6400, 0.25) @ centres.T


def bounds() -> Figure:
    """Largest and smallest cluster for each gamma of Table 2: printed, and on an uneven stream."""
    scores = uneven()
    mean = len(scores) / scores.shape[1]
    printed = {(c.row, c.metric): c.printed for c in TABLE_2.cells}
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, panel = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
        for metric, colour in (("largest", "C0"), ("smallest", "C1")):
            ours = [_extremes(scores, float(row))[metric] / mean for row in RATIOS]
            theirs = [(printed[row, metric] or 0) / 5000 for row in RATIOS]  # 50,000 images, K = 10
            panel.plot(list(RATIOS), ours, "o-", color=colour, label=f"{metric}, on a stream")
            panel.plot(list(RATIOS), theirs, "s--", mfc="none", color=colour, label=f"{metric}, printed")
        panel.plot(list(RATIOS), list(map(float, RATIOS)), color="0.5", lw=0.9, label="lower bound")
        panel.set(xlabel="γ", ylabel="size / mean size")
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    plt.close(figure)
    return figure


def _extremes(scores: Tensor, ratio: float) -> dict[str, float]:
    """The sizes of the largest and smallest cluster in the last of some epochs."""
    labels, _ = streamed(scores, bounded(ratio), epochs=10)
    counts = labels[-1].bincount(minlength=scores.shape[1])
    return {"largest": float(counts.max()), "smallest": float(counts.min())}


def price_of_balance() -> Figure:
    """How many points leave their nearest centre so that the smallest cluster grows."""
    scores = uneven()
    kinds: dict[str, list[Relabel]] = {
        "size constraint, γ from 0 to 1": [bounded(g / 10) for g in range(0, 11, 2)],
        "entropy constraint, weight from 0 to 2": [
            spread(w / 100) for w in (0, 6, 12, 25, 50, 100, 200)
        ],
    }
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, panel = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
        for name, relabels in kinds.items():
            found = [_price(scores, relabel) for relabel in relabels]
            panel.plot(*zip(*found, strict=True), "o-", label=name)
        panel.set(xlabel="smallest cluster / mean size", ylabel="share moved from its nearest centre")
        panel.legend()
    plt.close(figure)
    return figure


def _price(scores: Tensor, relabel: Relabel) -> tuple[float, float]:
    labels = streamed(scores, relabel, epochs=10)[0][-1]
    smallest = labels.bincount(minlength=scores.shape[1]).min() * scores.shape[1] / len(labels)
    return float(smallest), float((labels != scores.argmax(1)).float().mean())


# --- the propositions and the theorem -------------------------------------------------------------


def empty_clusters() -> Figure:
    """Proposition 1: the share of clusters without a member in a batch; the noise of a gradient."""
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(1, 2, figsize=(7.8, 3.1), layout="constrained")
        for colour, k in (("C0", 10), ("C1", MANY)):
            _emptiness(axes[0], k, colour)
        axes[0].axvline(CONFIG.batch_size, color="0.5", lw=0.8, ls="--")
        axes[0].set(xscale="log", xlabel="batch size b", ylabel="share of empty clusters")
        sizes = [int(b) for b in BATCHES]
        for (name, loss), style in zip(LOSSES.items(), ("o-", "s--"), strict=True):
            axes[1].plot(sizes, [_noise(loss, b) for b in sizes], style, label=name)
        axes[1].set(xscale="log", yscale="log", xlabel="batch size b", title=f"gradient, K = {MANY}")
        axes[1].set_ylabel("variance / squared mean")
        axes[1].set_xticks(sizes, list(BATCHES))
        axes[1].xaxis.set_minor_locator(NullLocator())
        for panel in axes:
            panel.legend(fontsize=8)
    plt.close(figure)
    return figure


def _emptiness(panel: Axes, k: int, colour: str) -> None:
    """Share of k clusters without a member, over the batch size; members are drawn alike."""
    batches = [2**power for power in range(1, 11)]
    generator = torch.Generator().manual_seed(3)
    drawn = [torch.randint(k, (200, b), generator=generator) for b in batches]
    shares = torch.stack([without_member(one, k) / k for one in drawn])
    panel.plot(batches, shares.mean(1), color=colour, label=f"K = {k}")
    panel.fill_between(batches, shares.amin(1), shares.amax(1), color=colour, alpha=0.2, lw=0)
    panel.plot(batches, [max(0, k - b) / k for b in batches], ":", color=colour)


def standard_loss(u: Tensor, centres: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The usual softmax loss: its gradient reaches every centre, by the label's and by all others."""
    return cross_entropy(u @ centres.T / temperature, labels)


LOSSES = {"softmax loss": standard_loss, "stable loss, eq. (1)": secu.centre_loss}


def _noise(loss: Callable[..., Tensor], b: int) -> float:
    """Variance of a centre's gradient over batches of b, over its squared mean; median over centres."""
    truth = directions(MANY, 16)
    u = cloud(truth, torch.ones(MANY), 100 * b, 0.25).double()
    labels, centres = (u @ truth.double().T).argmax(1), displaced(truth).double()
    batches = torch.arange(len(u)).split(b)
    each = torch.stack([slope(loss, u[rows], centres, labels[rows]) for rows in batches])
    return float((each.var(0).sum(1) / each.mean(0).square().sum(1).clamp_min(1e-12)).median())


def variances() -> Figure:
    """Proposition 2: Var_neg / Var_pos over what is printed, for two kinds of uniform centres."""
    ks = [3, 4, 6, 10, 20, 40]
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, panel = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
        for name, centred in (("centres that sum to zero", True), ("independent centres", False)):
            panel.plot(ks, [_variance_ratio(k, centred) for k in ks], "o-", label=name)
        panel.axhline(1, color="0.5", lw=0.9, ls="--")
        panel.set(xscale="log", xlabel="K", ylabel="measured ratio / printed ratio")
        panel.set_xticks(ks, list(map(str, ks)))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.legend()
    plt.close(figure)
    return figure


def _variance_ratio(k: int, centred: bool, length: float = 0.7) -> float:
    """The ratio for clusters whose means have this length a, over (K-2) / (K-1)(1-a^2) + 1 / (K-1)."""
    corners = torch.eye(k, 64)
    vertices = normalize(corners - corners.mean(0)) if centred else directions(k, 64)
    noise = torch.randn(k, 400, 64, generator=torch.Generator().manual_seed(4))
    across = noise - (noise @ vertices[:, :, None]) * vertices[:, None]
    across = normalize(across - across.mean(1, keepdim=True), dim=2)
    u = length * vertices[:, None] + (1 - length**2) ** 0.5 * across
    positive = u.var(1, correction=0).sum(1).mean()
    others = [torch.cat([*u[:j], *u[j + 1 :]]).var(0, correction=0).sum() for j in range(k)]
    printed = (k - 2) / ((k - 1) * (1 - length**2)) + 1 / (k - 1)
    return float(torch.stack(others).mean() / positive / printed)


def fixed_points() -> Figure:
    """Theorem 1: how far centres are from eq. (4), when it is iterated and under gradient descent."""
    temperatures = {
        "λ = 1 (STL-10)": 1.0,
        f"λ = {CONFIG.centre_temperature:g}": CONFIG.centre_temperature,
    }
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.0), layout="constrained", sharey=True)
        for panel, (title, temperature) in zip(axes, temperatures.items(), strict=True):
            for name, step in {
                "eq. (4), iterated": secu.optimal_centres,
                "gradient descent": descended,
            }.items():
                panel.plot(_angles(step, temperature), label=name)
            panel.set(title=title, xlabel="step", yscale="log", ylim=(1e-4, 180))
        axes[0].set_ylabel("largest angle to eq. (4), degrees")
        axes[0].legend()
    plt.close(figure)
    return figure


def _angles(step: Callable[[Tensor, Tensor, Tensor, float], Tensor], temperature: float) -> list[float]:
    """Largest angle in degrees between a centre and the right-hand side of eq. (4), step by step."""
    u, centres, labels = scene(10, 16, 1000)
    angles = []
    for _ in range(STEPS):
        angles.append(apart(centres, secu.optimal_centres(u, centres, labels, temperature)))
        centres = step(u, centres, labels, temperature)
    return angles
