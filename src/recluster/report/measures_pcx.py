"""What PC-X's claims measure: courses of its losses, shares of singular values, k-means on z."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.optimize import curve_fit
from sklearn.cluster import KMeans

from recluster import metrics
from recluster.diagnostics import largest_shares
from recluster.parts.kmeans import RESTARTS
from recluster.report.readings import Unmeasured, Variant, change_over
from recluster.store import Array, Record, Store

# --- the courses of Figure 4 ----------------------------------------------------------------------


def burn_in(record: Record, name: str) -> Array:
    """A curve up to the last epoch without the entropy term."""
    return np.array(record.curves[name][: record.run["config"]["burn_in"]])


def change_since(record: Record, name: str) -> float:
    """Relative change of a curve since the entropy term began.

    From the last twentieth of the burn-in to the last twentieth of what follows: the term has touched
    nothing of the first.
    """
    whole, last = np.array(record.curves[name]), record.run["config"]["burn_in"]
    before, after = whole[:last], whole[last:]
    if not (len(before) and len(after)):
        raise Unmeasured(f"{record.key} has no epochs on both sides of its burn-in of {last}")
    start, end = (part[-max(1, len(part) // 20) :].mean() for part in (before, after))
    return float((end - start) / start)


# --- Theorem 1 ------------------------------------------------------------------------------------


class Fit(NamedTuple):
    """A course that was fitted to a loss: where it ends, and the squares that it leaves."""

    floor: float
    residual: float


def fits(record: Record) -> tuple[Array, dict[str, Fit]]:
    """The burn-in's loss, and the geometric and the power-law course nearest to it.

    They are floor + b e^(-rate t) and floor + b t^-rate, over epochs t from 1.
    """
    weight = record.run["config"]["clustering_weight"]
    loss = burn_in(record, "reconstruction") + weight * burn_in(record, "clustering")
    t = np.arange(1.0, len(loss) + 1)

    def fit(curve: Callable[..., Array], rate: float) -> Fit:
        guess, limits = (loss[-1], loss[0] - loss[-1], rate), ((0, 0, 0), (loss.max(), np.inf, np.inf))
        best, _ = curve_fit(curve, t, loss, guess, bounds=limits, max_nfev=20_000)
        return Fit(floor=float(best[0]), residual=float(np.square(curve(t, *best) - loss).sum()))

    return loss, {
        "geometric": fit(lambda t, floor, b, rate: floor + b * np.exp(-rate * t), 0.1),
        "power": fit(lambda t, floor, b, rate: floor + b * t**-rate, 0.5),
    }


def _geometric_over_power(record: Record, store: Store, variant: Variant) -> float:
    _, found = fits(record)
    return found["geometric"].residual / found["power"].residual


# --- Figure 2, Table 7 ----------------------------------------------------------------------------


def _classes_covered(record: Record, store: Store, variant: Variant) -> float:
    """How many classes are the majority of at least one cluster, in the record's sample."""
    arrays = store.precise(record)
    labels, classes = arrays["labels"][arrays["sample"]], arrays["sample_classes"]
    majority = {np.bincount(classes[labels == label]).argmax() for label in np.unique(labels)}
    return len(majority)


def _share(record: Record, store: Store, name: str, variant: Variant) -> float:
    """Largest singular value over the sum of all, of one digit's embeddings; or the digits' mean."""
    arrays = store.precise(record)
    shares = largest_shares(arrays[name], arrays["sample_classes"], record.data["k"])
    return float(shares.mean() if variant["digit"] == "mean" else shares[int(variant["digit"])])


def _share_difference(record: Record, store: Store, variant: Variant) -> float:
    before = _share(record, store, "sample_embedding", variant)
    return before - _share(record, store, "sample_fused", variant)


# --- without labels: what the pilot asks ----------------------------------------------------------


def _cluster_share_difference(record: Record, store: Store, variant: Variant) -> float:
    """As `share_difference`, of the model's clusters in place of digits: the mean over those in use."""
    arrays = store.precise(record)
    labels = arrays["labels"][arrays["sample"]]
    before, after = (
        np.nanmean(largest_shares(arrays[name], labels, record.data["k"]))
        for name in ("sample_embedding", "sample_fused")
    )
    return float(before - after)


