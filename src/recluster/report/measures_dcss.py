"""What is read off records for DCSS's claims. Those that use the true classes say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import silhouette_score

from recluster.methods import kmeans
from recluster.papers import find
from recluster.report.readings import (
    Unmeasured,
    Variant,
    change_over,
    config_of,
    curve_of,
    drift,
    lacking,
    relative,
    start_of,
)
from recluster.spec import Config
from recluster.store import Array, Record, Store

Measure = Callable[[Record, Store, Variant], float]
Settings = Mapping[str, Any]

# --- courses over the epochs ----------------------------------------------------------------------


def objective(record: Record) -> Array:
    """Eq. (1a) of DCSS over the epochs."""
    weight: float = record.run["config"]["centring_weight"]
    return curve_of(record, "reconstruction") + weight * curve_of(record, "centring")


def _early_rise(curve: Array) -> float:
    """The greatest rise over the first value in the first tenth of the epochs, or in the first two."""
    early = curve[1 : max(2, len(curve) // 10)]
    return float(early.max() / curve[0] - 1)


def _drop_at_switch(record: Record) -> float:
    """Fall of the pairwise loss when q takes over from p, in units of the first epoch's loss."""
    loss, last = curve_of(record, "pairs"), record.run["config"]["guided_epochs"]
    return float((loss[last - 1] - loss[last]) / loss[0])


def _largest_rise(curve: Array) -> float:
    """The greatest rise from one epoch to the next, in units of the first value."""
    return float(np.diff(curve).max() / curve[0])


# --- the sample of a record -----------------------------------------------------------------------


def _largest_q(record: Record, store: Store) -> Array:
    """The largest element of each q (n,) of the record's sample."""
    largest: Array = store.precise(record)["sample_q"].max(1)
    return largest


def _silhouette(record: Record, store: Store, name: str) -> float:
    """Mean silhouette of the true classes in a representation of the record's sample."""
    arrays = store.precise(record)
    return float(silhouette_score(arrays[name], arrays["sample_classes"]))


def _silhouette_gain(record: Record, store: Store) -> float:
    u = _silhouette(record, store, "sample_embedding")
    return _silhouette(record, store, "sample_q") - u


def first_judge(record: Record, store: Store) -> Array:
    """p (n, k) of the sample, as a second phase begins to judge by it, from the first phase's record.

    Eq. (2) gives p at another m from p itself: it goes with a power of the distance, 2 / (m - 1).
    """
    before = start_of(record, store)
    if before is None or "sample_p" not in before.arrays.get("names", ()):
        raise lacking(record, "the first phase")
    ours, theirs = record.run["config"]["fuzziness"], before.run["config"]["fuzziness"]
    raised = store.precise(before)["sample_p"].astype(np.float64) ** ((theirs - 1) / (ours - 1))
    p: Array = raised / raised.sum(1, keepdims=True)
    return p


def similar_pairs(assignment: Array, similar: float) -> Array:
    """Which pairs (n, n) of different samples have an inner product of `similar` or more."""
    pairs: Array = assignment @ assignment.T >= similar
    np.fill_diagonal(pairs, False)
    return pairs


def _judged_similar(record: Record, store: Store, variant: Variant) -> float:
    """The share of similar pairs in the sample, as p judges when the second phase begins."""
    pairs = similar_pairs(first_judge(record, store), record.run["config"]["similar"])
    return float(pairs.sum() / (pairs.size - len(pairs)))


def _judged_precision(record: Record, store: Store, variant: Variant) -> float:
    """How many of these are of one class. It uses the true classes."""
    return _precision(record, store, first_judge(record, store))


def _similar_precision(record: Record, store: Store, variant: Variant) -> float:
    """The same of the pairs that q calls similar at the end. It uses the true classes."""
    return _precision(record, store, store.precise(record)["sample_q"])


def _precision(record: Record, store: Store, assignment: Array) -> float:
    pairs = similar_pairs(assignment, record.run["config"]["similar"])
    if not pairs.any():
        raise Unmeasured(f"{record.key}: no two samples are similar")
    classes = store.precise(record)["sample_classes"]
    return float((classes[:, None] == classes)[pairs].mean())


# --- beside other runs ----------------------------------------------------------------------------

COMPARED = ("dcss.table1", "dcss.imbalance")
PHASES = ("DCSS_u", "DCSS")  # neither is the other's rival


def _lead(record: Record, store: Store, variant: Variant) -> float:
    """ACC less that of the best other method beside which the paper puts DCSS on these data."""
    rivals = {
        row: config
        for claim in COMPARED
        for row, dataset, config in find(claim).planned(record.run["scale"])
        if dataset == record.run["dataset"] and row not in PHASES
    }
    return record.scores["acc"] - max(_acc(record, store, rivals[row], row) for row in rivals)


def _over_kmeans(record: Record, store: Store, variant: Variant) -> float:
    """ACC less that of k-means on the very embedding that the run began with."""
    other = kmeans.Config(start=config_of(record).start)
    return record.scores["acc"] - _acc(record, store, other, "AE + k-means")


def _over_thinnest(record: Record, store: Store, variant: Variant) -> float:
    """ACC less that of the same run where the first class keeps a tenth."""
    dataset = f"{record.run['dataset'].rpartition('-r')[0]}-r0.1"
    other = replace(record, run=record.run | {"dataset": dataset})
    return record.scores["acc"] - _acc(other, store, config_of(record), "the same method")


def _over(record: Record, store: Store, variant: Variant, **changes: Any) -> float:
    """ACC less that of the same run with changed settings."""
    return record.scores["acc"] - _changed(record, store, changes)


def _range(record: Record, store: Store, variant: Variant, settings: Sequence[Settings]) -> float:
    """From the lowest to the highest ACC of the same run over several settings."""
    found = [_changed(record, store, changes) for changes in settings]
    return max(found) - min(found)


