"""What the records of DynAE tell: its conflicted samples, its updates, its gradients, its clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from math import ceil

import numpy as np
from sklearn.metrics import silhouette_score

from recluster.diagnostics import APART
from recluster.report.readings import (
    Unmeasured,
    Variant,
    change_over,
    curve_of,
    fall,
    over_epochs,
    watched,
)
from recluster.store import Array, Record, Store

LOG = {140: 0.544, 280: 0.466, 420: 0.401, 560: 0.353, 980: 0.265}
"""Steps to the share in the official code's log on MNIST-test; 0.624 at the start."""
CHECKS = (0, 140, 280, 420)
MIDDLE = 0.6


def at(steps: Array, shares: Array, asked: tuple[int, ...]) -> Array:
    """The shares after the steps asked for; between two counts on the line through both."""
    found: Array = np.interp(asked, steps, shares)
    return found


def off(steps: Array, shares: Array) -> float:
    """How far the share at the start is from the middle of what the pilot asks for."""
    return abs(float(shares[0]) - MIDDLE)


def least_fall(steps: Array, shares: Array) -> float:
    """The least by which the conflicted become fewer from one of the first checks to the next."""
    return min(float(one - following) for one, following in pairwise(at(steps, shares, CHECKS)))


def from_log(steps: Array, shares: Array) -> float:
    """Mean absolute difference from the official code's log."""
    return float(np.abs(at(steps, shares, (*LOG,)) - np.array([*LOG.values()])).mean())


def batches(record: Record) -> int:
    """How many an epoch has."""
    samples: int = record.data["shape"][0]
    size: int = record.run["config"]["batch_size"]
    return ceil(samples / size)


def _doubted(
    record: Record, store: Store, variant: Variant, measured: Callable[[Array, Array], float]
) -> float:
    """What the share of DynAE's conflicted samples says over training."""
    steps = batches(record) * np.array(record.scored["epoch"])
    return measured(steps, watched(record, "share_conflicted"))


def _mostly_certain(record: Record, store: Store, variant: Variant) -> float:
    """ACC of the unconflicted when first they are more than four fifths of all."""
    values, certain = watched(record, "acc_unconflicted"), watched(record, "share_conflicted") < 0.2
    if not certain.any():
        raise Unmeasured(f"{record.key}: never are more than 80% of its samples unconflicted")
    return float(values[certain.argmax()])


def _part_rise(record: Record, store: Store, variant: Variant, name: str) -> float:
    """What a score of the conflicted, or of the others, gains while there are any of them."""
    part = name.partition("_")[2]
    there = watched(record, name)[watched(record, f"acc_{part}") > 0]  # NMI is 0 of one cluster too
    if len(there) < 2:
        raise Unmeasured(f"{record.key} has no two scored epochs in which {name} is of any sample")
    return float(there[-1] - there[0])


def dynamic_loss(record: Record) -> Array:
    """Eq. (14) of DynAE over the epochs."""
    weight: float = record.run["config"]["clustering_weight"]
    return curve_of(record, "construction") + weight * curve_of(record, "clustering")


def _roughness(curve: Array) -> float:
    """The greatest rise from one epoch to the next, as a share of the curve's range."""
    return float(np.diff(curve, prepend=curve[0]).max() / np.ptp(curve))


def updates(record: Record) -> list[int]:
    """The places in DynAE's curves of the epochs in which thresholds and centroids were updated.

    Beta_1 drops by the same every time, and a curve has its mean over an epoch.
    """
    if "threshold" not in record.curves:
        raise Unmeasured(f"{record.key} was made before thresholds were kept; run it again")
    config: Mapping[str, float] = record.run["config"]
    once = config["drop"] * config["confidence"]
    drops = np.ceil((config["confidence"] - curve_of(record, "threshold")) / once - 1e-3)
    return [int(place) for place in np.flatnonzero(np.diff(drops, prepend=0.0))]


