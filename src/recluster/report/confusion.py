"""Which true classes share a cluster and which are split, over the seeds of a run.

All of it uses the true classes of the sample that a record keeps: of labels, for this picture alone.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment

from recluster.store import Array, Record, Store

Found = Mapping[tuple[str, str], list[Record]]

SPLIT = 0.25
"""A class is split if two clusters or more hold at least this share of it each."""


def shares(record: Record, store: Store) -> Array:
    """Of each class (rows) the share in each cluster (columns), in the record's sample.

    The cluster that is matched to a class, one to one and with most samples in all, stands in its
    column; clusters that no class is matched to come last.
    """
    arrays = store.precise(record)
    labels = arrays["labels"][arrays["sample"]].astype(np.int64)
    names, classes = np.unique(arrays["sample_classes"], return_inverse=True)
    counts = np.zeros((len(names), max(record.data["k"], labels.max() + 1)))
    np.add.at(counts, (classes, labels), 1)
    own, clusters = linear_sum_assignment(counts, maximize=True)
    order = [*clusters[own.argsort()], *(c for c in range(counts.shape[1]) if c not in clusters)]
    ordered: Array = counts[:, order] / counts.sum(1, keepdims=True)
    return ordered


def split(table: Array) -> list[int]:
    """The classes of which several clusters hold a large share."""
    return [row for row, held in enumerate(table) if (held >= SPLIT).sum() > 1]


def merged(table: Array) -> list[tuple[int, int]]:
    """The pairs of classes that have most of their samples in the same cluster."""
    home = table.argmax(1)
    pairs = [(a, b) for a in range(len(home)) for b in range(a + 1, len(home))]
    return [(a, b) for a, b in pairs if home[a] == home[b]]


def confusion(found: Found, store: Store) -> Figure:
    """A line of panels a row, a panel a data set: over which clusters a class lies, mean over seeds."""
    rows, datasets = ([*dict.fromkeys(one)] for one in zip(*found, strict=True))
    figure, axes = plt.subplots(
        len(rows), len(datasets), figsize=(3.9 * len(datasets), 3.5 * len(rows)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for panel in axes.flat:
        panel.axis("off")
    for (row, dataset), records in found.items():
        panel = axes[rows.index(row), datasets.index(dataset)]
        _matrix(panel, [shares(record, store) for record in records])
        panel.set_title(f"{row}, {dataset}, {len(records)} seeds", fontsize=8)
    return figure


def _matrix(panel: Any, tables: Sequence[Array]) -> None:
    width = max(table.shape[1] for table in tables)
    padded = [np.pad(table, ((0, 0), (0, width - table.shape[1]))) for table in tables]
    mean = 100 * np.mean(padded, axis=0)
    panel.axis("on")
    marks = np.where(mean >= 5, mean.round().astype(int).astype(str), "")
    sns.heatmap(
        mean, ax=panel, annot=marks, fmt="", annot_kws={"size": 7}, cmap="Blues", cbar=False,
        vmin=0, vmax=100, linewidths=0.5, square=True,
    )  # fmt: skip
    panel.set(xlabel="cluster, by the class matched to it", ylabel="true class")
    panel.tick_params(length=0, labelrotation=0)


def mistakes(found: Found, store: Store) -> str:
    """Which classes are split and which merged, and in how many seeds, as a list."""
    items = []
    for (row, dataset), records in found.items():
        tables = [shares(record, store) for record in records]
        parted = Counter(name for table in tables for name in split(table))
        joined = Counter(pair for table in tables for pair in merged(table))
        told = [f"class {name} split in {times}" for name, times in parted.most_common()]
        told += [f"classes {a} and {b} merged in {times}" for (a, b), times in joined.most_common()]
        what = "; ".join(told) or "none split, none merged"
        items.append(f"<li>{html.escape(row)}, {dataset}, of {len(records)} seeds: {what}</li>")
    return f"<ul>{''.join(items)}</ul>"
