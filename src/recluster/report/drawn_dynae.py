"""DynAE's figures from records: what the paper draws, with the values that it prints on the same axes.

Runs stop when few samples are conflicted, so that seeds differ in length: each has a line of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from recluster.papers.claim import Claim
from recluster.papers.dynae import TABLE_2, TABLE_4, TABLE_5
from recluster.papers.dynae_figures import BEST_ACC, REACHES
from recluster.report.maps import principal
from recluster.report.measures_dynae import batches, central_classes, dynamic_loss, updates
from recluster.store import Array, Record, Store

Found = Mapping[tuple[str, str], list[Record]]
Drawer = Callable[[Found, Store], Figure]

PRINTED: Any = {"color": "0.45", "lw": 1.1, "ls": ":"}
PARTS = {"unconflicted": ("C2", "--"), "conflicted": ("C3", "-.")}
NAMES = {"acc": "ACC", "nmi": "NMI", "delta_fr": "$\\Delta_{FR}$", "delta_fd": "$\\Delta_{FD}$"}


def times(found: Found, store: Store, claim: Claim) -> Figure:
    """Tables 4 and 5 as bars: seconds with the pretraining, printed above ours; a panel a data set."""
    datasets = _datasets(found)
    rows = list(dict.fromkeys(cell.row for cell in claim.cells if cell.across is None))
    printed = {(cell.row, cell.dataset): cell.printed for cell in claim.cells}
    height = 0.9 + 0.34 * len(rows)
    figure, axes = _panels(1, len(datasets), (3.7, height), sharey=True)
    for panel, dataset in zip(axes[0], datasets, strict=True):
        for place, row in enumerate(rows):
            records = found.get((row, dataset), [])
            ours = np.mean([one.seconds["total"] for one in records]) if records else None
            for value, offset, colour in (
                (printed.get((row, dataset)), -0.2, "0.75"),
                (ours, 0.2, "C0"),
            ):
                if value is not None:
                    panel.barh(place + offset, value, 0.38, color=colour)
        panel.set(
            title=dataset, xscale="log", xlabel="seconds", yticks=range(len(rows)), yticklabels=rows
        )
        panel.set(xlim=(1, None), ylim=(len(rows) - 0.5, -0.5))
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in ("0.75", "C0")]
    figure.legend(handles, ("printed", "ours"), loc="outside upper right", ncols=2)
    return figure


def outputs(found: Found, store: Store) -> Figure:
    """Beside Figure 6, bottom row: the images that a decoder makes of its centroids, a row a data set.

    Above each stands the commonest true class of its cluster, in the record's sample, or that it has
    none of its samples.
    """
    width = max(records[0].data["k"] for records in found.values())
    figure, axes = _panels(len(found), width, (0.66, 0.98))
    for panels, ((_, dataset), records) in zip(axes, found.items(), strict=True):
        arrays = store.precise(records[0])
        labels, classes = arrays["labels"][arrays["sample"]], arrays["sample_classes"]
        for cluster, panel in enumerate(panels):
            panel.axis("off")
            if cluster < len(arrays["exemplars"]):
                panel.imshow(_gray(arrays["exemplars"][cluster]), cmap="gray", vmin=0, vmax=1)
                own = classes[labels == cluster]
                panel.set_title(np.bincount(own).argmax() if len(own) else "none", fontsize=8)
        panels[0].text(0, -0.06, dataset, transform=panels[0].transAxes, va="top")
    return figure


def dynamics(found: Found, store: Store) -> Figure:
    """Figure 9: the loss of eq. (14), and the shares of conflicted and unconflicted samples.

    A red circle is an epoch in which thresholds and centroids were updated.
    """
    figure, axes = _panels(1, 2, (3.9, 3.1))
    loss, shares = axes[0]
    for colour, record, name in _lines(found):
        steps, conflicted = _steps(record), np.array(record.curves["conflicted"])
        loss.plot(steps, dynamic_loss(record), color=colour, lw=1.3, label=name)
        shares.plot(steps, conflicted, color=colour, lw=1.3)
        shares.plot(steps, 1 - conflicted, color=colour, lw=1.0, ls="--")
        dropped = updates(record)
        shares.plot(steps[dropped], conflicted[dropped], "o", ms=9, mfc="none", color="tab:red")
    shares.axhline(0.8, **PRINTED)
    shares.annotate("printed: unconflicted by the update", (1, 0.81), (0, 0), **_AT_RIGHT)
    loss.set(title="(a) loss", xlabel="iteration", ylim=(0, None))
    shares.set(title="(b) conflicted —, unconflicted - -", xlabel="iteration", ylim=(0, 1.02))
    loss.legend()
    return figure


def scores(found: Found, store: Store, printed: Mapping[tuple[str, str], float]) -> Figure:
    """Figures 10 and 14 to 16: ACC and NMI of all samples; `printed` is of (data set, metric).

    Where one row is drawn and its records tell them apart, the unconflicted and the conflicted samples
    have lines of their own while there are any. The first point is the start, before a step.
    """
    alone = len({row for row, _ in found}) == 1
    datasets = _datasets(found)
    figure, axes = _panels(len(datasets), 2, (3.9, 2.5), sharey=True)
    for panels, dataset in zip(axes, datasets, strict=True):
        here = {key: records for key, records in found.items() if key[1] == dataset}
        for panel, metric in zip(panels, ("acc", "nmi"), strict=True):
            for colour, record, name in _lines(here, by_row=True):
                label = name and name.partition(",")[0]
                _course(panel, record, metric, color=colour, lw=1.3, label=label)
                for part, (own, style) in PARTS.items() if alone else ():
                    if f"{metric}_{part}" in record.scored:
                        there = np.array(record.scored[f"acc_{part}"]) > 0
                        look = {"color": own, "lw": 0.9, "ls": style, "label": label and part}
                        _course(panel, record, f"{metric}_{part}", where=there, **look)
            if (value := printed.get((dataset, metric))) is not None:
                panel.axhline(value, **PRINTED, label="printed")
            panel.set(title=f"{NAMES[metric]}, {dataset}", ylim=(0, 1.02))
        panels[0].legend()
    for panel in axes[-1]:
        panel.set_xlabel("iteration")
    return figure


def angles(found: Found, store: Store, name: str, printed: Mapping[str, float]) -> Figure:
    """Figures 11 and 12: a cosine of gradients by method; `printed` is what the text says of whom."""
    datasets = _datasets(found)
    figure, axes = _panels(len(datasets), 1, (6.2, 2.7))
    for (panel,), dataset in zip(axes, datasets, strict=True):
        here = {key: records for key, records in found.items() if key[1] == dataset}
        for colour, record, label in _lines(here, by_row=True):
            if name in record.scored:
                _course(panel, record, name, color=colour, lw=1.3, label=label)
        panel.axhline(0, color="0.8", lw=0.8)
        for said, value in printed.items():
            panel.axhline(value, **PRINTED)
            panel.annotate(said, (1, value), (0, 2), **_AT_RIGHT)
        panel.set(title=dataset, ylabel=NAMES[name], ylim=(-1.05, 1.05))
        panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes[-1, 0].set_xlabel("iteration")
    return figure


def balance(found: Found, store: Store) -> Figure:
    """Figure 13: ACC over training for every gamma, a panel a method; then at the end, over gamma."""
    methods = list(dict.fromkeys(row.partition(",")[0] for row, _ in found))
    figure, axes = _panels(1, len(methods) + 1, (3.2, 3.0), sharey=True)
    gammas = sorted({_gamma(row) for row, _ in found})
    colours = dict(zip(gammas, sns.color_palette("viridis", len(gammas)), strict=True))
    ends = axes[0, -1]
    for panel, method in zip(axes[0], methods, strict=False):
        own = {_gamma(row): r for (row, _), r in found.items() if row.partition(",")[0] == method}
        for gamma, records in sorted(own.items()):
            for record in records:
                _course(panel, record, "acc", color=colours[gamma], lw=1.2)
            panel.lines[-1].set_label(f"{gamma:g}")
        panel.set(title=method, xlabel="iteration", ylim=(0, 1.02))
        panel.axhline(BEST_ACC, **PRINTED)
        finals = [np.mean([record.scores["acc"] for record in own[gamma]]) for gamma in sorted(own)]
        ends.plot(sorted(own), finals, "o-", ms=4, label=method)
    ends.axhspan(REACHES.value, BEST_ACC, color="0.88", zorder=0, label="printed: reached")
    ends.set(title="at the end", xscale="log", xlabel="γ")
    ends.legend()
    axes[0, 0].set_ylabel("ACC")
    axes[0, 0].legend(title="γ", fontsize=7)
    return figure


def components(found: Found, store: Store) -> Figure:
    """Figure 17: the first two principal components of the embedding, in the classes' colours."""
    figure, axes = _panels(1, len(found), (3.3, 3.1))
    for panel, ((_, dataset), records) in zip(axes[0], found.items(), strict=True):
        arrays = store.precise(records[0])
        classes = arrays["sample_classes"]
        places, share = principal(arrays["sample_embedding"])
        palette = sns.color_palette("tab10", records[0].data["k"])
        for value in np.unique(classes):
            across, up = places[classes == value].T
            panel.scatter(across, up, s=4, linewidths=0, color=palette[value], label=str(value))
        panel.set(title=f"{dataset}: {share:.0%} of the variance", xticks=[], yticks=[])
        sns.despine(ax=panel, left=True, bottom=True)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=10,
        markerscale=3,
        columnspacing=0.8,
        handletextpad=0.1,
    )
    return figure


