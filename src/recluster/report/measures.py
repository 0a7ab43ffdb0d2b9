"""What can be read off a record: metric name to a number. Fractions come as fractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod

import numpy as np

from recluster.diagnostics import OTHERS
from recluster.report import measures_dynae, measures_pcx, separable
from recluster.report.measures_dcss import OF_DCSS, SHARES
from recluster.report.readings import (
    Unmeasured,
    Variant,
    fall,
    over_epochs,
    start_of,
    watched,
)
from recluster.spec import one_of
from recluster.store import Array, Record, Store

FRACTIONS = {
    "acc", "nmi", "nmi_max", "ari", "major", "minor", "acc_gain", "nmi_max_gain",
    "acc_nearest_mean", "acc_neighbours", *measures_pcx.FRACTIONS, *SHARES,
}  # fmt: skip

OF_DATA = ("samples", "classes", "dimension", "major", "minor")
"""What a record says of its data alone, whatever the method and the seed."""

DIGITS, LEAST = 8, 1e-12
"""How many digits of a measured value count, and what is nought: processors differ beneath both."""


def measure(record: Record, store: Store, metric: str, variant: Variant) -> float:
    """The metric's value in one record.

    Raises:
        InputError: nobody knows the metric.
        Unmeasured: the record does not tell.
    """
    if metric in record.scores:
        return record.scores[metric]
    one_of("metric", metric, [*record.scores, *MEASURES])
    key = (record.key, record.started, metric, *sorted(variant.items()))
    return store.recall(key, lambda: rounded(float(MEASURES[metric](record, store, variant))))


def rounded(value: float) -> float:
    """What all processors agree on of a value that was computed in double precision."""
    return float(f"{value:.{DIGITS}g}") if abs(value) > LEAST else 0.0


def _gain(record: Record, store: Store, variant: Variant, metric: str) -> float:
    """By how much a run scores better than the one that it began with."""
    before = start_of(record, store)
    if before is None:
        start, run = record.run["config"]["start"]["method"], record.run
        raise Unmeasured(
            f"the store lacks the {start}-{run['dataset']}-{run['scale']}-s{run['seed']} "
            f"that {record.key} began with; run that claim again"
        )
    return record.scores[metric] - before.scores[metric]


def _batches_short(record: Record) -> float:
    """SeCu's smallest cluster at the end below its bound gamma N/K, in units of b/K."""
    config, n, k = record.run["config"], record.data["shape"][0], record.data["k"]
    short = config["lower_ratio"] * n - k * record.curves["smallest"][-1]
    return float(short / config["batch_size"])


def cluster_variances(record: Record, store: Store) -> tuple[float, float, float] | None:
    """Var_pos, Var_neg and their ratio by SeCu's Proposition 2, in the record's sample.

    None where all samples are one cluster, which has no negatives.
    """
    arrays = store.precise(record)
    z, labels = arrays["sample_embedding"], arrays["labels"][arrays["sample"]]
    clusters = np.unique(labels)
    k = len(clusters)
    if k == 1:
        return None
    means = np.array([z[labels == cluster].mean(0) for cluster in clusters])
    others = (means.sum(0) - means) / (k - 1)
    members = [labels == cluster for cluster in clusters]
    positive = np.mean([_variance(z[own], mean) for own, mean in zip(members, means, strict=True)])
    negative = np.mean([_variance(z[~own], mean) for own, mean in zip(members, others, strict=True)])
    squared = np.square(means).sum(1).mean()  # a^2
    predicted = (k - 2) / ((k - 1) * (1 - squared)) + 1 / (k - 1)
    return float(positive), float(negative), float(predicted)


def _variance_ratio_error(record: Record, store: Store, variant: Variant) -> float:
    """Var_neg / Var_pos in the record's sample, over the ratio of SeCu's Proposition 2, less one."""
    found = cluster_variances(record, store)
    if found is None:
        return 1.0
    positive, negative, predicted = found
    return abs(negative / (positive * predicted) - 1)


def _variance(points: Array, centre: Array) -> float:
    return float(np.square(points - centre).sum(1).mean())


def _rise(record: Record, score: str) -> float:
    """From the first scored epoch to the last."""
    return record.scored[score][-1] - record.scored[score][0]


def _gap(record: Record, name: str) -> float:
    """The mean distance from the run's ACC over training."""
    return over_epochs(record, np.abs(watched(record, name) - record.scored["acc"]))


def _best(record: Record) -> float:
    """The highest ACC at a scored epoch; the start, which has not been trained, is none."""
    scored = record.scored
    return max(acc for epoch, acc in zip(scored["epoch"], scored["acc"], strict=True) if epoch > 0)


