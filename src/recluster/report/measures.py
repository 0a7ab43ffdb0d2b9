"""What can be read off a record: metric name to a number. Fractions come as fractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np
import scipy

from recluster.diagnostics import APART, OTHERS, largest_shares
from recluster.report import separable
from recluster.spec import InputError, one_of
from recluster.store import Array, Record, Store

FRACTIONS = {
    "acc", "nmi", "nmi_max", "ari", "major", "minor",
    "share_before", "share_after", "share_difference",
    "acc_gain", "nmi_max_gain", "pairing_gain", "isolated_start", "isolated_end",
    "pairs_left", "pairs_rise", "pairs_drop", "acc_nearest_mean", "acc_neighbours",
}  # fmt: skip

OF_DATA = ("samples", "classes", "dimension", "major", "minor")
"""What a record says of its data alone, whatever the method and the seed."""

Variant = Mapping[str, Any]


class Unmeasured(InputError):
    """This record does not hold what the metric is computed from; another of the run may."""


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
    return store.recall(key, lambda: float(MEASURES[metric](record, store, variant)))


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
    shares = largest_shares(arrays[name], arrays["sample_classes"], record.data["k"])
    return float(shares.mean() if variant["digit"] == "mean" else shares[int(variant["digit"])])


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
        best, _ = scipy.optimize.curve_fit(curve, t, loss, guess, bounds=limits, max_nfev=20_000)
        return float(np.square(curve(t, *best) - loss).sum())

    geometric = residual(lambda t, floor, b, rate: floor + b * np.exp(-rate * t), 0.1)
    power = residual(lambda t, floor, b, rate: floor + b * t**-rate, 0.5)
    return geometric / power


def _curve(record: Record, *names: str) -> Array:
    """The curve of that name, or the sum of several."""
    total: Array = np.array([record.curves[name] for name in names]).sum(0)
    return total


def _drift(curve: Array) -> float:
    """How much a curve still changes over its last fifth, as a share."""
    return abs(change_over(curve, 0.8, 1))


def objective(record: Record) -> Array:
    """Eq. (1a) of DCSS over the epochs."""
    weight: float = record.run["config"]["centring_weight"]
    return _curve(record, "reconstruction") + weight * _curve(record, "centring")


def _early_rise(curve: Array) -> float:
    """The greatest rise over the first value in the first tenth of the epochs, or in the first two."""
    early = curve[1 : max(2, len(curve) // 10)]
    return float(early.max() / curve[0] - 1)


def _drop_at_switch(record: Record) -> float:
    """Fall of DCSS's pairwise loss when q takes over from p, in units of the first epoch's loss."""
    loss, last = _curve(record, "pairs"), record.run["config"]["guided_epochs"]
    return float((loss[last - 1] - loss[last]) / loss[0])


def _largest_rise(curve: Array) -> float:
    """The greatest rise from one epoch to the next, in units of the first value."""
    return float(np.diff(curve).max() / curve[0])


def _largest_q(record: Record, store: Store) -> Array:
    """The largest element of each q (n,) of the record's sample."""
    largest: Array = store.arrays(record)["sample_q"].max(1)
    return largest


def _silhouette(record: Record, store: Store, name: str) -> float:
    """Mean silhouette of the true classes in a representation of the record's sample."""
    from sklearn.metrics import silhouette_score

    arrays = store.arrays(record)
    return float(silhouette_score(arrays[name], arrays["sample_classes"]))


def _silhouette_gain(record: Record, store: Store) -> float:
    u = _silhouette(record, store, "sample_embedding")
    return _silhouette(record, store, "sample_q") - u


def start_of(record: Record, store: Store) -> Record | None:
    """The record of the run that a run began with, if the store has it."""
    run, start = record.run, record.run["config"]["start"]
    head = f"{start['method']}-{run['dataset']}-{run['scale']}-s{run['seed']}-"
    folders = (folder for folder in store.folders() if folder.name.startswith(head))
    return next((one for one in map(store.read, folders) if one.run["config"] == start), None)


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


def _pairing_gain(record: Record) -> float:
    """What DCSS's second phase adds to the ACC last scored in its first."""
    scored, end = record.scored, record.run["config"]["centring_epochs"]
    first = [acc for epoch, acc in zip(scored["epoch"], scored["acc"], strict=True) if epoch <= end]
    return record.scores["acc"] - first[-1]


def _counterexamples(record: Record, store: Store, variant: Variant, statement: str) -> int:
    """How many samples or pairs contradict a statement of DCSS's appendix, among 1,000 q of the run."""
    config, q = record.run["config"], store.arrays(record)["sample_q"][:1000]
    return counterexamples(q, config["similar"], config["dissimilar"])[statement]