def central(found: Found, store: Store) -> Figure:
    """Figure 18: a row a cluster, its centroid's image and the classes of its ten central samples."""
    height = max(records[0].data["k"] for records in found.values())
    figure, axes = _panels(1, len(found), (3.6, 0.6 + 0.3 * height))
    for panel, ((_, dataset), records) in zip(axes[0], found.items(), strict=True):
        arrays, k = store.precise(records[0]), records[0].data["k"]
        palette = sns.color_palette("tab10", k)
        for cluster, classes in central_classes(arrays).items():
            image = _gray(arrays["exemplars"][cluster])
            box = (-0.5, 0.5, cluster + 0.5, cluster - 0.5)
            panel.imshow(image, cmap="gray", vmin=0, vmax=1, extent=box)
            for place, value in enumerate(classes, start=1):
                panel.add_patch(Rectangle((place - 0.4, cluster - 0.4), 0.8, 0.8, color=palette[value]))
                panel.text(place, cluster, value, ha="center", va="center", color="white", fontsize=8)
        panel.set(title=dataset, xticks=[], yticks=range(k), xlim=(-0.6, 10.6), ylim=(k - 0.4, -0.6))
        panel.set_aspect("equal")
        panel.tick_params(length=0)
        sns.despine(ax=panel, left=True, bottom=True)
    axes[0, 0].set_ylabel("cluster")
    return figure


