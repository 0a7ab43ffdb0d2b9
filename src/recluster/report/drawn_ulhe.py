"""The figures of ULHE-DC's pages, printed values and ours on the same axes. Nothing here trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recluster.papers.claim import Claim
from recluster.papers.ulhe import HYPERSPHERE, SETTINGS, STATEMENTS_3, TABLE_2, TABLE_3
from recluster.papers.ulhe_runs import ABLATION, MODELS, PRINTED_WEIGHTS
from recluster.report.verdict import best_scale, records_of
from recluster.store import Array, Record, Store

Found = Mapping[tuple[str, str], list[Record]]

SCORES = {"acc": "ACC", "nmi_max": "NMI"}
WEIGHTS = tuple(sorted({pair[axis] for pair in SETTINGS.values()}) for axis in (0, 1))
MODEL_WITHOUT = ("Model 3 (L_cmpt)", "Model 2 (L_unif)")
"""The models of Table 2 in which lambda_1, or lambda_2, is zero."""


def printed(claim: Claim, metric: str) -> dict[str, float]:
    """Row to the printed value."""
    return {c.row: c.printed for c in claim.cells if c.metric == metric and c.printed is not None}


def weights(found: Found, store: Store) -> Figure:
    """Figure 1: ACC and NMI over both weights; the printed ones above, then ours on each data set."""
    tables = [(f"{title}, printed, mnist", printed(TABLE_3, name)) for name, title in SCORES.items()]
    for dataset in _datasets(found):
        own = {row: records for (row, data), records in found.items() if data == dataset}
        for name, title in SCORES.items():
            values = {row: _mean(records, name) for row, records in own.items()}
            tables.append((f"{title}, ours, {dataset} ({len(own)} of {len(SETTINGS)} settings)", values))
    lines = len(tables) // 2
    figure, axes = _panels(lines, 2, (7.6, 3.0 * lines))
    every = [value for _, values in tables for value in values.values()]
    for panel, (title, values) in zip(axes.flat, tables, strict=True):
        _heat(panel, title, _squared(values), vmin=min(every), vmax=max(every))
    return figure


def _squared(values: Mapping[str, float]) -> Array:
    """Values by setting as (lambda_2, lambda_1), as Table 3 stands on the page; the rest is nan."""
    square = np.full((len(WEIGHTS[1]), len(WEIGHTS[0])), np.nan)
    for row in values.keys() & SETTINGS.keys():
        first, second = SETTINGS[row]
        square[WEIGHTS[1].index(second), WEIGHTS[0].index(first)] = values[row]
    return square


def _heat(panel: Axes, title: str, square: Array, form: str = ".4f", **ends: float) -> None:
    columns, rows = ([f"{weight:.2f}" for weight in axis] for axis in WEIGHTS)
    sns.heatmap(
        square, ax=panel, annot=True, fmt=form, annot_kws={"size": 8}, cmap="viridis", cbar=False,
        linewidths=1, xticklabels=columns, yticklabels=rows, **ends,
    )  # fmt: skip
    panel.set_facecolor("0.93")
    for row, column in zip(*np.isnan(square).nonzero(), strict=True):
        panel.text(column + 0.5, row + 0.5, "not run", size=6, color="0.45", ha="center", va="center")
    panel.set(title=title, xlabel="$\\lambda_1$, uniformity", ylabel="$\\lambda_2$, compactness")
    panel.tick_params(length=0, labelrotation=0)


def slices(found: Found, store: Store) -> Figure:
    """Table 3 along each weight, the other as printed; at zero stand the models of Table 2."""
    figure, axes = _panels(2, 2, (7.6, 5.2))
    for (name, title), line in zip(SCORES.items(), axes, strict=True):
        for axis, panel in enumerate(line):
            values = printed(TABLE_3, name) | printed(TABLE_2, name)
            panel.plot(
                *_along(axis, values), color="0.25", ls="--", marker="o", mfc="w", label="printed"
            )
            for dataset in _datasets(found):
                own = {row: _mean(r, name) for (row, data), r in found.items() if data == dataset}
                own |= _without(found, dataset, name, store)
                panel.plot(*_along(axis, own), marker="o", label=f"ours, {dataset}")
            panel.set(xlabel=f"$\\lambda_{axis + 1}$", ylabel=title)
    axes[0, 0].set_title("uniformity, $\\lambda_2$ as printed")
    axes[0, 1].set_title("compactness, $\\lambda_1$ as printed")
    axes[0, 1].legend()
    sns.despine(figure)
    return figure


def _along(axis: int, values: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """The weights along one axis through the printed setting, and the values that there are."""
    places = {MODEL_WITHOUT[axis]: 0.0} | {
        row: pair[axis] for row, pair in SETTINGS.items() if pair[1 - axis] == PRINTED_WEIGHTS[1 - axis]
    }
    rows = sorted(places.keys() & values.keys(), key=places.__getitem__)
    return [places[row] for row in rows], [values[row] for row in rows]


def _without(found: Found, dataset: str, name: str, store: Store) -> dict[str, float]:
    """Our score of the models that lack one of the losses, at the scale of the records found."""
    scale = next(iter(found.values()))[0].run["scale"]
    models = ABLATION[scale].get(dataset, {})
    runs = {row: records_of(store, models[row], dataset, scale)[0] for row in MODEL_WITHOUT if models}
    return {row: _mean(records, name) for row, records in runs.items() if records}


def ablation(found: Found, store: Store) -> Figure:
    """Table 2 as dots: the printed means and deviations, and all our seeds."""
    rows = list(MODELS)
    datasets = _datasets(found)
    figure, axes = _panels(1, 2, (7.6, 3.2))
    for panel, (name, title) in zip(axes.flat, SCORES.items(), strict=True):
        cells = [c for c in TABLE_2.cells if c.metric == name and c.row in rows]
        panel.errorbar(
            range(len(cells)), [c.printed or 0 for c in cells], [c.printed_std or 0 for c in cells],
            fmt="o", color="0.25", mfc="w", capsize=2, label="printed, mnist",
        )  # fmt: skip
        for place, dataset in enumerate(datasets, 1):
            scores = [
                (rows.index(row) + 0.15 * place, record.scores[name])
                for (row, data), records in found.items()
                if data == dataset
                for record in records
            ]
            panel.plot(*zip(*scores, strict=True), "o", ms=4, alpha=0.8, label=f"our seeds, {dataset}")
        panel.set(ylabel=title, xlim=(-0.4, len(rows) - 0.3))
        panel.set_xticks(range(len(rows)), [row.replace(" (", "\n(") for row in rows])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    sns.despine(figure)
    return figure


def cosines(found: Found, store: Store) -> Figure:
    """Figure 3: cosines between the embeddings of the sample, sorted by class."""
    figure, axes = _panels(1, len(found), (3.6 * len(found) + 0.6, 3.7))
    for panel, ((row, dataset), records) in zip(axes.flat, _before_first(found), strict=True):
        arrays = store.precise(records[0])
        z = arrays["sample_embedding"][arrays["sample_classes"].argsort(kind="stable")]
        u = z / np.linalg.norm(z, axis=1, keepdims=True).clip(1e-12)
        image = panel.imshow(u @ u.T, cmap="RdBu_r", vmin=-1, vmax=1)
        classes, sizes = np.unique(arrays["sample_classes"], return_counts=True)
        middles = sizes.cumsum() - sizes / 2
        panel.set_xticks(middles, map(str, classes))
        panel.set_yticks(middles, map(str, classes))
        panel.tick_params(length=0)
        panel.set(title=f"{row}, {dataset}", xlabel="class")
    figure.colorbar(image, ax=axes, label="cosine", shrink=0.8)
    return figure


def _before_first(found: Found) -> list[tuple[tuple[str, str], list[Record]]]:
    return sorted(found.items(), key=lambda item: not item[0][0].startswith("before"))


def geometry(found: Found, store: Store) -> Figure:
    """Length, uniformity and compactness over the epochs of stage 2: all seeds, and our bounds."""
    bounds = {metric: value for _, metric, _, value in STATEMENTS_3}
    figure, axes = _panels(1, 3, (8.4, 3.0))
    for colour, dataset in zip(sns.color_palette("tab10"), _datasets(found), strict=False):
        records = next(records for (_, data), records in found.items() if data == dataset)
        for record in records:
            for panel, values in zip(axes.flat, _courses(record), strict=True):
                epochs = range(1, len(values) + 1)
                label = dataset if record is records[0] else None
                panel.plot(epochs, values, color=colour, lw=1.2, alpha=0.8, label=label)
    k = records[0].data["k"]
    axes[0, 0].axhline(bounds["norm_end"], color="0.4", ls="--", lw=0.9)
    axes[0, 1].axhline(bounds["uniformity_over_least"], color="0.4", ls="--", lw=0.9)
    axes[0, 1].axhline(k / (k - 1), color="0.4", ls=":", lw=0.9)  # orthogonal: k (k - 1) over (k - 1)^2
    axes[0, 1].axhline(1, color="0.4", lw=0.9)
    titles = ("length: mean of (|z| - 1)²", "energy over the least", "1 - cosine within clusters")
    for panel, title in zip(axes.flat, titles, strict=True):
        panel.set(title=title, xlabel="epoch")
    for panel in axes[0, ::2]:
        panel.set_ylim(0, None)
    axes[0, 2].legend()
    sns.despine(figure)
    return figure


def _courses(record: Record) -> tuple[Array, Array, Array]:
    norm, energy, gaps = (
        np.array(record.curves[name]) for name in ("norm", "uniformity", "compactness")
    )
    return norm, energy / (record.data["k"] - 1) ** 2, gaps


def digits() -> Figure:
    """ACC less NMI of Table 3 in units of its last digit: how often do their last two digits agree?"""
    acc, nmi = (printed(TABLE_3, name) for name in SCORES)
    gaps = {row: round(1e4 * (acc[row] - nmi[row])) for row in acc}
    alike = sum(gap % 100 == 0 for gap in gaps.values())
    figure, axes = _panels(1, 1, (5.6, 3.4))
    _heat(axes[0, 0], f"the same last two digits in {alike} of {len(gaps)}", _squared(gaps), ".0f")
    frame = {"boxstyle": "round", "fc": "w", "ec": "0.4"}
    for text in axes[0, 0].texts:
        if int(text.get_text()) % 100 == 0:
            text.set(weight="bold", color="k", bbox=frame)
    plt.close(figure)  # else a notebook shows it twice
    return figure


def cost(scale: str, store: Store) -> Figure:
    """What an epoch of stage 2 costs in epochs of stage 1: by Section 3.4's total, and as recorded."""
    at = best_scale(HYPERSPHERE, store, at_most=scale)
    datasets, as_printed, as_recorded = [], [], []
    for dataset, rows in HYPERSPHERE.plan[at].items():
        for record in records_of(store, next(iter(rows.values())), dataset, at)[0]:
            size, n = record.run["config"]["start"]["embedding_size"], record.data["shape"][0]
            datasets.append(dataset)
            as_printed.append(size * n / record.data["k"])  # (N~^2 d N^2 / K) / (N~^2 N)
            as_recorded.append(_seconds(record, "clustering") / _seconds(record, "start"))
    figure, axes = _panels(1, 1, (7.0, 2.4))
    axes[0, 0].plot(as_printed, datasets, "D", color="0.25", mfc="w", label="as printed")
    axes[0, 0].plot(as_recorded, datasets, "o", label="our seeds")
    axes[0, 0].set(xscale="log", xlabel=f"epochs of pretraining, scale: {at}")
    axes[0, 0].margins(x=0.1, y=0.4)
    axes[0, 0].legend(loc="center", frameon=False)
    sns.despine(figure)
    plt.close(figure)  # else a notebook shows it twice
    return figure


def _seconds(record: Record, phase: str) -> float:
    """Seconds an epoch."""
    start = phase == "start"
    epochs: int = record.run["config"]["start"]["epochs"] if start else len(record.curves[phase])
    return record.seconds[phase] / epochs


def _datasets(found: Found) -> list[str]:
    return list(dict.fromkeys(dataset for _, dataset in found))


def _mean(records: Sequence[Record], name: str) -> float:
    return float(np.mean([record.scores[name] for record in records]))


def _panels(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    return figure, axes


DRAWERS = {
    "weights": weights,
    "slices": slices,
    "ablation": ablation,
    "cosines": cosines,
    "geometry": geometry,
}
