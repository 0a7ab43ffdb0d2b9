"""The theorems of DCSS's appendix, drawn as pairs of assignments and the bounds that they keep to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from recluster.methods import dcss
from recluster.report.drawn_dcss import Found, panels
from recluster.report.measures_dcss import counterexamples
from recluster.store import Array, Store

DRAWN = 400
COUNTED = 1000


def theorem_1(found: Found, store: Store) -> Figure:
    """Every pair's inner product, and the bound: the lesser of the two largest elements."""
    return _appendix(found, store, "theorem1", _all)


def theorem_2(found: Found, store: Store) -> Figure:
    """Pairs in different clusters; the printed bound meets Theorem 1's at 2/3, a sharper one at 1/2."""
    figure = _appendix(found, store, "theorem2", _apart)
    x = np.linspace(0.5, 1)
    for panel in figure.axes:
        panel.plot([0.6, 1], [0.8, 0], color="C1", lw=1.2, label="2(1 − ζ), printed")
        panel.plot(x, 2 * x * (1 - x), color="C2", lw=1.2, label="2ζ(1 − ζ)")
        panel.plot([2 / 3, 1 / 2], [2 / 3, 1 / 2], "ko", ms=4)
    figure.axes[0].legend(loc="upper left", fontsize=7)
    return figure


def theorem_3(found: Found, store: Store) -> Figure:
    """Pairs adjacent to a third: their product is at least ζ², and so above γ."""
    figure = _appendix(found, store, "theorem3", _linked)
    config, x = dcss.Config(), np.linspace(0, 1)
    for panel in figure.axes:
        panel.plot(x, x**2, color="C1", lw=1.2, label="square of the lesser")
        panel.axhline(config.similar**2, color="C2", lw=1.2, label="ζ²")
        panel.axhline(config.dissimilar, color="C3", lw=1.2, label="γ")
    figure.axes[0].legend(loc="upper left", fontsize=7)
    return figure


def _all(q: Array, similar: float) -> Array:
    return np.ones((len(q), len(q)), bool)


def _apart(q: Array, similar: float) -> Array:
    cluster = q.argmax(1)
    apart: Array = cluster[:, None] != cluster
    return apart


def _linked(q: Array, similar: float) -> Array:
    adjacent = q @ q.T >= similar
    np.fill_diagonal(adjacent, False)
    linked: Array = adjacent.astype(np.float32) @ adjacent > 0
    return linked


def _appendix(
    found: Found, store: Store, theorem: str, chosen: Callable[[Array, float], Array]
) -> Figure:
    """The chosen pairs of random q and of each run's; in the title, how many break the theorem."""
    config = dcss.Config()
    views = {"random q": np.random.default_rng(0).dirichlet([0.4] * 3, COUNTED)}
    for (_, dataset), records in found.items():
        views[dataset] = store.precise(records[0])["sample_q"][:COUNTED]
    figure, axes = panels(len(views), (2.9, 3.1))
    for panel, (title, q) in zip(axes, views.items(), strict=True):
        count = counterexamples(q, config.similar, config.dissimilar)[theorem]
        some = q[:DRAWN]
        rows, columns = np.nonzero(np.triu(chosen(some, config.similar), 1))
        lesser = np.minimum(some.max(1)[rows], some.max(1)[columns])
        product = (some[rows] * some[columns]).sum(1)
        panel.plot(lesser, product, ".", ms=4, alpha=0.3, color="C0", mew=0)
        panel.plot([0, 1], [0, 1], color="black", lw=0.8)
        panel.set(title=f"{title}: {count} break it", xlim=(0, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panel.set(xlabel="lesser of the largest elements", ylabel="inner product")
    return figure


DRAWERS: dict[str, Callable[[Found, Store], Figure]] = {
    "theorem 1": theorem_1,
    "theorem 2": theorem_2,
    "theorem 3": theorem_3,
}