def _early(record: Record, store: Store, variant: Variant) -> float:
    """ACC when last scored within a tenth of the epochs, else when first, over that at the end."""
    epochs = np.array(record.scored["epoch"])
    early = max(int((epochs <= epochs[-1] / 10).sum()) - 1, 0)
    return record.scored["acc"][early] / record.scored["acc"][-1]


def _largest_drop(record: Record, score: str) -> float:
    """The greatest fall from one scored epoch to the next; 0 if there is none."""
    return fall(np.array(record.scored[score]))


def _directions(arrays: Mapping[str, Array]) -> Array:
    """The sample's embeddings (n, d) at length one."""
    z = arrays["sample_embedding"]
    directions: Array = z / np.linalg.norm(z, axis=1, keepdims=True).clip(1e-12)
    return directions


def _class_contrast(record: Record, store: Store, variant: Variant) -> float:
    """Mean cosine between two samples of one class, less that between two of different classes."""
    arrays = store.precise(record)
    u, classes = _directions(arrays), arrays["sample_classes"]
    cosines, alike = u @ u.T, classes[:, None] == classes
    others = ~np.eye(len(u), dtype=bool)
    return float(cosines[alike & others].mean() - cosines[~alike].mean())


def _rank_one_share(record: Record, store: Store, variant: Variant) -> float:
    """Largest squared singular value over the sum of all, of a cluster's directions; over clusters."""
    arrays = store.precise(record)
    u, labels = _directions(arrays), arrays["labels"][arrays["sample"]]
    squares = [np.linalg.svd(u[labels == label], compute_uv=False) ** 2 for label in np.unique(labels)]
    return float(np.mean([values[0] / values.sum() for values in squares]))


def _of_classes(
    record: Record, store: Store, variant: Variant, measured: Callable[[Array, Array], float]
) -> float:
    """What the true classes say of the sample's embedding."""
    arrays = store.precise(record)
    if "sample_embedding" not in arrays:
        raise Unmeasured(f"{record.key} keeps no embedding: it is the data themselves")
    return measured(arrays["sample_embedding"], arrays["sample_classes"])


MEASURES: dict[str, Callable[[Record, Store, Variant], float]] = {
    "seconds": lambda record, store, variant: record.seconds["total"],
    "log_seconds": lambda record, store, variant: np.log(record.seconds["total"]),
    "epochs": lambda record, store, variant: len(next(iter(record.curves.values()))),
    "samples": lambda record, store, variant: record.data["shape"][0],
    "classes": lambda record, store, variant: record.data["k"],
    "dimension": lambda record, store, variant: prod(record.data["shape"][1:]),
    "major": lambda record, store, variant: record.data["largest"],
    "minor": lambda record, store, variant: record.data["smallest"],
    **measures_pcx.MEASURES,
    **measures_dynae.MEASURES,
    "acc_best": lambda record, store, variant: _best(record),
    **{f"{name}_end": partial(lambda r, s, v, of: watched(r, of)[-1], of=name) for name in OTHERS},
    **{f"{name}_gap": partial(lambda r, s, v, of: _gap(r, of), of=name) for name in OTHERS},
    "acc_agg_end_gap": lambda r, s, v: abs(watched(r, "acc_agg")[-1] - r.scored["acc"][-1]),
    "acc_early": _early,
    "acc_rise": lambda record, store, variant: _rise(record, "acc"),
    "nmi_rise": lambda record, store, variant: _rise(record, "nmi"),
    "acc_largest_drop": lambda record, store, variant: _largest_drop(record, "acc"),
    "nmi_largest_drop": lambda record, store, variant: _largest_drop(record, "nmi"),
    "class_contrast": _class_contrast,
    "class_margin": partial(_of_classes, measured=separable.class_margin),
    "acc_nearest_mean": partial(_of_classes, measured=separable.nearest_mean),
    "acc_neighbours": partial(_of_classes, measured=separable.neighbours),
    "rank_one_share": _rank_one_share,
    "norm_end": lambda record, store, variant: record.curves["norm"][-1],
    "uniformity_over_least": lambda r, s, v: r.curves["uniformity"][-1] / (r.data["k"] - 1) ** 2,
    "acc_gain": partial(_gain, metric="acc"),
    "nmi_max_gain": partial(_gain, metric="nmi_max"),
    **OF_DCSS,
    "largest": lambda r, s, v: r.curves["largest"][-1],
    "smallest": lambda r, s, v: r.curves["smallest"][-1],
    "batches_short": lambda r, s, v: _batches_short(r),
    "variance_ratio_error": _variance_ratio_error,
}
