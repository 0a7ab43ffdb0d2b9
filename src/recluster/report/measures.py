"""What can be read off a record: metric name to a number. Fractions come as fractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from scipy.optimize import curve_fit

from recluster.spec import one_of
from recluster.store import Array, Record, Store

FRACTIONS = {
    "acc", "nmi", "nmi_max", "ari", "major", "minor",
    "share_before", "share_after", "share_difference",
}  # fmt: skip

Variant = Mapping[str, Any]


def measure(record: Record, store: Store, metric: str, variant: Variant) -> float:
    """The metric's value in one record; an `InputError` if nobody knows the metric."""
    if metric in record.scores:
        return record.scores[metric]
    one_of("metric", metric, [*record.scores, *MEASURES])
    return float(MEASURES[metric](record, store, variant))


def change_over(curve: Array, start: float, end: float) -> float:
    """Relative change of a curve between two points of it, each the mean of a twentieth."""
    width = max(1, len(curve) // 20)
    first, last = int(start * (len(curve) - width)), int(end * (len(curve) - width))
    before, after = curve[first : first + width].mean(), curve[last : last + width].mean()
    return float((after - before) / before)


def _burn_in(record: Record, name: str) -> Array:
    return np.array(record.curves[name][: record.run["config"]["burn_in"]])


def _after(record: Record, name: str) -> Array:
    """The curve from the last epoch of the burn-in on."""
    return np.array(record.curves[name][record.run["config"]["burn_in"] - 1 :])


def _classes_covered(record: Record, store: Store, variant: Variant) -> float:
    """How many classes are the majority of at least one cluster, in the record's sample."""
    arrays = store.arrays(record)
    labels, classes = arrays["labels"][arrays["sample"]], arrays["sample_classes"]
    majority = {np.bincount(classes[labels == label]).argmax() for label in np.unique(labels)}
    return len(majority)


def _share(record: Record, store: Store, name: str, variant: Variant) -> float:
    """Largest singular value over the sum of all, of one digit's embeddings; or the digits' mean."""
    arrays = store.arrays(record)
    shares = []
    for digit in range(record.data["k"]):
        values = np.linalg.svd(arrays[name][arrays["sample_classes"] == digit], compute_uv=False)
        shares.append(values[0] / values.sum())
    return float(np.mean(shares) if variant["digit"] == "mean" else shares[int(variant["digit"])])


def _share_difference(record: Record, store: Store, variant: Variant) -> float:
    before = _share(record, store, "sample_embedding", variant)
    return before - _share(record, store, "sample_fused", variant)


def _geometric_over_power(record: Record, store: Store, variant: Variant) -> float:
    """Residual of floor + b r^t over that of floor + b t^-p, both fitted to the burn-in's loss."""
    loss = _burn_in(record, "reconstruction")
    eta = record.run["config"]["clustering_weight"] * prod(record.data["shape"][1:])
    loss = loss + eta * _burn_in(record, "clustering")
    t = np.arange(1.0, len(loss) + 1)
    span = loss[0] - loss[-1]

    def residual(curve: Callable[..., Array], rate: float) -> float:
        guess, limits = (loss[-1], span, rate), ((0, 0, 0), (loss.max(), np.inf, np.inf))
        best, _ = curve_fit(curve, t, loss, guess, bounds=limits, max_nfev=20_000)
        return float(np.square(curve(t, *best) - loss).sum())

    geometric = residual(lambda t, floor, b, rate: floor + b * np.exp(-rate * t), 0.1)
    power = residual(lambda t, floor, b, rate: floor + b * t**-rate, 0.5)
    return geometric / power


MEASURES: dict[str, Callable[[Record, Store, Variant], float]] = {
    "seconds": lambda record, store, variant: record.seconds["total"],
    "samples": lambda record, store, variant: record.data["shape"][0],
    "classes": lambda record, store, variant: record.data["k"],
    "dimension": lambda record, store, variant: prod(record.data["shape"][1:]),
    "major": lambda record, store, variant: record.data["largest"],
    "minor": lambda record, store, variant: record.data["smallest"],
    "classes_covered": _classes_covered,
    "share_before": lambda r, s, variant: _share(r, s, "sample_embedding", variant),
    "share_after": lambda r, s, variant: _share(r, s, "sample_fused", variant),
    "share_difference": _share_difference,
    "confidence_change_burn_in": lambda r, s, v: change_over(_burn_in(r, "confidence"), 0, 1),
    "confidence_drift": lambda r, s, v: abs(change_over(_burn_in(r, "confidence"), 0.8, 1)),
    "confidence_end": lambda record, store, variant: record.curves["confidence"][-1],
    "reconstruction_change": lambda r, s, v: abs(change_over(_after(r, "reconstruction"), 0, 1)),
    "clustering_change": lambda r, s, v: change_over(_after(r, "clustering"), 0, 1),
    "geometric_over_power": _geometric_over_power,
}