def _changed(record: Record, store: Store, changes: Settings) -> float:
    what = "the same run with " + ", ".join(f"{name} {value}" for name, value in changes.items())
    return _acc(record, store, replace(config_of(record), **changes), what)


def _acc(record: Record, store: Store, config: Config, what: str) -> float:
    found = relative(record, store, config)
    if found is None:
        raise lacking(record, what)
    return found.scores["acc"]


# --- Appendix A -----------------------------------------------------------------------------------


def _counterexamples(record: Record, store: Store, variant: Variant, statement: str) -> int:
    """How many samples or pairs contradict a statement of the appendix, among 1,000 q of the run."""
    config, q = record.run["config"], store.precise(record)["sample_q"][:1000]
    return counterexamples(q, config["similar"], config["dissimilar"])[statement]


def counterexamples(q: Array, similar: float, dissimilar: float) -> dict[str, int]:
    """Statement of the appendix to how many samples or pairs of q (n, k) contradict it.

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

OF_DCSS: Mapping[str, Measure] = {
    "reconstruction_drift": lambda r, s, v: drift(curve_of(r, "reconstruction")),
    "reconstruction_rise": lambda r, s, v: _early_rise(curve_of(r, "reconstruction")),
    "centring_drift": lambda r, s, v: drift(curve_of(r, "centring")),
    "centring_change": lambda r, s, v: change_over(curve_of(r, "centring"), 0, 1),
    "objective_drift": lambda r, s, v: drift(objective(r)),
    "separation_start": lambda r, s, v: r.curves["separation"][0],
    "separation_end": lambda r, s, v: r.curves["separation"][-1],
    "pairs_left": lambda r, s, v: r.curves["pairs"][-1] / r.curves["pairs"][0],
    "pairs_rise": lambda r, s, v: _largest_rise(curve_of(r, "pairs")),
    "pairs_drop": lambda r, s, v: _drop_at_switch(r),
    "participation_start": lambda r, s, v: curve_of(r, "similar", "dissimilar")[0],
    "participation_end": lambda r, s, v: curve_of(r, "similar", "dissimilar")[-1],
    "participation_change": lambda r, s, v: np.subtract(*curve_of(r, "similar", "dissimilar")[[-1, 0]]),
    "similar_start": lambda r, s, v: r.curves["similar"][0],
    "sureness_start": lambda r, s, v: r.curves["sureness"][0],
    "judged_similar": _judged_similar,
    "judged_precision": _judged_precision,
    "similar_precision": _similar_precision,
    "isolated_start": lambda r, s, v: r.curves["isolated"][0],
    "isolated_end": lambda r, s, v: r.curves["isolated"][-1],
    "largest_q": lambda r, s, v: _largest_q(r, s).mean(),
    "near_one_hot": lambda r, s, v: (2 * (1 - _largest_q(r, s)) <= 0.1).mean(),
    "silhouette_u": lambda r, s, v: _silhouette(r, s, "sample_embedding"),
    "silhouette_q": lambda r, s, v: _silhouette(r, s, "sample_q"),
    "silhouette_gain": lambda r, s, v: _silhouette_gain(r, s),
    "acc_lead": _lead,
    "acc_over_kmeans": _over_kmeans,
    "acc_over_thinnest": _over_thinnest,
    "acc_over_alpha0": partial(_over, centring_weight=0.0),
    "acc_over_T1_15": partial(_over, centroid_interval=15),
    "acc_over_T2_1": partial(_over, guided_epochs=1),
    "acc_over_T2_20": partial(_over, guided_epochs=20),
    "acc_range_m": partial(_range, settings=[{"fuzziness": m} for m in (1.1, 1.3, 1.5, 1.7)]),
    "acc_range_zeta": partial(
        _range,
        settings=[{"similar": tenths / 10, "dissimilar": (10 - tenths) / 10} for tenths in range(5, 10)],
    ),
    **{f"{name}_counterexamples": partial(_counterexamples, statement=name) for name in APPENDIX},
}
TITLES = {
    "acc_lead": "lead in ACC",
    "acc_over_kmeans": "ACC over AE + k-means",
    "acc_over_thinnest": "ACC over r = 0.1",
    "acc_over_alpha0": "ACC over alpha = 0",
    "acc_over_T1_15": "ACC over T1 = 15",
    "acc_over_T2_1": "ACC over T2 = 1",
    "acc_over_T2_20": "ACC over T2 = 20",
    "acc_range_m": "range of ACC over m",
    "acc_range_zeta": "range of ACC over zeta",
    "separation_start": "separation, start",
    "separation_end": "separation, end",
    "judged_similar": "similar by p at first",
    "judged_precision": "of these in one class",
    "similar_precision": "similar by q at last, in one class",
    "silhouette_u": "silhouette in u",
    "silhouette_q": "silhouette in q",
    "silhouette_gain": "silhouette, q less u",
    "largest_q": "largest of q",
    "near_one_hot": "near one-hot",
    "pairs_left": "loss left",
    "pairs_rise": "greatest rise of the loss",
    "pairs_drop": "drop when q takes over",
    "participation_start": "pairs taking part, start",
    "participation_end": "pairs taking part, end",
    "participation_change": "pairs taking part, end less start",
    "isolated_start": "without an adjacent one, start",
    "isolated_end": "without an adjacent one, end",
    **{f"{name}_counterexamples": "counterexamples" for name in APPENDIX},
}
"""How a table heads them."""
SHARES = {
    *(name for name in OF_DCSS if name.startswith(("acc_", "pairs_", "judged_", "isolated_"))),
    *("similar_start", "similar_precision"),
}
"""Those that a claim in percent shows in percent."""