def counterexamples(q: Array, similar: float, dissimilar: float) -> dict[str, int]:
    """Statement of DCSS's appendix to how many samples or pairs of q (n, k) contradict it.

    Records round q to float32, hence a little slack where numbers, and not clusters, are compared.
    """
    q, slack = q.astype(np.float64), 1e-5
    product, largest, cluster = q @ q.T, q.max(1), q.argmax(1)
    lesser, together = np.minimum.outer(largest, largest), cluster[:, None] == cluster
    repelled = product <= dissimilar
    adjacent = product >= similar + slack
    for pairs in (repelled, adjacent):
        np.fill_diagonal(pairs, False)
    accompanied = np.asarray(adjacent.any(1))
    linked = adjacent.astype(np.float32) @ adjacent > 0  # both adjacent to a third
    wrong = {
        "theorem1": product > lesser + slack,
        "corollary11": adjacent & (lesser < similar),
        "corollary12": accompanied & (largest < similar),
        "corollary13": repelled & together & accompanied & accompanied[:, None],
        "theorem2": adjacent & ~together,
        "corollary21": linked & ~together,
        "theorem3": linked & repelled,
    }
    return {statement: int(broken.sum()) for statement, broken in wrong.items()}


APPENDIX = (
    "theorem1", "corollary11", "corollary12", "corollary13", "theorem2", "corollary21", "theorem3",
)  # fmt: skip


def _smallest_over_mean(record: Record) -> float:
    """The smallest cluster at the end, in units of the mean one."""
    mean: float = record.data["shape"][0] / record.data["k"]
    return record.curves["smallest"][-1] / mean


def cluster_variances(record: Record, store: Store) -> tuple[float, float, float] | None:
    """Var_pos, Var_neg and their ratio by SeCu's Proposition 2, in the record's sample.

    None where all samples are one cluster, which has no negatives.
    """
    arrays = store.arrays(record)
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


def _watched(record: Record, name: str) -> Array:
    """One of `recluster.diagnostics.watched` at the scored epochs."""
    if name not in record.scored:
        raise Unmeasured(f"{record.key} was made before {name} was kept; run it again")
    return np.array(record.scored[name])


def _gap(record: Record, name: str) -> float:
    """The mean distance from the run's ACC over the scored epochs."""
    return float(np.abs(_watched(record, name) - record.scored["acc"]).mean())


def _early(record: Record, store: Store, variant: Variant) -> float:
    """ACC when last scored within a tenth of the epochs, else when first, over that at the end."""
    epochs = np.array(record.scored["epoch"])
    early = max(int((epochs <= epochs[-1] / 10).sum()) - 1, 0)
    return record.scored["acc"][early] / record.scored["acc"][-1]


def _shares(record: Record) -> Array:
    """Of DynAE's conflicted samples among all, at the scored epochs."""
    epochs = np.array(record.scored["epoch"], dtype=int)
    shares: Array = np.array(record.curves["conflicted"])[epochs - 1]
    return shares


def _mostly_certain(record: Record, store: Store, variant: Variant) -> float:
    """ACC of the unconflicted when first they are more than four fifths of all."""
    values, certain = _watched(record, "acc_unconflicted"), _shares(record) < 0.2
    if not certain.any():
        raise Unmeasured(f"{record.key}: never are more than 80% of its samples unconflicted")
    return float(values[certain.argmax()])


def _part_rise(record: Record, store: Store, variant: Variant, name: str) -> float:
    """What a score of the conflicted, or of the others, gains while there are any of them."""
    part = name.partition("_")[2]
    there = _watched(record, name)[_watched(record, f"acc_{part}") > 0]  # NMI is 0 of one cluster too
    if len(there) < 2:
        raise Unmeasured(f"{record.key} has no two scored epochs in which {name} is of any sample")
    return float(there[-1] - there[0])


def _largest_drop(record: Record, score: str) -> float:
    """The greatest fall from one scored epoch to the next; 0 if there is none."""
    values = record.scored[score]
    return abs(float(np.diff(values, prepend=values[0]).min()))


def dynamic_loss(record: Record) -> Array:
    """Eq. (14) of DynAE over the epochs."""
    weight: float = record.run["config"]["clustering_weight"]
    return _curve(record, "construction") + weight * _curve(record, "clustering")


def _roughness(curve: Array) -> float:
    """The greatest rise from one epoch to the next, as a share of the curve's range."""
    return float(np.diff(curve, prepend=curve[0]).max() / np.ptp(curve))