_AT_RIGHT: Any = {
    "xycoords": ("axes fraction", "data"),
    "textcoords": "offset points",
    "ha": "right",
    "va": "bottom",
    "fontsize": 7,
    "color": "0.35",
}


def _panels(
    rows: int, columns: int, size: tuple[float, float], sharey: bool = False
) -> tuple[Figure, Any]:
    """Axes (rows, columns) of this size each, in inches."""
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(size[0] * columns, size[1] * rows),
        squeeze=False,
        sharey=sharey,
        layout="constrained",
    )
    return figure, axes


def _datasets(found: Found) -> list[str]:
    return list(dict.fromkeys(dataset for _, dataset in found))


def _lines(found: Found, by_row: bool = False) -> Iterator[tuple[str, Record, str | None]]:
    """Each record with its colour, that of its row or data set, named at the first of the colour."""
    names = list(dict.fromkeys(key[not by_row] for key in found))
    for key, records in found.items():
        name = key[not by_row]
        for place, record in enumerate(records):
            yield f"C{names.index(name)}", record, None if place else name


def _steps(record: Record) -> Array:
    """How many batches had been seen at the end of each epoch."""
    return batches(record) * np.arange(1, len(next(iter(record.curves.values()))) + 1)


def _course(panel: Axes, record: Record, name: str, where: Array | None = None, **look: Any) -> None:
    """A curve of the scored epochs, over the batches seen; broken where `where` is false."""
    values = np.array(record.scored[name])
    if where is not None:
        values = np.where(where, values, np.nan)
    panel.plot(batches(record) * np.array(record.scored["epoch"]), values, **look)


def _gamma(row: str) -> float:
    return float(row.rpartition(" ")[2])


def _gray(image: Array) -> Array:
    """An image (c, h, w) as (h, w), from 0 to 1."""
    gray: Array = image.astype(np.float32).mean(0).clip(0, 1)
    return gray


ENDS = {
    (cell.dataset, cell.metric): cell.printed
    for cell in TABLE_2.cells
    if cell.row == "DynAE" and cell.printed is not None
}

DRAWERS: dict[str, Drawer] = {
    "times": partial(times, claim=TABLE_4),
    "times from one start": partial(times, claim=TABLE_5),
    "outputs": outputs,
    "dynamics": dynamics,
    "rises": partial(scores, printed=ENDS),
    "randomness": partial(angles, name="delta_fr", printed={"printed: DynAE ends above": 0.9}),
    "drift": partial(angles, name="delta_fd", printed={"printed: mean of DC* and of IDEC*": -0.7}),
    "balance": balance,
    "best balance": partial(scores, printed={("mnist", "acc"): BEST_ACC}),
    "components": components,
    "central": central,
}
