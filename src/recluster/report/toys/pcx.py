"""PC-X on a few points: centroids that move slowly."""

from __future__ import annotations

import matplotlib.pyplot as plt
import seaborn as sns
import torch
from matplotlib.figure import Figure
from torch import Tensor

from recluster.methods import pcx
from recluster.report.figure import STYLE

STEPS = 400
BATCH = 16
MEANS = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.4]])
STARTS = torch.tensor([[-0.3, 0.6], [0.4, 0.2], [0.1, 0.9]])
MOMENTA = (0.0, 0.9, pcx.Config().momentum)


def slow_exemplars() -> Figure:
    """Three centroids under eq. (6) on batches of three clouds: the slower, the steadier."""
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.9), layout="constrained")
        cloud = torch.cat(list(_batches()))
        for panel, momentum in zip(axes, MOMENTA, strict=True):
            panel.scatter(cloud[:, 0], cloud[:, 1], s=1, color="0.85", linewidths=0)
            path = torch.stack(_path(momentum))
            for k in range(len(MEANS)):
                panel.plot(path[:, k, 0], path[:, k, 1], lw=0.8)
                panel.plot(*path[-1, k], "o", ms=5, color=panel.lines[-1].get_color())
            panel.plot(STARTS[:, 0], STARTS[:, 1], "k+", ms=7)
            panel.set(title=f"κ = {momentum:g}", xticks=[], yticks=[], aspect="equal")
    plt.close(figure)
    return figure


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
