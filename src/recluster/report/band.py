"""A curve of several seeds, as every figure draws it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

Curve = Sequence[float]


def band(axes: Axes, curves: Sequence[Curve], label: str, x: Curve | None = None) -> None:
    """The seeds' mean, and the range between the lowest and the highest; over epochs, or over x."""
    values = np.array(curves)
    places = np.arange(1, values.shape[1] + 1) if x is None else np.array(x)
    (line,) = axes.plot(places, values.mean(0), label=label, lw=1.4)
    axes.fill_between(places, values.min(0), values.max(0), color=line.get_color(), alpha=0.2, lw=0)
