"""DCSS on a few points: memberships judge the pairs, and the pairs make assignments one-hot."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from recluster.methods import dcss
from recluster.papers.dcss_causes import APART
from recluster.parts.fuzzy import memberships, recentred, separation
from recluster.report.figure import PALETTE, STYLE

CENTROIDS = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.6]])
EACH = 25
SPREAD = 0.45
STEPS = 120
GUIDED = 40
RATE = 0.02
CROWD, FAR = 10, 1.0  # clouds, and how far apart beside their own spread
UPDATES = 40
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])
KINDS = {"dissimilar": "0.2", "no part": "0.75", "similar": "white"}


def pairs_to_one_hot() -> Figure:
    """Above: eq. (2) as printed, as meant, and its pairs. Then q under eqs. (4) and (5).

    Below, ten clouds in ten dimensions: what eq. (3) does to their centres, what p says of their pairs,
    and from how many clusters on a pair counts as dissimilar of which p knows nothing.
    """
    config, u = dcss.Config(), points()
    p = memberships(u, CENTROIDS, config.fuzziness)
    path = descent(p, config)
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(3, 3, figsize=(8.4, 8.4), layout="constrained")
        _points(axes[0, 0], u, upside_down(u, CENTROIDS, config.fuzziness), "p, eq. (2) as printed")
        _points(axes[0, 1], u, p, "p, the right way up")
        _pairs(axes[0, 2], p, config)
        moments = {"q at the start": 0, "when q takes over": GUIDED, "at the end": STEPS}
        for panel, (title, step) in zip(axes[1], moments.items(), strict=True):
            _simplex(panel, path[: step + 1], p, title)
        _contraction(axes[2, 0])
        _products(axes[2, 1], config)
        _undecided(axes[2, 2], config)
    plt.close(figure)
    return figure


def points() -> Tensor:
    """Three clouds that touch (n, 2), one after another."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(CENTROIDS), EACH, 2, generator=generator)
    return (CENTROIDS[:, None] + SPREAD * noise).flatten(0, 1)


def crowd() -> tuple[Tensor, Tensor]:
    """Overlapping clouds (n, d), in as many dimensions as there are clouds, and their centres (k, d)."""
    generator = torch.Generator().manual_seed(0)
    centres = FAR * torch.randn(CROWD, CROWD, generator=generator)
    noise = torch.randn(CROWD, EACH, CROWD, generator=generator)
    return (centres[:, None] + noise).flatten(0, 1), centres


def course(u: Tensor, centroids: Tensor, fuzziness: float) -> list[float]:
    """`separation` of the centroids (k, d), before and after each update by eq. (3) over u (n, d)."""
    found = [float(separation(u, centroids))]
    for _ in range(UPDATES):
        centroids = recentred(u, centroids, fuzziness)
        found.append(float(separation(u, centroids)))
    return found


def upside_down(u: Tensor, centroids: Tensor, fuzziness: float) -> Tensor:
    """Eq. (2) as the paper prints it: p (n, k) of u (n, d), largest for the farthest centroid (k, d)."""
    powers = torch.cdist(u, centroids) ** (2 / (fuzziness - 1))
    return 1 / (powers.sum(1, keepdim=True) / powers)


def descent(p: Tensor, config: dcss.Config) -> list[Tensor]:
    """Each q (n, k) on the way down eq. (4), where p (n, k) judges, then eq. (5), where q does.

    A point's own logits stand for MNet.
    """
    logits = 0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    path = [logits.softmax(1)]
    for step in range(STEPS):
        logits.requires_grad_()
        q = logits.softmax(1)
        judge = p if step < GUIDED else q.detach()
        loss = dcss.pairwise_loss(q, judge, config.similar, config.dissimilar)
        (slope,) = torch.autograd.grad(loss, logits)
        logits = logits.detach() - RATE * slope
        path.append(logits.softmax(1))
    return path


