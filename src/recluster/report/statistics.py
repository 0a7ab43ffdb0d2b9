"""What a few runs on a few data sets can tell, and what they cannot.

Differences come in *strata*: a data set's differences between two methods, seed by seed, so that both
saw the same data and the same pretrained network. All data sets count alike, however many seeds each
has. A missing run is never made up: what it would have been paired with is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from recluster.spec import InputError

CONFIDENCE = 0.95
LEVEL = 0.05  # below it a corrected p-value is called a difference
RESAMPLES = 4999
EXACT = 2**14  # with no more sign patterns than this all are tried, else so many drawn
SIMULATED = 200

Vector = NDArray[np.float64]
Strata = Sequence[ArrayLike]


def complete(values: ArrayLike) -> NDArray[np.bool_]:
    """Which blocks of values (rows, blocks) have a run in every row; NaN is a run that is missing."""
    return np.atleast_1d(np.isfinite(_table(values)).all(0))


def mean_ranks(values: ArrayLike) -> Vector:
    """Mean rank (rows,) over the complete blocks of values (rows, blocks).

    The greatest value of a block has rank 1. Equal values share the mean of their ranks.

    Raises:
        InputError: not a table, or no block is complete.
    """
    table = _table(values)
    known = complete(table)
    if not known.any():
        raise InputError(
            f"ranks need a block in which every row has a run, none of {table.shape[1]} has; "
            "leave rows out or make the missing runs"
        )
    ranks: Vector = stats.rankdata(-table[:, known], axis=0).mean(1)
    return ranks


def centre(strata: Strata) -> float:
    """The mean over strata of each stratum's mean."""
    return float(np.mean([row.mean() for row in _checked(strata)]))


def interval(strata: Strata, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Bootstrap interval (BCa) for `centre`: seeds are drawn anew within each data set.

    It speaks of other seeds on these data sets, not of other data sets. None where a data set has a
    single seed, or where no seed differs from another: then nothing can be drawn anew.
    """
    rows = _checked(strata)
    if min(map(len, rows)) < 2:
        return None
    return _bca(rows, _centre_of, confidence, paired=False)


def sign_flip(strata: Strata) -> float:
    """Two-sided p-value of `centre` when each difference may as well have had the other sign.

    Exact, by all sign patterns, as long as there are no more than `EXACT` of them.
    """
    rows = _checked(strata)
    parts = np.concatenate([row / len(row) for row in rows])
    if len(parts) < 2:
        return 1.0
    result = stats.permutation_test(
        (parts,),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=EXACT,
        random_state=np.random.default_rng(0),
    )
    return float(result.pvalue)


def smallest_p(differences: int) -> float:
    """The smallest p-value that `sign_flip` can give for so many differences: all of one sign."""
    if differences < 1:
        raise InputError(f"a test needs one difference or more, got {differences}; make the runs first")
    return min(1.0, 2.0 ** (1 - differences))


def holm(p: ArrayLike) -> Vector:
    """Holm's correction of p-values (n,): below a level, the chance of any false one stays below it.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    values = np.asarray(p, float)
    order = values.argsort(kind="stable")
    factors = np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * factors).clip(max=1)
    return corrected


def probability_of_improvement(ours: Strata, theirs: Strata) -> float:
    """Chance that a run of ours beats one of theirs, any seeds; equal counts half; mean over strata.

    Source: Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice.
    """
    pairs = zip(_checked(ours), _checked(theirs), strict=True)
    return float(np.mean([stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)) for a, b in pairs]))


def coverage(sizes: Sequence[int], confidence: float = CONFIDENCE) -> float:
    """How often `interval` holds the truth, in simulated normal differences of so many seeds each."""
    if min(sizes) < 2:
        raise InputError(f"an interval needs two seeds on each data set, got {sizes}; make more runs")
    random = np.random.default_rng(0)
    held = 0
    for _ in range(SIMULATED):
        rows = [random.normal(size=size) for size in sizes]
        found = _bca(rows, _centre_of, confidence, paired=False, resamples=999)
        held += found is not None and found[0] <= 0 <= found[1]
    return held / SIMULATED


def rank_correlation(x: ArrayLike, y: ArrayLike) -> tuple[float, tuple[float, float] | None, float]:
    """Spearman's rho of x and y (n,), its bootstrap interval (BCa) over the pairs, and Kendall's tau.

    The interval is None where it cannot be had: nearly all pairs alike.

    Raises:
        InputError: fewer than four pairs, or x or y is constant.
    """
    first, second = _checked([x, y])
    if len(first) < 4 or len(first) != len(second) or not (np.ptp(first) and np.ptp(second)):
        raise InputError(
            f"a rank correlation needs four pairs or more and values that differ, got {len(first)} and "
            f"{len(second)} values; make more runs"
        )
    rho = float(_spearman(first, second))
    tau = float(stats.kendalltau(first, second).statistic)
    return rho, _bca([first, second], _spearman, CONFIDENCE, paired=True), tau


def front(costs: ArrayLike, qualities: ArrayLike) -> NDArray[np.bool_]:
    """Which of n are on the Pareto front: nothing is both as cheap and as good, and one of them more."""
    cost, quality = (np.asarray(values, float) for values in (costs, qualities))
    as_cheap, as_good = cost[:, None] <= cost, quality[:, None] >= quality
    more = (cost[:, None] < cost) | (quality[:, None] > quality)
    return np.atleast_1d(np.logical_not(as_cheap & as_good & more).all(0))


def _bca(
    samples: Sequence[Vector],
    statistic: Any,
    confidence: float,
    *,
    paired: bool,
    resamples: int = RESAMPLES,
) -> tuple[float, float] | None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # that it is degenerate shows as NaN
        found = stats.bootstrap(
            tuple(samples),
            statistic,
            paired=paired,
            vectorized=True,
            n_resamples=resamples,
            confidence_level=confidence,
            method="BCa",
            random_state=np.random.default_rng(0),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    return (low, high) if np.isfinite([low, high]).all() else None


def _centre_of(*rows: Vector, axis: int) -> Vector:
    total: Vector = np.mean([row.mean(axis) for row in rows], axis=0)
    return total


def _spearman(x: Vector, y: Vector, axis: int = -1) -> Vector:
    a, b = (stats.rankdata(values, axis=axis) for values in (x, y))
    a, b = (ranks - ranks.mean(axis, keepdims=True) for ranks in (a, b))
    rho: Vector = (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))
    return rho


def _table(values: ArrayLike) -> Vector:
    table = np.asarray(values, float)
    if table.ndim != 2 or table.size == 0:
        raise InputError(
            f"values must be rows x blocks, one of each or more; got shape {table.shape}; give a row a "
            "method, a block one seed of one data set"
        )
    return table


def _checked(strata: Strata) -> list[Vector]:
    rows = [np.asarray(row, float) for row in strata]
    if not rows or any(row.ndim != 1 or not len(row) or np.isnan(row).any() for row in rows):
        raise InputError(
            f"each data set needs a value for one seed or more, and none that is missing; got "
            f"{[row.tolist() for row in rows]}; leave the others out"
        )
    return rows