def until_update(record: Record) -> tuple[Array, Array]:
    """Shares of DynAE's conflicted samples before its first update, and where it shows.

    It shows in its own epoch, in which it may fall anywhere, and in the next.
    """
    conflicted, found = curve_of(record, "conflicted"), updates(record)
    if not found or found[0] < 2:
        when = "in the first two epochs" if found else "never"
        raise Unmeasured(f"{record.key} was updated {when}: there is nothing to compare")
    return conflicted[: found[0]], conflicted[found[0] : found[0] + 2]


def _conflicted_largest_rise(record: Record, store: Store, variant: Variant) -> float:
    before, _ = until_update(record)
    return float(np.diff(before, prepend=before[0]).max())


def _conflicted_slowing(record: Record, store: Store, variant: Variant) -> float:
    """How much less the share falls in the last epoch before the update than in the first."""
    falls = -np.diff(until_update(record)[0])
    return float(falls[0] - falls[-1])


def _conflicted_abruptness(record: Record, store: Store, variant: Variant) -> float:
    """How much more the share falls with the update than in as many mean epochs before it."""
    before, after = until_update(record)
    return float(before[-1] - after[-1] + len(after) * np.diff(before).mean())


def _cluster_silhouette(record: Record, store: Store, variant: Variant) -> float:
    """Mean silhouette of the clusters in the record's sample; 0 where there is one alone."""
    arrays = store.precise(record)
    labels = arrays["labels"][arrays["sample"]]
    if len(np.unique(labels)) < 2:
        return 0.0
    return float(silhouette_score(arrays["sample_embedding"], labels))


def _central_purity(record: Record, store: Store, variant: Variant) -> float:
    """Share of the commonest class among the `central_classes` of a cluster, over clusters."""
    central = central_classes(store.precise(record)).values()
    return float(np.mean([np.bincount(classes).max() / len(classes) for classes in central]))


def central_classes(arrays: Mapping[str, Array]) -> dict[int, Array]:
    """Cluster to the true classes of its ten samples nearest to its mean, the nearest first."""
    labels, classes = arrays["labels"][arrays["sample"]], arrays["sample_classes"]
    found = {}
    for label in np.unique(labels):
        z, own = arrays["sample_embedding"][labels == label], classes[labels == label]
        found[int(label)] = own[np.linalg.norm(z - z.mean(0), axis=1).argsort()[:10]]
    return found


def _mean(record: Record, name: str) -> float:
    return over_epochs(record, watched(record, name))


MEASURES: dict[str, Callable[[Record, Store, Variant], float]] = {
    "delta_fr_start": lambda r, s, v: watched(r, "delta_fr")[0],
    "delta_fr_mean": lambda r, s, v: _mean(r, "delta_fr"),
    "delta_fr_end": lambda r, s, v: watched(r, "delta_fr")[-1],
    "delta_fr_largest_drop": lambda r, s, v: fall(watched(r, "delta_fr")),
    "delta_fr_rise": lambda r, s, v: watched(r, "delta_fr")[-1] - watched(r, "delta_fr")[0],
    "delta_fd_mean": lambda r, s, v: _mean(r, "delta_fd"),
    "delta_fd_largest": lambda r, s, v: watched(r, "delta_fd").max(),
    "acc_unconflicted_mostly": _mostly_certain,
    "share_conflicted_start": lambda r, s, v: watched(r, "share_conflicted")[0],
    "share_conflicted_off": partial(_doubted, measured=off),
    "share_conflicted_falls": partial(_doubted, measured=least_fall),
    "share_conflicted_from_log": partial(_doubted, measured=from_log),
    **{f"{name}_rise": partial(_part_rise, name=name) for name in APART[:4]},
    "dynamic_loss_change": lambda record, store, variant: change_over(dynamic_loss(record), 0, 1),
    "dynamic_loss_roughness": lambda record, store, variant: _roughness(dynamic_loss(record)),
    "conflicted_largest_rise": _conflicted_largest_rise,
    "conflicted_slowing": _conflicted_slowing,
    "conflicted_before_update": lambda record, store, variant: float(until_update(record)[0][-1]),
    "conflicted_abruptness": _conflicted_abruptness,
    "conflicted_end": lambda record, store, variant: record.curves["conflicted"][-1],
    "cluster_silhouette": _cluster_silhouette,
    "central_purity": _central_purity,
}