def _smallest_share(record: Record, store: Store, variant: Variant) -> float:
    """The smallest cluster's share of all samples; 0 where one is empty."""
    labels = store.precise(record)["labels"]
    return float(np.bincount(labels, minlength=record.data["k"]).min() / len(labels))


def _error_over_kmeans(record: Record, store: Store, variant: Variant) -> float:
    """Squared error about the clusters' means in z, over that of k-means' clusters of the same z."""
    arrays = store.precise(record)
    z, own = arrays["sample_embedding"].astype(np.float64), arrays["labels"][arrays["sample"]]
    return within(z, own) / within(z, on_z(record, store))


def within(z: Array, labels: Array) -> float:
    """Squared distances of z (n, d) to the means of their clusters, summed up."""
    groups = (z[labels == label] for label in np.unique(labels))
    return float(sum(np.square(group - group.mean(0)).sum() for group in groups))


# --- Table 6's other reading ----------------------------------------------------------------------


def on_z(record: Record, store: Store) -> Array:
    """k-means' clusters of the embeddings that a record keeps.

    In double precision, the best of many starts from a fixed seed: what a processor rounds otherwise
    may change which start wins among equals, and hardly the clusters.
    """
    k = record.data["k"]

    def clusters() -> Array:
        arrays = store.precise(record)
        if "sample_embedding" not in arrays:
            raise Unmeasured(f"{record.key} keeps no embedding, for it has none but the data")
        z = arrays["sample_embedding"].astype(np.float64)
        labels: Array = KMeans(k, n_init=RESTARTS, random_state=0).fit_predict(z)
        return labels

    return store.recall((record.key, record.started, "k-means on z"), clusters)


def _scored_on_z(record: Record, store: Store, variant: Variant, score: str) -> float:
    classes = store.precise(record)["sample_classes"].astype(np.int64)
    return metrics.scores(classes, on_z(record, store).astype(np.int64))[score]


# --- before and after the entropy term ------------------------------------------------------------


def _acc_burn_in(record: Record, store: Store, variant: Variant) -> float:
    """ACC when last scored in the burn-in."""
    last = record.run["config"]["burn_in"]
    scored = zip(record.scored["epoch"], record.scored["acc"], strict=True)
    early = [acc for epoch, acc in scored if epoch <= last]
    if not early:
        raise Unmeasured(f"{record.key} was not scored in its burn-in of {last} epochs")
    return early[-1]


def _acc_unrest(record: Record, store: Store, variant: Variant) -> float:
    """Mean change of the ACC from one scored epoch to the next, after the burn-in."""
    last = record.run["config"]["burn_in"]
    scored = zip(record.scored["epoch"], record.scored["acc"], strict=True)
    late = [acc for epoch, acc in scored if epoch > last]
    if len(late) < 2:
        raise Unmeasured(f"{record.key} was not scored twice after its burn-in of {last} epochs")
    return float(np.abs(np.diff(late)).mean())


FRACTIONS = {
    "share_before", "share_after", "share_difference",
    "acc_on_z", "nmi_on_z", "acc_burn_in", "acc_unrest",
}  # fmt: skip

MEASURES: dict[str, Callable[[Record, Store, Variant], float]] = {
    "classes_covered": _classes_covered,
    "share_before": lambda r, s, variant: _share(r, s, "sample_embedding", variant),
    "share_after": lambda r, s, variant: _share(r, s, "sample_fused", variant),
    "share_difference": _share_difference,
    "confidence_change_burn_in": lambda r, s, v: change_over(burn_in(r, "confidence"), 0, 1),
    "confidence_drift": lambda r, s, v: abs(change_over(burn_in(r, "confidence"), 0.8, 1)),
    "confidence_end": lambda record, store, variant: record.curves["confidence"][-1],
    "reconstruction_change": lambda r, s, v: abs(change_since(r, "reconstruction")),
    "clustering_change": lambda r, s, v: change_since(r, "clustering"),
    "geometric_over_power": _geometric_over_power,
    "cluster_share_difference": _cluster_share_difference,
    "smallest_share": _smallest_share,
    "error_over_kmeans": _error_over_kmeans,
    **{f"{name}_on_z": partial(_scored_on_z, score=name) for name in ("acc", "nmi")},
    "acc_burn_in": _acc_burn_in,
    "acc_unrest": _acc_unrest,
}
