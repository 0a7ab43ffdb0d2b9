"""What measures of several papers share: how a curve changes, and what a record cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recluster.spec import InputError
from recluster.store import Array, Record

Variant = Mapping[str, Any]


class Unmeasured(InputError):
    """This record does not hold what the metric is computed from; another of the run may."""


def change_over(curve: Array, start: float, end: float) -> float:
    """Relative change of a curve between two points of it, each the mean of a twentieth."""
    width = max(1, len(curve) // 20)
    first, last = int(start * (len(curve) - width)), int(end * (len(curve) - width))
    before, after = curve[first : first + width].mean(), curve[last : last + width].mean()
    return float((after - before) / before)


def curve_of(record: Record, *names: str) -> Array:
    """The curve of that name, or the sum of several."""
    total: Array = np.array([record.curves[name] for name in names]).sum(0)
    return total


def watched(record: Record, name: str) -> Array:
    """One of `recluster.diagnostics.watched` at the scored epochs."""
    if name not in record.scored:
        raise Unmeasured(f"{record.key} was made before {name} was kept; run it again")
    return np.array(record.scored[name])


def over_epochs(record: Record, values: Array) -> float:
    """The mean over training of what was measured at the scored epochs, which lie ever farther apart.

    Each stands for the epochs since the one scored before it; the start, epoch 0, for none.
    """
    return float(np.average(values, weights=np.diff(record.scored["epoch"], prepend=0)))


def fall(values: Array) -> float:
    """The greatest, from one value to the next."""
    return abs(float(np.diff(values, prepend=values[0]).min()))
