"""What measures of several papers share: how a curve changes, and what a record cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recluster.spec import InputError
from recluster.store import Array

Variant = Mapping[str, Any]


class Unmeasured(InputError):
    """This record does not hold what the metric is computed from; another of the run may."""


def change_over(curve: Array, start: float, end: float) -> float:
    """Relative change of a curve between two points of it, each the mean of a twentieth."""
    width = max(1, len(curve) // 20)
    first, last = int(start * (len(curve) - width)), int(end * (len(curve) - width))
    before, after = curve[first : first + width].mean(), curve[last : last + width].mean()
    return float((after - before) / before)
