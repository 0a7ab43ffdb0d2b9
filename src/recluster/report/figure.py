"""The figures, drawn like the papers' from the records' curves and arrays. Nothing here trains.

A drawer takes a claim, a scale and a store, and returns a figure of the first seed's records, or None
if there is no record to draw.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recluster.papers.claim import Claim
from recluster.report import (
    confusion,
    drawn_dcss,
    drawn_dcss_appendix,
    drawn_dynae,
    drawn_secu,
    drawn_ulhe,
    ladder,
    starts,
)
from recluster.report.band import band, scored_band
from recluster.report.maps import tsne
from recluster.report.measures_pcx import fits
from recluster.report.verdict import records_of
from recluster.store import Array, Record, Store

STYLE: Any = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.facecolor": "white",
}
PALETTE = "tab10"
EVERY, TSNE_STEPS = 2, 500  # a page has many maps, and a fourth of the time shows the same

Found = dict[tuple[str, str], list[Record]]


def draw(claim: Claim, scale: str, store: Store) -> Figure | None:
    """The claim's figure at one scale, or None without records."""
    found = first_records(claim, scale, store)
    if not found or claim.drawing is None:
        return None
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        if claim.drawing in WHOLE:
            figure = WHOLE[claim.drawing](claim, scale, store)
        else:
            figure = DRAWERS[claim.drawing](found, store)
    if figure is not None:
        plt.close(figure)  # else a notebook shows it twice
    return figure


def first_records(claim: Claim, scale: str, store: Store) -> Found:
    """(row, data set) to its finished records, seeds in order; rows of one run appear once."""
    found: Found = {}
    seen = set()
    for row, dataset, config in claim.planned(scale):
        records, _ = records_of(store, config, dataset, scale)
        if records and records[0].key not in seen:
            seen.add(records[0].key)
            found[row, dataset] = records
    return found


def tsne_map(axes: Axes, points: Array, classes: Array) -> None:
    """t-SNE of every other of the samples (n, d), in the colours of their true classes (n,)."""
    scatter(axes, tsne(points[::EVERY], TSNE_STEPS), classes[::EVERY])


def scatter(axes: Axes, points: Array, classes: Array) -> None:
    """Points (n, 2) in the colours of their true classes."""
    colours = sns.color_palette(PALETTE, int(classes.max()) + 1)
    for value in np.unique(classes):
        horizontal, vertical = points[classes == value].T
        axes.scatter(horizontal, vertical, s=4, color=colours[value], label=str(value), linewidths=0)
    axes.set(xticks=[], yticks=[])
    axes.set_box_aspect(1)
    sns.despine(ax=axes, left=True, bottom=True)


def tiles(axes: Axes, images: Array) -> None:
    """Images (k, c, h, w) in rows of five, in the order of the clusters."""
    gray = images.astype(np.float32).mean(1).clip(0, 1)
    columns = 5 if len(gray) % 5 == 0 else int(np.ceil(np.sqrt(len(gray))))
    blank = -len(gray) % columns
    padded = np.concatenate([gray, np.zeros((blank, *gray.shape[1:]), np.float32)])
    framed = np.pad(padded, ((0, 0), (1, 1), (1, 1)), constant_values=0.5)
    rows = framed.reshape(-1, columns, *framed.shape[1:])
    axes.imshow(np.concatenate(np.concatenate(rows, 1), 1), cmap="gray", vmin=0, vmax=1)
    axes.axis("off")


def exemplars(found: Found, store: Store) -> Figure:
    """Figure 2 of PC-X: t-SNE above, decoded centroids below; a column a method and data set."""
    figure, axes = _columns(len(found), 2, (2.9, 4.6), (1, 0.42))
    for column, ((row, dataset), records) in enumerate(_by_dataset(found)):
        arrays = store.precise(records[0])
        tsne_map(axes[0, column], arrays["sample_embedding"], arrays["sample_classes"])
        axes[0, column].set_title(f"{row}, {dataset}")
        tiles(axes[1, column], arrays["exemplars"])
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, title="class")
    return figure


CLUSTERINGS = {
    "acc": "PC-X",
    "acc_mini": "PC-X-mini",
    "acc_kmeans": "k-means",
    "acc_gmm": "GMM",
    "acc_agg": "AGG",
}


def accuracy(found: Found, store: Store) -> Figure:
    """Figure 3 of PC-X: ACC over the epochs, a panel a data set, a line a clustering, all seeds."""
    datasets = list(dict.fromkeys(dataset for _, dataset in found))
    figure, axes = _columns(len(datasets), 1, (3.6, 2.8))
    for (_, dataset), records in found.items():
        panel = axes[0, datasets.index(dataset)]
        curves = [record.scored for record in records]
        for name, title in CLUSTERINGS.items():
            kept = [curve for curve in curves if name in curve]  # not in records from before it was
            if kept:
                scored_band(panel, kept, name, title)
        panel.set(title=dataset, xlabel="epoch", ylabel="ACC", ylim=(0, 1))
    axes[0, 0].legend(loc="lower right", ncols=2)
    return figure