def _colours(p: Tensor) -> list[tuple[float, ...]]:
    """Each point's mixture of the clusters' colours, by its memberships (n, k)."""
    return [tuple(row) for row in (p.numpy() @ np.array(sns.color_palette(PALETTE, p.shape[1])))]


def _points(panel: Axes, u: Tensor, p: Tensor, title: str) -> None:
    panel.scatter(u[:, 0], u[:, 1], s=16, color=_colours(p), linewidths=0)
    marks = _colours(torch.eye(len(CENTROIDS)))
    x, y = CENTROIDS.T
    panel.scatter(x, y, s=130, color=marks, marker="*", edgecolors="black", linewidths=0.8)
    panel.set(title=title, xticks=[], yticks=[], aspect="equal")


def _pairs(panel: Axes, p: Tensor, config: dcss.Config) -> None:
    product = dcss.similarities(p[p.argmax(1).argsort(stable=True)])
    kind = 1 + (product >= config.similar).int() - (product <= config.dissimilar).int()
    panel.imshow(kind.numpy(), cmap=ListedColormap(list(KINDS.values())), vmin=0, vmax=2)
    for name, shade in KINDS.items():
        panel.plot([], [], "s", color=shade, markeredgecolor="black", label=name)
    panel.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, handletextpad=0, columnspacing=0.8
    )
    panel.set(title="pairs, as p judges them", xticks=[], yticks=[])


def _simplex(panel: Axes, path: Sequence[Tensor], p: Tensor, title: str) -> None:
    """The way of each q (n, 3) so far, in the triangle of all assignments."""
    panel.plot(*CORNERS[[0, 1, 2, 0]].T, color="0.6", lw=0.8)
    places, colours = torch.stack([q @ CORNERS for q in path]), _colours(p)
    for way, colour in zip(places.unbind(1), colours, strict=True):
        panel.plot(way[:, 0], way[:, 1], color=colour, lw=0.5, alpha=0.6)
    panel.scatter(places[-1, :, 0], places[-1, :, 1], s=16, color=colours, linewidths=0, zorder=3)
    panel.set(title=title, xticks=[], yticks=[], aspect="equal")
    sns.despine(ax=panel, left=True, bottom=True)


def _contraction(panel: Axes) -> None:
    u, centres = crowd()
    for fuzziness in (1.1, 1.3, 1.5):
        panel.plot(course(u, centres, fuzziness), label=f"m = {fuzziness:g}")
    panel.axhline(APART, color="0.6", lw=0.8, ls="--")
    panel.set(title="centres under eq. (3)", xlabel="update", ylim=(0, None))
    panel.set_ylabel("least distance / radius")
    panel.legend()


def _products(panel: Axes, config: dcss.Config) -> None:
    p = memberships(*crowd(), config.fuzziness)
    pairs = dcss.similarities(p)[~torch.eye(len(p), dtype=torch.bool)]
    panel.hist(pairs.numpy(), bins=40, range=(0, 1), color="0.6")
    for place, name in ((1 / CROWD, "1/K"), (config.dissimilar, "γ"), (config.similar, "ζ")):
        panel.axvline(place, color="black", lw=0.8)
        panel.text(place, 1.01, name, transform=panel.get_xaxis_transform(), ha="center", fontsize=8)
    panel.set(xlabel="inner product of two p", ylabel="pairs", yscale="log")


def _undecided(panel: Axes, config: dcss.Config) -> None:
    clusters = range(2, 21)
    products = [1 / k for k in clusters]
    repel = [product <= config.dissimilar for product in products]
    panel.scatter(clusters, products, s=16, c=["C3" if one else "C0" for one in repel], linewidths=0)
    panel.axhline(config.dissimilar, color="black", lw=0.8)
    panel.text(20, config.dissimilar, "γ", va="bottom", ha="right", fontsize=8)
    panel.set(title="product of two uniform p", xlabel="clusters K", ylim=(0, None))
