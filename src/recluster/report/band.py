"""A curve of several seeds, as every figure draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

Curve = Sequence[float]


def band(axes: Axes, curves: Sequence[Curve], label: str, x: Curve | None = None) -> None:
    """The seeds' mean, and the range between the lowest and the highest; over epochs, or over x."""
    values = np.array(curves)
    places = np.arange(1, values.shape[1] + 1) if x is None else np.array(x)
    (line,) = axes.plot(places, values.mean(0), label=label, lw=1.4)
    axes.fill_between(places, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, lw=0)


def scored_band(axes: Axes, scored: Sequence[Mapping[str, Curve]], name: str, label: str) -> None:
    """The same of a score, over the epochs that all seeds have; they may be scored at different ones."""
    first, last = max(one["epoch"][0] for one in scored), min(one["epoch"][-1] for one in scored)
    epochs = sorted({at for one in scored for at in one["epoch"] if first <= at <= last})
    band(axes, [np.interp(epochs, one["epoch"], one[name]).tolist() for one in scored], label, epochs)
