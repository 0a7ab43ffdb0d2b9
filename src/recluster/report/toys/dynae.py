"""DynAE on a lattice: who is in doubt between nine centroids, and for how long."""

from __future__ import annotations

import matplotlib.pyplot as plt
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from recluster.methods import dynae
from recluster.parts.assignment import student_t
from recluster.report.figure import STYLE

SPACING = 4.0
CENTROIDS = SPACING * torch.cartesian_prod(torch.arange(-1.0, 2.0), torch.arange(-1.0, 2.0))
POINTS = torch.cartesian_prod(torch.arange(-6.0, 6.5, 0.5), torch.arange(-6.0, 6.5, 0.5))
"""Multiples of a half, so that a point half-way between two centroids is an exact tie."""
DROPS = 2
SURE, UNSURE_1, UNSURE_2 = "0.85", "tab:orange", "tab:red"


def dwindling_doubt() -> Figure:
    """Conflicted points under falling thresholds; last, their share, ties read in two ways."""
    soft = student_t(POINTS, CENTROIDS)
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(2, 2, figsize=(6.6, 6.4), layout="constrained")
        for panel, limits in zip(axes.flat, schedule(), strict=False):
            _map(panel, soft, limits)
        for name, read in {"second of the sorted q": soft, "second distinct q": distinct(soft)}.items():
            shares = [share(read, limits) for limits in schedule()]
            axes[1, 1].plot(range(DROPS + 1), shares, "o-", ms=5, label=name)
        axes[1, 1].set(
            title="share conflicted", xlabel="drops of the thresholds", xticks=range(DROPS + 1)
        )
        axes[1, 1].margins(y=0.4)  # room for the legend
        axes[1, 1].set_ylim(bottom=0)
        axes[1, 1].legend(title="$h_2$ is the")
        kinds = axes[0, 0].get_legend_handles_labels()
        figure.legend(*kinds, loc="outside lower left", ncols=3, markerscale=2, handletextpad=0.1)
    plt.close(figure)
    return figure


def schedule() -> list[Tensor]:
    """Beta_1 and beta_2 (2,) at the start and after every drop, at the paper's settings."""
    k, config = len(CENTROIDS), dynae.Config()
    kappa = config.confidence * k
    limits = [dynae.initial_thresholds(kappa, k)]
    for _ in range(DROPS):
        limits.append(dynae.dropped(limits[-1], config.drop * kappa, k))
    return limits


def distinct(soft: Tensor) -> Tensor:
    """q (n, k) without repetitions of a row's largest value, as eq. (5) is printed."""
    first = torch.nn.functional.one_hot(soft.argmax(1), soft.shape[1]).bool()
    repeated = (soft == soft.amax(1, keepdim=True)) & ~first
    return soft.masked_fill(repeated, 0)


def share(soft: Tensor, limits: Tensor) -> float:
    """Tau, eq. (11)."""
    return float(dynae.conflicted(soft, limits).float().mean())


def _map(panel: Axes, soft: Tensor, limits: Tensor) -> None:
    """The points, coloured by which threshold they miss."""
    doubtful = dynae.conflicted(soft, limits)
    unlikely = dynae.two_largest(soft)[0] < limits[0]
    kinds = {
        "unconflicted": (~doubtful, SURE),
        "$h_1 < β_1$": (doubtful & unlikely, UNSURE_2),
        "only $h_1 - h_2 < β_2$": (doubtful & ~unlikely, UNSURE_1),
    }
    for name, (chosen, colour) in kinds.items():
        across, up = POINTS[chosen].T
        panel.scatter(across, up, s=9, color=colour, linewidths=0, label=name)
    panel.plot(*CENTROIDS.T, "k+", ms=8)
    least, margin = limits.tolist()
    panel.set(title=f"β₁ = {least:.2f}, β₂ = {margin:.2f}", xticks=[], yticks=[], aspect="equal")
    sns.despine(ax=panel, left=True, bottom=True)