def losses(found: Found, store: Store) -> Figure:
    """Figure 4 of PC-X: both losses and the confidence over the epochs, the burn-in marked."""
    names = {
        "reconstruction": "reconstruction loss",
        "clustering": "clustering loss",
        "confidence": "mean of max assignment",
    }
    figure, axes = _columns(len(names), 1, (3.1, 2.6))
    for (_, dataset), records in found.items():
        for panel, (name, title) in zip(axes[0], names.items(), strict=True):
            curves = [record.curves[name] for record in records]
            band(panel, curves, dataset)
            panel.axvline(records[0].run["config"]["burn_in"], color="0.6", lw=0.8, ls="--")
            panel.set(title=title, xlabel="epoch")
    for panel in axes[0, :2]:
        panel.set_yscale("log")
    axes[0, -1].set_ylim(0, 1.02)
    axes[0, -1].legend()
    return figure


def fusion(found: Found, store: Store) -> Figure:
    """Figure 6 of PC-X: t-SNE before and after the fusion layer."""
    figure, axes = _columns(2 * len(found), 1, (2.6, 2.9))
    for column, ((_, dataset), records) in enumerate(found.items()):
        arrays = store.precise(records[0])
        for offset, name in enumerate(("embedding", "fused")):
            panel = axes[0, 2 * column + offset]
            tsne_map(panel, arrays[f"sample_{name}"], arrays["sample_classes"])
            panel.set_title(f"{('before', 'after')[offset]} fusion, {dataset}")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, title="class")
    return figure


def convergence(found: Found, store: Store) -> Figure:
    """The burn-in's loss over the floor of each course that was fitted to it.

    A straight line is a geometric course on the left, a power law on the right; what lies below the
    fitted floor has no logarithm, and no point.
    """
    figure, axes = _columns(2, 1, (3.6, 2.8))
    for (_, dataset), records in found.items():
        loss, courses = fits(records[0])
        epochs = np.arange(1, len(loss) + 1)
        for panel, course in zip(axes[0], ("geometric", "power"), strict=True):
            excess = loss - courses[course].floor
            panel.plot(epochs[excess > 0], excess[excess > 0], label=dataset)
    for panel, scale in zip(axes[0], ("linear", "log"), strict=True):
        panel.set(xscale=scale, yscale="log", xlabel="epoch", ylabel="loss − fitted floor")
        panel.set_title("straight if geometric" if scale == "linear" else "straight if a power")
    axes[0, 0].legend()
    return figure


def embeddings(found: Found, store: Store) -> Figure:
    """Figure 4 of ULHE-DC: t-SNE of the embedding, a row a data set, a column a method."""
    datasets = list(dict.fromkeys(dataset for _, dataset in found))
    rows = list(dict.fromkeys(row for row, _ in found))
    figure, axes = _columns(len(rows), len(datasets), (2.4, 2.5 * len(datasets)))
    for panel in axes.flat:
        panel.axis("off")
    for (row, dataset), records in found.items():
        panel, arrays = axes[datasets.index(dataset), rows.index(row)], store.precise(records[0])
        tsne_map(panel, arrays["sample_embedding"], arrays["sample_classes"])
        panel.set_title(f"{row}, {dataset}")
    return figure


def phases(found: Found, store: Store) -> Figure:
    """Figure 3 of DCSS: t-SNE of u, and of q where there is one; a column a data set."""
    views = [
        (f"{row}, {name}", dataset, f"sample_{array}")
        for (row, dataset), records in found.items()
        for name, array in (("u", "embedding"), ("q", "q"))
        if f"sample_{array}" in records[0].arrays["names"]
    ]
    datasets = list(dict.fromkeys(dataset for _, dataset, _ in views))
    titles = list(dict.fromkeys(title for title, *_ in views))
    figure, axes = _columns(len(datasets), len(titles), (2.6, 2.5 * len(titles)))
    for panel in axes.flat:
        panel.axis("off")  # also where there is no record yet
    for title, dataset, array in views:
        panel = axes[titles.index(title), datasets.index(dataset)]
        row = title.rpartition(",")[0]
        arrays = store.precise(found[row, dataset][0])
        tsne_map(panel, arrays[array], arrays["sample_classes"])
        panel.set_title(f"{title}, {dataset}")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3, title="class")
    return figure


def _columns(
    columns: int, rows: int, size: tuple[float, float], heights: tuple[float, ...] | None = None
) -> tuple[Figure, Any]:
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(size[0] * columns, size[1]),
        squeeze=False,
        layout="constrained",
        gridspec_kw={"height_ratios": heights} if heights else None,
    )
    return figure, axes


def _by_dataset(found: Found) -> list[tuple[tuple[str, str], list[Record]]]:
    return sorted(found.items(), key=lambda item: item[0][1])


DRAWERS: dict[str, Callable[[Found, Store], Figure]] = {
    "exemplars": exemplars,
    "accuracy": accuracy,
    "losses": losses,
    "fusion": fusion,
    "convergence": convergence,
    "phases": phases,
    **drawn_dcss.DRAWERS,
    **drawn_dcss_appendix.DRAWERS,
    **drawn_dynae.DRAWERS,
    **drawn_secu.DRAWERS,
    "embeddings": embeddings,
    **drawn_ulhe.DRAWERS,
    "confusion": confusion.confusion,
}

WHOLE: dict[str, Callable[[Claim, str, Store], Figure | None]] = {
    "ladder": ladder.ladder,
    "starts": starts.over_starts,
}
"""Drawers of a whole claim, its printed numbers and the rows that have no run too."""
