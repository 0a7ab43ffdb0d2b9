"""An explorer: maps of embeddings that a reader walks through, and curves by the epoch.

`Explorer` shows itself as a script that carries the data and nothing else; what a reader sees and does
is made by `book/_static/explorer.js`. Without scripts a page shows `Explorer.still`.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image
from scipy.optimize import linear_sum_assignment

from recluster.data import load_dataset
from recluster.papers.claim import Claim
from recluster.report.figure import STYLE, first_records, scatter
from recluster.report.maps import tsne
from recluster.spec import InputError
from recluster.store import Array, Record, Store

ROWS = (
    *("k-means", "AE + k-means", "DEC", "IDEC", "DCN", "VaDE"),
    *("PC-X", "ULHE-DC", "DynAE", "DCSS", "SeCu"),
)
"""The papers' five methods and what they are most often compared with."""
EVERY = 4  # sample of a record's two thousand: a map of more is a blot on a phone
STEPS = 400  # of t-SNE, fewer than usual: there are this many maps
COLUMNS = 30  # of a sheet of images
SCORES = ("acc", "nmi", "ari")


@dataclass(frozen=True)
class Mapped:
    """One run's samples on a map.

    Attributes:
        name: the method.
        record: of the run.
        rows: (n,) of the samples in their data set.
        classes: (n,) true ones.
        labels: (n,) clusters.
        points: (n, 2) places on the map, in [0, 1].
    """

    name: str
    record: Record
    rows: Array
    classes: Array
    labels: Array
    points: Array


class Explorer:
    """The first seed's run of each of `ROWS` on each data set of a claim, at one scale."""

    def __init__(self, claim: Claim, scale: str, store: Store) -> None:
        found = first_records(claim, scale, store)
        self._runs = [(row, records[0]) for (row, _), records in found.items() if row in ROWS]
        self._store = store
        self.scale = scale

    def __repr__(self) -> str:
        return f"explorer of {len(self._runs)} runs at {self.scale} scale"

    @cached_property
    def maps(self) -> list[Mapped]:
        """Every run whose record keeps an embedding, on its map."""
        every = [(row, record, self._store.precise(record)) for row, record in self._runs]
        return [mapped(row, one, arrays) for row, one, arrays in every if "sample_embedding" in arrays]

    def _repr_javascript_(self) -> str:
        return script(self.maps)

    def still(self) -> Figure:
        """All maps at once, in the colours of the true classes."""
        columns = 4
        rows = -(-len(self.maps) // columns) or 1
        with plt.rc_context(STYLE), sns.axes_style("ticks"):
            figure, axes = plt.subplots(
                rows, columns, figsize=(8.4, 2.3 * rows), squeeze=False, layout="constrained"
            )
            for panel in axes.flat:
                panel.axis("off")
            for panel, one in zip(axes.flat, self.maps, strict=False):
                scatter(panel, one.points * [1, -1], one.classes)
                panel.set_title(f"{one.name}, {one.record.run['dataset']}", fontsize=8)
        plt.close(figure)
        return figure


def script(maps: Sequence[Mapped]) -> str:
    """Hands the maps to `explorer.js`, with the place on the page where they belong."""
    sets = {one.record.run["dataset"]: one for one in maps}
    content = {
        "sets": {name: samples(one) for name, one in sets.items()},
        "runs": [as_object(one) for one in maps],
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return f"(window.explorers ??= []).push([document.currentScript, {text}]);"


def mapped(name: str, record: Record, arrays: Mapping[str, Array]) -> Mapped:
    """A run on its map, by t-SNE of every fourth of the samples that its record keeps."""
    chosen = slice(None, None, EVERY)
    rows = arrays["sample"][chosen]
    points = tsne(arrays["sample_embedding"][chosen], STEPS)
    low, high = points.min(0), points.max(0)
    return Mapped(
        name=name,
        record=record,
        rows=rows,
        classes=arrays["sample_classes"][chosen],
        labels=arrays["labels"][rows],
        points=(points - low) / (high - low),
    )


def samples(one: Mapped) -> dict[str, Any]:
    """What all runs on a data set share: rows, classes, and a sheet of images if the data are there."""
    content = {"rows": one.rows.tolist(), "classes": one.classes.tolist(), "columns": COLUMNS}
    try:
        x = load_dataset(one.record.run["dataset"]).x
    except InputError:
        return content  # the data have not been fetched on this machine
    return content | ({"sheet": sheet(x[one.rows])} if x.ndim == 4 else {})


def sheet(images: Array) -> str:
    """Images (n, c, h, w) in [0, 1] side by side, as the address of a PNG that holds them."""
    _, channels, height, width = images.shape
    blank = np.zeros((-len(images) % COLUMNS, channels, height, width))
    grid = np.concatenate([images, blank]).reshape(-1, COLUMNS, channels, height, width)
    pixels = (255 * grid.transpose(0, 3, 1, 4, 2)).round().astype(np.uint8)
    pixels = pixels.reshape(-1, COLUMNS * width, channels)
    buffer = io.BytesIO()
    Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def as_object(one: Mapped) -> dict[str, Any]:
    """A run for `explorer.js`: places in 16 bits, clusters, the class that each stands for, curves."""
    record = one.record
    last = record.scored["epoch"][-1]
    return {
        "name": one.name,
        "data": record.run["dataset"],
        "scale": record.run["scale"],
        "seed": record.run["seed"],
        "places": base64.b64encode((65535 * one.points).round().astype("<u2").tobytes()).decode(),
        "labels": one.labels.tolist(),
        "stands": matching(one.classes, one.labels),
        "epochs": record.scored["epoch"],
        "scores": {name: _short(record.scored[name]) for name in SCORES},
        "losses": {
            name: {"first": int(last) - len(curve) + 1, "values": _short(curve)}
            for name, curve in record.curves.items()
        },
    }


def matching(classes: Array, labels: Array) -> dict[int, int]:
    """Cluster to class, one to one and so that most samples agree; clusters beyond that are left out."""
    table = np.zeros((int(labels.max()) + 1, int(classes.max()) + 1), int)
    np.add.at(table, (labels, classes), 1)
    return {int(a): int(b) for a, b in zip(*linear_sum_assignment(table, maximize=True), strict=True)}


def _short(values: list[float]) -> list[float]:
    """Four digits of each: what a reader can tell apart."""
    return [float(f"{value:.4g}") for value in values]
