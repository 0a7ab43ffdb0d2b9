"""DynAE's course without labels: the share of samples in doubt, beside that of the official code's log.

Of steps (m,) and the share of all samples that were conflicted after each of them (m,).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from recluster.store import Array

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
