"""PC-X on a few points: a decoder that sees a centroid beside z, and centroids that move slowly."""

from __future__ import annotations

import matplotlib.pyplot as plt
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from recluster.methods import pcx
from recluster.report.figure import STYLE

STEPS = 400
BATCH = 16
MEANS = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.4]])
STARTS = torch.tensor([[-0.3, 0.6], [0.4, 0.2], [0.1, 0.9]])
MOMENTA = (0.0, 0.9, pcx.Config().momentum)
PULLED, SHOWN = 0.3, 240  # how much of its distance to the centroid a z keeps; how many points are drawn


def exemplars() -> Figure:
    """Above what the decoder makes of z and a centroid, below three centroids under eq. (6)."""
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(2, 3, figsize=(8.4, 5.8), layout="constrained")
        cloud = torch.cat(_batches())
        for panel, (title, decoded, labels) in zip(axes[0], _decoded(cloud[:SHOWN]), strict=True):
            _points(panel, cloud[:SHOWN])
            for k in range(len(MEANS)):
                panel.plot(*decoded[labels == k].T, "o", ms=2)
            panel.set(title=title, xticks=[], yticks=[], aspect="equal")
        for panel, momentum in zip(axes[1], MOMENTA, strict=True):
            _points(panel, cloud)
            path = torch.stack(_path(momentum))
            for k in range(len(MEANS)):
                panel.plot(path[:, k, 0], path[:, k, 1], lw=0.8)
                panel.plot(*path[-1, k], "o", ms=5, color=panel.lines[-1].get_color())
            panel.plot(STARTS[:, 0], STARTS[:, 1], "k+", ms=7)
            panel.set(title=f"κ = {momentum:g}", xticks=[], yticks=[], aspect="equal")
    plt.close(figure)
    return figure


def _points(panel: Axes, points: Tensor) -> None:
    panel.scatter(points[:, 0], points[:, 1], s=3, color="0.8", linewidths=0)


def _decoded(x: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """Title, g(h(.)) of x (n, 2) and the clusters (n,): without the unit, with it, with a foreign mu.

    z is x drawn to its centroid, as eq. (1) draws it. h and g are linear, so that both are one map of
    what they see, here the one of least error, eq. (3) in eq. (1).
    """
    labels = pcx.hard_assignment(pcx.soft_assignment(x, MEANS, pcx.Config().sharpness))
    own, foreign = MEANS[labels], MEANS[(labels + 1) % len(MEANS)]
    z = own + PULLED * (x - own)
    alone, both = _least_error(x, z), _least_error(x, z, own)
    return [
        ("g(z), without the unit", _seen(z) @ alone, labels),
        ("g(h(z, μ)), its own μ", _seen(z, own) @ both, labels),
        ("g(h(z, μ)), a foreign μ", _seen(z, foreign) @ both, labels),
    ]


def _seen(*parts: Tensor) -> Tensor:
    """What a linear map with a bias sees: the parts (n, d) beside one another, and a one."""
    return torch.cat([*parts, torch.ones(len(parts[0]), 1)], dim=1)


def _least_error(x: Tensor, *parts: Tensor) -> Tensor:
    """The linear map of the parts (n, d) that comes nearest to x."""
    found: Tensor = torch.linalg.lstsq(_seen(*parts).double(), x.double()).solution
    return found.to(x.dtype)


def _batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    which = torch.randint(len(MEANS), (STEPS, BATCH), generator=generator)
    noise = 0.35 * torch.randn(STEPS, BATCH, 2, generator=generator)
    return list(MEANS[which] + noise)


def _path(momentum: float) -> list[Tensor]:
    """The centroids (3, 2) after every batch."""
    centroids = STARTS
    path = [centroids]
    for batch in _batches():
        soft = pcx.soft_assignment(batch, centroids, pcx.Config().sharpness)
        members = torch.nn.functional.one_hot(pcx.hard_assignment(soft), len(MEANS)).float()
        centroids = pcx.averaged(centroids, members.T @ batch, members.sum(0), momentum)
        path.append(centroids)
    return path