def until_update(record: Record) -> tuple[Array, float]:
    """Shares of DynAE's conflicted samples up to the update that shows most, and the fall after it.

    The update is read off the curve: after it the fall from one epoch to the next grows most.
    """
    conflicted = _curve(record, "conflicted")
    if len(conflicted) < 3:
        raise Unmeasured(f"an update shows in a run of 3 epochs or more, {record.key} has fewer")
    falls = -np.diff(conflicted)
    update = int(np.diff(falls).argmax()) + 1
    return conflicted[: update + 1], float(falls[update])


def _conflicted_largest_rise(record: Record, store: Store, variant: Variant) -> float:
    before, _ = until_update(record)
    return float(np.diff(before, prepend=before[0]).max())


def _conflicted_slowing(record: Record, store: Store, variant: Variant) -> float:
    """How much less the share falls in the last epoch before the update than in the first."""
    falls = -np.diff(until_update(record)[0])
    return float(falls[0] - falls[-1])


def _conflicted_abruptness(record: Record, store: Store, variant: Variant) -> float:
    """How much more the share falls after the update than in a mean epoch before it."""
    before, fall = until_update(record)
    return fall + float(np.diff(before).mean())


def _cluster_silhouette(record: Record, store: Store, variant: Variant) -> float:
    """Mean silhouette of the clusters in the record's sample; 0 where there is one alone."""
    from sklearn.metrics import silhouette_score

    arrays = store.arrays(record)
    labels = arrays["labels"][arrays["sample"]]
    if len(np.unique(labels)) < 2:
        return 0.0
    return float(silhouette_score(arrays["sample_embedding"], labels))


def _central_purity(record: Record, store: Store, variant: Variant) -> float:
    """Share of the commonest class among the `central_classes` of a cluster, over clusters."""
    central = central_classes(store.arrays(record)).values()
    return float(np.mean([np.bincount(classes).max() / len(classes) for classes in central]))


def central_classes(arrays: Mapping[str, Array]) -> dict[int, Array]:
    """Cluster to the true classes of its ten samples nearest to its mean, the nearest first."""
    labels, classes = arrays["labels"][arrays["sample"]], arrays["sample_classes"]
    found = {}
    for label in np.unique(labels):
        z, own = arrays["sample_embedding"][labels == label], classes[labels == label]
        found[int(label)] = own[np.linalg.norm(z - z.mean(0), axis=1).argsort()[:10]]
    return found


def _directions(arrays: Mapping[str, Array]) -> Array:
    """The sample's embeddings (n, d) at length one."""
    z = arrays["sample_embedding"]
    directions: Array = z / np.linalg.norm(z, axis=1, keepdims=True).clip(1e-12)
    return directions


def _class_contrast(record: Record, store: Store, variant: Variant) -> float:
    """Mean cosine between two samples of one class, less that between two of different classes."""
    arrays = store.arrays(record)
    u, classes = _directions(arrays), arrays["sample_classes"]
    cosines, alike = u @ u.T, classes[:, None] == classes
    others = ~np.eye(len(u), dtype=bool)
    return float(cosines[alike & others].mean() - cosines[~alike].mean())


def _rank_one_share(record: Record, store: Store, variant: Variant) -> float:
    """Largest squared singular value over the sum of all, of a cluster's directions; over clusters."""
    arrays = store.arrays(record)
    u, labels = _directions(arrays), arrays["labels"][arrays["sample"]]
    squares = [np.linalg.svd(u[labels == label], compute_uv=False) ** 2 for label in np.unique(labels)]
    return float(np.mean([values[0] / values.sum() for values in squares]))


