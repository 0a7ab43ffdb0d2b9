"""What somebody with labels could make of an embedding: how far its clustering is from what it allows.

All of it uses true classes, and says so where it is shown. Cosines are taken in double precision and
rounded, so that no processor's last digit decides between two of them.
"""

from __future__ import annotations

import numpy as np

from recluster.store import Array

NEIGHBOURS = 10
DIGITS = 9


def directions(z: Array) -> Array:
    """Rows of z (n, d) at length one in double precision; zero stays zero."""
    z = z.astype(np.float64)
    u: Array = z / np.linalg.norm(z, axis=1, keepdims=True).clip(1e-12)
    return u


def nearest_mean(z: Array, classes: Array) -> float:
    """Share of z (n, d) that is closest by cosine to the mean direction of its own class (n,)."""
    u = directions(z)
    names = np.unique(classes)
    means = directions(np.array([u[classes == name].mean(0) for name in names]))
    return float((names[(u @ means.T).round(DIGITS).argmax(1)] == classes).mean())


def neighbours(z: Array, classes: Array, count: int = NEIGHBOURS) -> float:
    """Share of z (n, d) to whose class (n,) most of the closest others by cosine belong.

    Of classes with equally many the smallest counts, of samples equally close the first.
    """
    u = directions(z)
    cosines = (u @ u.T).round(DIGITS)
    np.fill_diagonal(cosines, -np.inf)
    closest = (-cosines).argsort(axis=1, kind="stable")[:, :count]
    votes = np.array([np.bincount(own).argmax() for own in classes[closest]])
    return float((votes == classes).mean())


def class_margin(z: Array, classes: Array) -> float:
    """Over classes, the least mean cosine within one less the mean one with its most similar other."""
    u, names = directions(z), np.unique(classes)
    sums = np.array([u[classes == name].sum(0) for name in names])
    sizes = np.array([(classes == name).sum() for name in names])
    products, squares = sums @ sums.T, np.array([np.square(u[classes == name]).sum() for name in names])
    between = products / np.outer(sizes, sizes)
    within = (products.diagonal() - squares) / (sizes * (sizes - 1)).clip(1)  # no sample with itself
    np.fill_diagonal(between, -np.inf)
    return float((within - between.max(1)).min())
