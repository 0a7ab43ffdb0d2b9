"""ULHE-DC on a few points: what each term of its loss does, and what the exponent of its energy does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from recluster.methods import ulhe
from recluster.papers.calculated.ulhe import near_share, wider, worse
from recluster.parts.hypersphere import gathered, lloyd, most_similar, unit
from recluster.parts.normed import norm_loss
from recluster.report.figure import STYLE

CONFIG = ulhe.Config()
MODELS = {
    "Model 1: neither": (0.0, 0.0),
    "Model 2: uniformity": (CONFIG.uniformity_weight, 0.0),
    "Model 3: compactness": (0.0, CONFIG.compactness_weight),
    "Model 4: both": (CONFIG.uniformity_weight, CONFIG.compactness_weight),
}
CENTRES = torch.tensor([-0.9, 0.0, 0.8])  # radians: all three clouds on one side of the circle
MEMBERS = 25
STEPS, RATE = 30, 3.0

CASES = {"10 in 10 dimensions": (10, 10), "7 in 3": (7, 3), "11 in 3": (11, 3)}
EXPONENTS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class State:
    """Embeddings z (n, 2) with their labels (n,) and the centroids (k, 2)."""

    z: Tensor
    labels: Tensor
    centroids: Tensor

    def over_least(self) -> float:
        """Eq. (11) over (k - 1)^2, the least that k directions can have; 1 for the simplex."""
        k = len(self.centroids)
        return ulhe.uniformity_loss(unit(self.z), self.labels, k).item() / (k - 1) ** 2

    def spread(self) -> float:
        """Eq. (12) as a mean over a cluster's pairs."""
        k = len(self.centroids)
        return ulhe.compactness_loss(unit(self.z), self.labels, k, "pair mean").item()


def simplex() -> Figure:
    """Three crowded clouds under eq. (13), with and without each of the two regularisation losses."""
    paths = {name: descended(*weights) for name, weights in MODELS.items()}
    (start, *_) = paths["Model 1: neither"]
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(2, 3, figsize=(7.6, 5.4), layout="constrained")
        _circle(axes.flat[0], [start], "start")
        for panel, (name, path) in zip(axes.flat[1:5], paths.items(), strict=True):
            _circle(panel, path, name)
        _energies(axes.flat[5], paths)
    plt.close(figure)
    return figure


def descended(uniformity: float, compactness: float) -> list[State]:
    """The states of gradient descent on eq. (13), the points themselves in place of an encoder."""
    z = _crowded()
    labels, centroids = lloyd(unit(z), unit(z[::MEMBERS]))
    path = [State(z, labels, centroids)]
    for _ in range(STEPS):
        u = unit(z)
        labels = most_similar(u, centroids)
        centroids = ulhe.moved(centroids, u, labels)
        z = z - RATE * _slope(z, labels, centroids, uniformity, compactness)
        path.append(State(z, labels, centroids))
    return path


def _slope(
    z: Tensor, labels: Tensor, centroids: Tensor, uniformity: float, compactness: float
) -> Tensor:
    z, k = z.detach().requires_grad_(), len(centroids)
    u = unit(z)
    loss = ulhe.clustering_loss(u, centroids[labels]) + CONFIG.norm_weight * norm_loss(z)
    loss = loss + uniformity * ulhe.uniformity_loss(u, labels, k)
    loss = loss + compactness * ulhe.compactness_loss(u, labels, k, "pair mean")
    (slope,) = torch.autograd.grad(loss, z)
    return slope


def _crowded() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = 0.22 * torch.randn(len(CENTRES), MEMBERS, generator=generator)
    angles = (CENTRES[:, None] + noise).flatten()
    lengths = 0.6 + 0.7 * torch.rand(len(angles), generator=generator)
    return lengths[:, None] * torch.stack([angles.cos(), angles.sin()], 1)


def _circle(panel: Axes, path: Sequence[State], title: str) -> None:
    """Points in the colours of the clouds that they come from, their paths, the clusters' directions."""
    panel.add_patch(Circle((0, 0), 1, fill=False, color="0.8", lw=0.8))
    colours = np.repeat(sns.color_palette("tab10", len(CENTRES)), MEMBERS, axis=0)
    ways, end = torch.stack([state.z for state in path]), path[-1]
    for way, colour in zip(ways.unbind(1), colours, strict=True):
        panel.plot(way[:, 0], way[:, 1], color=colour, lw=0.5, alpha=0.4)
    panel.scatter(end.z[:, 0], end.z[:, 1], s=9, c=colours, linewidths=0)
    for x, y in unit(gathered(unit(end.z), end.labels, len(end.centroids))[0]).tolist():
        panel.plot((0, x), (0, y), color="0.25", lw=1)
    numbers = f"energy {end.over_least():.2f}\nspread {end.spread():.3f}"
    panel.text(-1.38, -1.38, numbers, fontsize=8, color="0.25")
    panel.set(title=title, xticks=[], yticks=[], xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
    sns.despine(ax=panel, left=True, bottom=True)


def _energies(panel: Axes, paths: Mapping[str, Sequence[State]]) -> None:
    for (name, path), style in zip(paths.items(), ("-", "-", ":", ":"), strict=True):
        panel.plot([one.over_least() for one in path], style, label=name.partition(":")[0])
    panel.axhline(1, color="0.6", lw=0.8)
    panel.set(title="energy over the least", xlabel="step", ylim=(0.9, None))
    panel.legend(loc="center right")
    sns.despine(ax=panel)


def exponents() -> Figure:
    """What the exponent v does: near pairs' share of the energy, and arrangements of least energy."""
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.9), layout="constrained")
        for (name, (k, d)), marker in zip(CASES.items(), "os^", strict=True):
            lines = (
                [near_share(k, d, v) for v in EXPONENTS],
                [wider(k, d, v) for v in EXPONENTS],
                [worse(k, d, v) for v in EXPONENTS],
            )
            for panel, values in zip(axes, lines, strict=True):
                panel.plot(EXPONENTS, values, marker=marker, ms=4, label=name)
        _label(axes)
    plt.close(figure)
    return figure


def _label(axes: Sequence[Axes]) -> None:
    titles = {
        "share of the nearest pairs": "of the energy, random directions",
        "local: smallest angle": "degrees more than at v = 2",
        "global: energy of eq. (10)": "percent more than at v = 2",
    }
    for panel, (title, label) in zip(axes, titles.items(), strict=True):
        panel.set_xscale("log", base=2)
        panel.set_xticks(EXPONENTS, [str(v) for v in EXPONENTS])
        panel.set(title=title, xlabel="exponent v", ylabel=label)
        sns.despine(ax=panel)
    axes[0].set_ylim(0, 1.02)
    axes[1].legend()