def _of_classes(
    record: Record, store: Store, variant: Variant, measured: Callable[[Array, Array], float]
) -> float:
    """What the true classes say of the sample's embedding."""
    arrays = store.arrays(record)
    if "sample_embedding" not in arrays:
        raise Unmeasured(f"{record.key} keeps no embedding: it is the data themselves")
    return measured(arrays["sample_embedding"], arrays["sample_classes"])


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
    "acc_best": lambda record, store, variant: max(record.scored["acc"]),
    **{f"{name}_end": partial(lambda r, s, v, of: _watched(r, of)[-1], of=name) for name in OTHERS},
    **{f"{name}_gap": partial(lambda r, s, v, of: _gap(r, of), of=name) for name in OTHERS},
    "acc_agg_end_gap": lambda r, s, v: abs(_watched(r, "acc_agg")[-1] - r.scored["acc"][-1]),
    "acc_early": _early,
    "acc_rise": lambda record, store, variant: _rise(record, "acc"),
    "nmi_rise": lambda record, store, variant: _rise(record, "nmi"),
    "acc_largest_drop": lambda record, store, variant: _largest_drop(record, "acc"),
    "nmi_largest_drop": lambda record, store, variant: _largest_drop(record, "nmi"),
    "delta_fr_start": lambda r, s, v: _watched(r, "delta_fr")[0],
    "delta_fr_mean": lambda r, s, v: _watched(r, "delta_fr").mean(),
    "delta_fr_end": lambda r, s, v: _watched(r, "delta_fr")[-1],
    "delta_fr_rise": lambda r, s, v: _watched(r, "delta_fr")[-1] - _watched(r, "delta_fr")[0],
    "delta_fd_mean": lambda r, s, v: _watched(r, "delta_fd").mean(),
    "delta_fd_largest": lambda r, s, v: _watched(r, "delta_fd").max(),
    "acc_unconflicted_mostly": _mostly_certain,
    **{f"{name}_rise": partial(_part_rise, name=name) for name in APART},
    "dynamic_loss_change": lambda record, store, variant: change_over(dynamic_loss(record), 0, 1),
    "dynamic_loss_roughness": lambda record, store, variant: _roughness(dynamic_loss(record)),
    "conflicted_largest_rise": _conflicted_largest_rise,
    "conflicted_slowing": _conflicted_slowing,
    "conflicted_before_update": lambda record, store, variant: float(until_update(record)[0][-1]),
    "conflicted_abruptness": _conflicted_abruptness,
    "conflicted_end": lambda record, store, variant: record.curves["conflicted"][-1],
    "cluster_silhouette": _cluster_silhouette,
    "central_purity": _central_purity,
    "class_contrast": _class_contrast,
    "class_margin": partial(_of_classes, measured=separable.class_margin),
    "acc_nearest_mean": partial(_of_classes, measured=separable.nearest_mean),
    "acc_neighbours": partial(_of_classes, measured=separable.neighbours),
    "rank_one_share": _rank_one_share,
    "norm_end": lambda record, store, variant: record.curves["norm"][-1],
    "uniformity_over_least": lambda r, s, v: r.curves["uniformity"][-1] / (r.data["k"] - 1) ** 2,
    "reconstruction_drift": lambda r, s, v: _drift(_curve(r, "reconstruction")),
    "reconstruction_rise": lambda r, s, v: _early_rise(_curve(r, "reconstruction")),
    "centring_drift": lambda r, s, v: _drift(_curve(r, "centring")),
    "centring_change": lambda r, s, v: change_over(_curve(r, "centring"), 0, 1),
    "objective_drift": lambda r, s, v: _drift(objective(r)),
    "pairs_left": lambda r, s, v: r.curves["pairs"][-1] / r.curves["pairs"][0],
    "pairs_rise": lambda r, s, v: _largest_rise(_curve(r, "pairs")),
    "pairs_drop": lambda r, s, v: _drop_at_switch(r),
    "participation_start": lambda r, s, v: _curve(r, "similar", "dissimilar")[0],
    "participation_end": lambda r, s, v: _curve(r, "similar", "dissimilar")[-1],
    "participation_change": lambda r, s, v: np.subtract(*_curve(r, "similar", "dissimilar")[[-1, 0]]),
    "isolated_start": lambda r, s, v: r.curves["isolated"][0],
    "isolated_end": lambda r, s, v: r.curves["isolated"][-1],
    "largest_q": lambda r, s, v: _largest_q(r, s).mean(),
    "near_one_hot": lambda r, s, v: (2 * (1 - _largest_q(r, s)) <= 0.1).mean(),
    "silhouette_u": lambda r, s, v: _silhouette(r, s, "sample_embedding"),
    "silhouette_q": lambda r, s, v: _silhouette(r, s, "sample_q"),
    "silhouette_gain": lambda r, s, v: _silhouette_gain(r, s),
    "acc_gain": partial(_gain, metric="acc"),
    "nmi_max_gain": partial(_gain, metric="nmi_max"),
    "pairing_gain": lambda r, s, v: _pairing_gain(r),
    **{f"{name}_counterexamples": partial(_counterexamples, statement=name) for name in APPENDIX},
    "largest": lambda r, s, v: r.curves["largest"][-1],
    "smallest": lambda r, s, v: r.curves["smallest"][-1],
    "smallest_over_mean": lambda r, s, v: _smallest_over_mean(r),
    "variance_ratio_error": _variance_ratio_error,
}
