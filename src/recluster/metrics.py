"""Scores of a clustering against the true classes: ACC, NMI under both definitions, ARI.

None depends on how the clusters are numbered, and there may be more or fewer of them than classes.
y is (n,) true classes, labels (n,) assigned clusters: integers in arrays, lists or tensors.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from recluster.spec import InputError, one_of

Average = Literal["arithmetic", "max"]


def accuracy(y: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """ACC in [0, 1]: the share of samples that agree under the best one-to-one matching.

    ULHE eq. (15), DynAE eq. (15), DCSS eq. (6a). PC-X (App. A.7) prints it without the matching,
    which would make it depend on the clusters' numbers. Clusters beyond the number of classes stay
    unmatched and count as errors.

    Raises:
        InputError: not two non-empty rows of integers, equally long.
    """
    from sklearn.metrics.cluster import contingency_matrix

    y, labels = _checked(y, labels)
    table = contingency_matrix(y, labels)
    return float(table[scipy.optimize.linear_sum_assignment(table, maximize=True)].sum() / len(y))


def nmi(y: ArrayLike | Tensor, labels: ArrayLike | Tensor, average: Average = "arithmetic") -> float:
    """NMI in [0, 1]: mutual information, divided by the mean or the greater of the two entropies.

    "arithmetic" is PC-X App. A.7 and DynAE eq. (16); "max" is ULHE eq. (16) and DCSS eq. (6b), and
    never greater. One cluster and one class, 0/0 in print, score 1 as in scikit-learn.

    Raises:
        InputError: not two non-empty rows of integers, equally long; an unknown average.
    """
    from sklearn.metrics import normalized_mutual_info_score

    one_of("average", average, ("arithmetic", "max"))
    y, labels = _checked(y, labels)
    score = normalized_mutual_info_score(y, labels, average_method=average)
    return float(np.clip(score, 0, 1))  # a perfect clustering may come out above 1 by rounding


def ari(y: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """ARI in [-0.5, 1]: agreement over pairs of samples, 0 on average for a random clustering.

    PC-X App. A.7, which says "between 0 and 1"; its formula goes below 0 for worse than random.

    Raises:
        InputError: not two non-empty rows of integers, equally long.
    """
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(*_checked(y, labels)))


def scores(y: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> dict[str, float | int]:
    """`acc`, `nmi` (arithmetic), `nmi_max`, `ari`, and `clusters`, the number of non-empty ones.

    Raises:
        InputError: not two non-empty rows of integers, equally long.
    """
    y, labels = _checked(y, labels)
    return {
        "acc": accuracy(y, labels),
        "nmi": nmi(y, labels),
        "nmi_max": nmi(y, labels, "max"),
        "ari": ari(y, labels),
        "clusters": len(np.unique(labels)),
    }


def _checked(
    y: ArrayLike | Tensor, labels: ArrayLike | Tensor
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    true, found = _integers("y", y), _integers("labels", labels)
    if len(true) != len(found):
        raise InputError(
            f"y and labels must be equally long, got {len(true)} and {len(found)}; "
            "give both for the same samples, in the same order"
        )
    return true, found


def _integers(name: str, values: ArrayLike | Tensor) -> NDArray[np.int64]:
    """A non-empty row of integers as (n,), from the CPU or from a device."""
    try:
        array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name} must be a row of integers: {error}; give one integer a sample"
        ) from error
    if array.ndim != 1:
        raise InputError(
            f"{name} must have one axis, got shape {array.shape}; give one integer a sample"
        )
    if array.size == 0:
        raise InputError(f"{name} must not be empty; give one integer a sample")
    if array.dtype.kind not in "iu":
        raise InputError(
            f"{name} must be integers, got {array.dtype}; number the classes 0, 1, ... "
            "(numpy.unique(values, return_inverse=True)[1] does)"
        )
    return array.astype(np.int64)
